//! All that a user has set, as it is kept and as an export has it: each surface's rules in that surface's own words.

use watchbell_core::contact::Contact;
use watchbell_core::device::Device;
use watchbell_core::preference::{Category, Preference, Switches};
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::user::User;
use watchbell_store::directory::ChainFilter;
use watchbell_store::{Store, StoreError};
use watchbell_wire::Name;
use watchbell_wire::devices::NewDevice;
use watchbell_wire::transfer::{
    TransferAddress, TransferCategory, TransferContact, TransferNotiflow, TransferOwnRule, TransferPreference, TransferRule, TransferStep,
    TransferSwitches, TransferUser,
};

use crate::ilert::rules::kind;
use crate::oncall::kinds;
use crate::validate::rule;

pub(super) struct UserExport {
    pub user: User,
    pub contacts: Vec<Contact>,
    pub devices: Vec<Device>,
    /// Those that are no steps of a chain.
    pub rules: Vec<Rule>,
    /// Of the OnCall surface: LOW before HIGH, each in order of position.
    pub chains: Vec<Rule>,
    pub topics: Vec<String>,
    pub preferences: Vec<Preference>,
    pub switches: Switches,
}

impl UserExport {
    /// None for a user who was deleted meanwhile.
    pub async fn load(store: &dyn Store, user: User) -> Result<Option<Self>, StoreError> {
        match Self::load_all(store, user).await {
            Err(StoreError::NotFound("user")) => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    async fn load_all(store: &dyn Store, user: User) -> Result<Self, StoreError> {
        let id = user.id;
        let of_user = ChainFilter { surface: Surface::Oncall, user: Some(id), trigger: None, offset: 0, limit: i64::from(i32::MAX) };
        Ok(Self {
            contacts: store.contacts(id, None).await?,
            devices: store.devices(id).await?,
            rules: store.rules(id, Surface::Watchbell, Trigger::ALL).await?.into_iter().filter(|rule| rule.position.is_none()).collect(),
            chains: store.chain_rules(&of_user).await?.0.into_iter().map(|found| found.rule).collect(),
            topics: store.topics_of(id).await?,
            preferences: store.preferences(id).await?,
            switches: store.switches(id).await?,
            user,
        })
    }

    /// The user's numbers and texts of ids are this database's own, so another one knows them by what is the external id here or,
    /// where there is none, by the `U…` id: scripts that have it in them go on working.
    pub fn write(&self) -> TransferUser {
        let user = &self.user;
        TransferUser {
            external_id: user.external_id.as_ref().unwrap_or(&user.public_id).clone(),
            username: Some(user.username.clone()),
            first_name: Some(user.first_name.clone()),
            last_name: Some(user.last_name.clone()),
            timezone: Some(user.timezone.clone()),
            locale: Some(user.locale.clone()),
            quiet_hours: Some(user.quiet_hours.clone().into()),
            custom_fields: Some(user.custom_fields.clone()),
            profile: Some(user.profile.clone()),
            contacts: Some(self.contacts.iter().map(contact).collect()),
            devices: Some(self.devices.iter().map(device).collect()),
            rules: Some(self.rules.iter().filter(|rule| is_ilerts(rule)).filter_map(|rule| self.rule(rule)).collect()),
            own_rules: Some(self.rules.iter().filter(|rule| !is_ilerts(rule)).filter_map(|rule| self.own_rule(rule)).collect()),
            chains: Some(self.chains.iter().map(step).collect()),
            topics: Some(self.topics.clone()),
            preferences: Some(self.preferences.iter().map(preference).collect()),
            switches: Some(switches(&self.switches)),
        }
    }

    fn rule(&self, rule: &Rule) -> Option<TransferRule> {
        let kind = kind::ALL.iter().find(|kind| kind.triggers.contains(&rule.trigger))?;
        let (method, _) = kind.methods.iter().find(|(_, channel)| Some(*channel) == rule.channel)?;
        let own = (kind.own)(rule);
        Some(TransferRule {
            kind: Name::kept(kind.path.to_owned()),
            method: (*method).to_owned(),
            trigger: own.trigger.map(str::to_owned),
            delay_min: own.delay_min,
            before_min: own.before_min,
            contact: self.address(rule),
        })
    }

    fn own_rule(&self, rule: &Rule) -> Option<TransferOwnRule> {
        Some(TransferOwnRule {
            trigger: rule.trigger.into(),
            channel: rule.channel?.into(),
            contact: self.address(rule),
            terms: rule::terms(rule, rule.offset_s),
        })
    }

    fn address(&self, rule: &Rule) -> Option<TransferAddress> {
        let contact = self.contacts.iter().find(|contact| Some(contact.id) == rule.contact_id)?;
        Some(TransferAddress { kind: contact.kind.into(), target: contact.target.clone() })
    }
}

/// Whether it is in the list of the ilert surface's rules.
fn is_ilerts(rule: &Rule) -> bool {
    rule.surface == Surface::Ilert
}

pub(super) fn category(category: &Category) -> TransferCategory {
    TransferCategory {
        handle: category.handle.clone(),
        name: Some(category.name.clone()),
        default_channels: Some(category.default_channels.iter().map(|channel| (*channel).into()).collect()),
    }
}

fn contact(contact: &Contact) -> TransferContact {
    TransferContact {
        kind: contact.kind.into(),
        target: contact.target.clone(),
        region_code: contact.region.clone(),
        primary: contact.region.as_ref().map(|_| contact.primary),
        status: Some(contact.status.into()),
    }
}

fn device(device: &Device) -> NewDevice {
    NewDevice {
        kind: device.kind.into(),
        token: device.token.clone(),
        keys: device.keys.as_deref().and_then(|keys| serde_json::from_str(keys).ok()),
    }
}

fn step(rule: &Rule) -> TransferStep {
    TransferStep {
        id: Some(rule.public_id.clone().into()),
        user_id: None,
        important: Some(rule.trigger == Trigger::AlertHigh),
        position: rule.position.unwrap_or_default(),
        kind: kinds::name(rule).to_owned(),
        duration: rule.channel.is_none().then_some(rule.offset_s),
    }
}

fn preference(preference: &Preference) -> TransferPreference {
    let wants = preference.wants;
    TransferPreference {
        category: Some(preference.category.clone().into()),
        in_app: Some(wants.in_app),
        email: Some(wants.email),
        push: Some(wants.push),
        digest: Some(wants.digest.into()),
    }
}

fn switches(switches: &Switches) -> TransferSwitches {
    let notiflows = switches
        .notiflows
        .iter()
        .map(|(handle, set)| (handle.clone(), TransferNotiflow { enabled: set.enabled, channel_types: Some((&set.channel_types).into()) }));
    TransferSwitches { channel_types: Some((&switches.channel_types).into()), notiflows: Some(notiflows.collect()) }
}
