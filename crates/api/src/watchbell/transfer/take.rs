//! Makes a user's statement hold here: what is missing is added, what differs is changed, what is there stays. The same
//! statement a second time changes nothing.

use watchbell_core::contact::{Contact, ContactKind};
use watchbell_core::ids::{UserRef, check_external_id};
use watchbell_core::rule::Trigger;
use watchbell_core::user::User;
use watchbell_core::{UserId, mask};
use watchbell_store::StoreError;
use watchbell_store::access::Actor;
use watchbell_store::directory::{NewContact, NewUser};
use watchbell_store::preferences::{NewCategory, Switches};

use super::user_export::UserExport;
use super::wanted::Wanted;
use crate::people;
use crate::problem::Problem;
use crate::state::Api;

pub(super) struct Taker<'a> {
    pub api: &'a Api,
    pub by: Actor,
    /// Nothing is changed, only said.
    pub is_dry: bool,
    /// Who is not known by external id is looked for by email, and keeps what they are called.
    pub is_joining: bool,
    /// What is here and in none of the lists that are said is taken away.
    pub is_pruning: bool,
}

/// What was done, or would be, for one user; and what could not.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub changes: Vec<String>,
    pub problems: Vec<String>,
}

impl Outcome {
    /// Notes what a transition came to.
    ///
    /// # Errors
    /// A fault that passes: the rest is to be sent again.
    pub fn note<T>(&mut self, change: String, made: Result<T, StoreError>) -> Result<Option<T>, Problem> {
        match made {
            Ok(made) => {
                self.changes.push(change);
                Ok(Some(made))
            }
            Err(error) if error.is_passing() => Err(error.into()),
            Err(error) => {
                self.problems.push(format!("cannot {change}: {}", Problem::from(error).message));
                Ok(None)
            }
        }
    }
}

impl Taker<'_> {
    /// Makes the categories be so; what that changed.
    pub async fn categories(&self, wanted: Vec<NewCategory>) -> Result<Vec<String>, Problem> {
        let known = self.api.store.categories().await?;
        let mut changes = Vec::new();
        for category in wanted {
            let before = known.iter().find(|known| known.handle == category.handle);
            if before.is_some_and(|before| before.name == category.name && before.default_channels == category.default_channels) {
                continue;
            }
            changes.push(format!("{} the category {}", if before.is_some() { "change" } else { "make" }, category.handle));
            if !self.is_dry {
                self.api.store.put_category(self.by, category).await?;
            }
        }
        Ok(changes)
    }

    pub async fn user(&self, mut wanted: Wanted) -> Result<Outcome, Problem> {
        let mut outcome = Outcome { changes: Vec::new(), problems: std::mem::take(&mut wanted.problems) };
        let Some(before) = self.find(&wanted, &mut outcome).await? else { return Ok(outcome) };
        let current = match before {
            Some(user) => UserExport::load(&*self.api.store, user).await?,
            None => None,
        };
        let id = match &current {
            Some(current) => {
                self.change(&wanted, &current.user, &mut outcome).await?;
                Some(current.user.id)
            }
            None => self.create(&wanted, &mut outcome).await?,
        };
        // Who could not be made has nothing.
        if id.is_none() && !self.is_dry {
            return Ok(outcome);
        }
        self.contacts(&wanted, current.as_ref(), id, &mut outcome).await?;
        self.devices(&wanted, current.as_ref(), id, &mut outcome).await?;
        self.rules(&wanted, current.as_ref(), id, &mut outcome).await?;
        for trigger in [Trigger::AlertLow, Trigger::AlertHigh] {
            self.chain(trigger, &wanted, current.as_ref(), id, &mut outcome).await?;
        }
        self.wishes(&wanted, current.as_ref(), id, &mut outcome).await?;
        if let Some(current) = current.as_ref().filter(|_| self.is_pruning) {
            self.prune(&wanted, current, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// The user that is meant, if there is one yet; the outer None is for one who can neither be found nor made.
    async fn find(&self, wanted: &Wanted, outcome: &mut Outcome) -> Result<Option<Option<User>>, Problem> {
        if let Some(user) = self.api.store.user(&UserRef::Name(wanted.external_id.clone())).await? {
            return Ok(Some(Some(user)));
        }
        let email = wanted.contacts.iter().find(|contact| contact.kind == ContactKind::Email);
        if let Some(email) = email.filter(|_| self.is_joining)
            && let Some(user) = people::with_email(self.api, &email.target).await?
        {
            return Ok(Some(Some(user)));
        }
        if wanted.username.is_none() {
            outcome.problems.push("the user is not known here, and has no username to be made with".to_owned());
            return Ok(None);
        }
        Ok(Some(None))
    }

    async fn create(&self, wanted: &Wanted, outcome: &mut Outcome) -> Result<Option<UserId>, Problem> {
        let change = "make the user".to_owned();
        if let Err(error) = check_external_id(&wanted.external_id) {
            outcome.problems.push(format!("the user is not known here, and cannot be made: the external id {error}"));
            return Ok(None);
        }
        if self.is_dry {
            outcome.changes.push(change);
            return Ok(None);
        }
        let blank = NewUser { external_id: Some(wanted.external_id.clone()), ..NewUser::default() };
        let made = self.api.store.create_user(self.by, told(wanted, blank)).await;
        Ok(outcome.note(change, made)?.map(|user| user.id))
    }

    async fn change(&self, wanted: &Wanted, user: &User, outcome: &mut Outcome) -> Result<(), Problem> {
        let before = NewUser::from(user.clone());
        let mut after = if self.is_joining { before.clone() } else { told(wanted, before.clone()) };
        if after.external_id.is_none() && user.public_id != wanted.external_id {
            after.external_id = Some(wanted.external_id.clone());
        }
        if after == before {
            return Ok(());
        }
        if after.external_id != before.external_id
            && let Err(error) = check_external_id(&wanted.external_id)
        {
            outcome.problems.push(format!("the external id {error}"));
            return Ok(());
        }
        let change = if self.is_joining { "give the user their external id" } else { "change the user's own fields" };
        let made = if self.is_dry { Ok(()) } else { self.api.store.replace_user(self.by, user.id, after, &[]).await.map(drop) };
        outcome.note(change.to_owned(), made).map(drop)
    }

    async fn contacts(
        &self,
        wanted: &Wanted,
        current: Option<&UserExport>,
        id: Option<UserId>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let there = current.map_or(&[][..], |current| &current.contacts);
        for contact in &wanted.contacts {
            if there.iter().any(|there| is_same(there, contact.kind, &contact.target)) {
                continue;
            }
            let change = format!("add the {} contact {}", contact.kind, mask::address(contact.kind, &contact.target));
            let made = match id.filter(|_| !self.is_dry) {
                Some(id) => self.api.store.create_contact(self.by, id, NewContact::clone(contact)).await.map(drop),
                None => Ok(()),
            };
            outcome.note(change, made)?;
        }
        Ok(())
    }

    async fn devices(
        &self,
        wanted: &Wanted,
        current: Option<&UserExport>,
        id: Option<UserId>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let there = current.map_or(&[][..], |current| &current.devices);
        for device in &wanted.devices {
            if there.iter().any(|there| there.kind == device.kind && there.token == device.token) {
                continue;
            }
            let change = format!("register the {} device {}", device.kind, mask::token(&device.token));
            let made = match id.filter(|_| !self.is_dry) {
                Some(id) => {
                    self.api.store.add_device(self.by, id, device.kind, &device.token, device.keys.as_deref(), true).await.map(drop)
                }
                None => Ok(()),
            };
            outcome.note(change, made)?;
        }
        Ok(())
    }

    /// Topics, preferences and switches.
    async fn wishes(
        &self,
        wanted: &Wanted,
        current: Option<&UserExport>,
        id: Option<UserId>,
        outcome: &mut Outcome,
    ) -> Result<(), Problem> {
        let store = &self.api.store;
        let id = id.filter(|_| !self.is_dry);
        for topic in &wanted.topics {
            if current.is_some_and(|current| current.topics.contains(topic)) {
                continue;
            }
            let made = match id {
                Some(id) => store.add_members(self.by, topic, &[id]).await,
                None => Ok(()),
            };
            outcome.note(format!("add the user to the topic {topic}"), made)?;
        }
        for (category, wants) in &wanted.preferences {
            let is_so = |current: &UserExport| current.preferences.iter().any(|there| there.category == *category && there.wants == *wants);
            if current.is_some_and(is_so) {
                continue;
            }
            let made = match id {
                Some(id) => store.put_preference(self.by, id, category.as_deref(), *wants).await.map(drop),
                None => Ok(()),
            };
            outcome.note(format!("set the preference for {}", category.as_deref().unwrap_or("all categories")), made)?;
        }
        let before = current.map(|current| current.switches.clone()).unwrap_or_default();
        if !is_within(&wanted.switches, &before) {
            let made = match id {
                Some(id) => store.merge_switches(self.by, id, &wanted.switches).await.map(drop),
                None => Ok(()),
            };
            outcome.note("set the switches".to_owned(), made)?;
        }
        Ok(())
    }
}

/// What a user is, where nothing else is told.
fn told(wanted: &Wanted, base: NewUser) -> NewUser {
    NewUser {
        username: wanted.username.clone().unwrap_or(base.username),
        first_name: wanted.first_name.clone().unwrap_or(base.first_name),
        last_name: wanted.last_name.clone().unwrap_or(base.last_name),
        timezone: wanted.timezone.clone().unwrap_or(base.timezone),
        locale: wanted.locale.clone().unwrap_or(base.locale),
        quiet_hours: wanted.quiet_hours.clone().unwrap_or(base.quiet_hours),
        custom_fields: wanted.custom_fields.clone().unwrap_or(base.custom_fields),
        profile: wanted.profile.clone().unwrap_or(base.profile),
        ..base
    }
}

pub(super) fn is_same(contact: &Contact, kind: ContactKind, target: &str) -> bool {
    let is_target = if kind == ContactKind::Email { contact.target.eq_ignore_ascii_case(target) } else { contact.target == target };
    contact.kind == kind && is_target
}

/// Whether all that is set is set so already.
fn is_within(wanted: &Switches, there: &Switches) -> bool {
    wanted.channel_types.iter().all(|(kind, is_on)| there.channel_types.get(kind) == Some(is_on))
        && wanted.notiflows.iter().all(|(handle, set)| {
            let before = there.notiflows.get(handle).cloned().unwrap_or_default();
            set.enabled.is_none_or(|is_on| before.enabled == Some(is_on))
                && set.channel_types.iter().all(|(kind, is_on)| before.channel_types.get(kind) == Some(is_on))
        })
}
