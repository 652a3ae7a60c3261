//! Makes and changes the scenario's users and what is theirs, as the API does.

use std::collections::HashMap;
use std::str::FromStr;

use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::device::DeviceKind;
use watchbell_core::rule::Surface;
use watchbell_core::user::Hours;
use watchbell_core::{ContactId, RuleId, UserId};
use watchbell_store::directory::{NewContact, NewRule, NewUser};

use super::file::{Entry, User};
use super::provider::lock;
use super::stage::{BY, Known, Stage, failed};
use super::words::{BadPhrase, Read, RulePhrase, bad};

impl Stage<'_> {
    pub(super) fn change_users(&mut self, entry: &Entry) -> Read<()> {
        self.categories(&entry.categories)?;
        for (name, user) in &entry.users {
            self.user(name, user)?;
        }
        for (name, contacts) in &entry.add_contacts {
            for contact in contacts {
                self.add_contact(name, contact)?;
            }
        }
        for (name, contacts) in &entry.change_contacts {
            for (label, contact) in contacts {
                let (user, id, new) = (self.known(name)?.id, self.contact(name, label)?, self.new_contact(name, label, contact)?);
                let server = self.server()?;
                server.with(server.store.replace_contact(BY, user, id, new)).map_err(failed("changing a contact"))?;
            }
        }
        for (name, contacts) in &entry.contact_status {
            for (label, status) in contacts {
                let status = ContactStatus::from_str(status).map_err(|error| BadPhrase(error.to_string()))?;
                let (user, id, server) = (self.known(name)?.id, self.contact(name, label)?, self.server()?);
                server.with(server.store.set_contact_status(BY, user, id, status)).map_err(failed("setting a status"))?;
            }
        }
        for (name, contacts) in &entry.delete_contacts {
            for label in contacts {
                let (user, id, server) = (self.known(name)?.id, self.contact(name, label)?, self.server()?);
                server.with(server.store.delete_contact(BY, user, None, id, true)).map_err(failed("deleting a contact"))?;
            }
        }
        self.change_devices(entry)?;
        self.change_rules(entry)?;
        for (topic, members) in &entry.add_members {
            self.add_members(topic, members)?;
        }
        for (topic, members) in &entry.remove_members {
            for member in members {
                let (user, server) = (self.known(member)?.id, self.server()?);
                server.with(server.store.remove_members(BY, topic, &[user])).map_err(failed("removing a member"))?;
            }
        }
        for name in &entry.delete_users {
            let (user, server) = (self.known(name)?.id, self.server()?);
            server.with(server.store.delete_user(BY, user)).map_err(failed("deleting a user"))?;
        }
        Ok(())
    }

    fn change_devices(&mut self, entry: &Entry) -> Read<()> {
        for (name, devices) in &entry.add_devices {
            for device in devices {
                self.add_device(name, device)?;
            }
        }
        for (name, devices) in &entry.delete_devices {
            for label in devices {
                let known = self.known(name)?;
                let id = *known.devices.get(label).ok_or_else(|| BadPhrase(format!("{name} has no device `{label}`")))?;
                let server = self.server()?;
                server.with(server.store.delete_device(BY, known.id, id)).map_err(failed("deleting a device"))?;
            }
        }
        Ok(())
    }

    fn change_rules(&mut self, entry: &Entry) -> Read<()> {
        for (name, rules) in &entry.delete_rules {
            for phrase in rules {
                let (id, rule) = (self.rule(name, phrase)?, phrase.parse::<RulePhrase>()?);
                let (user, server) = (self.known(name)?.id, self.server()?);
                let triggers = [rule.trigger];
                let deleted = server.store.delete_rule(BY, user, surface(&rule), &triggers, id);
                server.with(deleted).map_err(failed("deleting a rule"))?;
            }
        }
        for (name, rules) in &entry.change_rules {
            for (old, new) in rules {
                let (rule, trigger) = (self.rule(name, old)?, old.parse::<RulePhrase>()?.trigger);
                let (user, changed) = (self.known(name)?.id, self.new_rule(name, new)?);
                let server = self.server()?;
                server.with(server.store.replace_rule(BY, user, &[trigger], rule, changed)).map_err(failed("changing a rule"))?;
                if let Some(known) = self.users.get_mut(name) {
                    known.rules.insert(new.clone(), rule);
                }
            }
        }
        for (name, rules) in &entry.add_rules {
            for phrase in rules {
                self.add_rule(name, phrase)?;
            }
        }
        Ok(())
    }

    fn contact(&self, user: &str, label: &str) -> Read<ContactId> {
        let id = self.known(user)?.contacts.get(label).copied();
        id.ok_or_else(|| BadPhrase(format!("{user} has no contact `{label}`")))
    }

    fn rule(&self, user: &str, phrase: &str) -> Read<RuleId> {
        let id = self.known(user)?.rules.get(phrase).copied();
        id.ok_or_else(|| BadPhrase(format!("{user} has no rule `{phrase}`")))
    }

    /// Makes a user with all that is theirs, or changes one's own properties.
    pub(super) fn user(&mut self, name: &str, user: &User) -> Read<()> {
        let described = match self.users.get(name) {
            Some(known) => merged(&known.described, user),
            None => user.clone(),
        };
        let new = NewUser {
            external_id: Some(name.to_owned()),
            username: name.to_owned(),
            first_name: described.name.clone().unwrap_or_else(|| capitalised(name)),
            timezone: described.timezone.clone().unwrap_or_default(),
            locale: described.locale.clone().unwrap_or_default(),
            quiet_hours: quiet_hours(&described)?,
            ..NewUser::default()
        };
        if let Some(known) = self.users.get_mut(name) {
            known.described = described;
            let (id, server) = (self.known(name)?.id, self.server()?);
            server.with(server.store.replace_user(BY, id, new, &[])).map_err(failed("changing a user"))?;
        } else {
            let server = self.server()?;
            let id = server.with(server.store.create_user(BY, new)).map_err(failed("making a user"))?.id;
            lock(&self.world).addresses.insert(id.to_string(), (name.to_owned(), "inbox".to_owned()));
            let known = Known { id, described, contacts: HashMap::new(), devices: HashMap::new(), rules: HashMap::new() };
            self.users.insert(name.to_owned(), known);
            let default = vec![format!("email: email {name}@example.org"), format!("phone: phone +49151{:08}", 10_000_000 + id.0)];
            for contact in user.contacts.as_ref().unwrap_or(&default) {
                self.add_contact(name, contact)?;
            }
        }
        for device in &user.devices {
            self.add_device(name, device)?;
        }
        for rule in &user.rules {
            self.add_rule(name, rule)?;
        }
        self.wishes(name, user)
    }

    fn add_contact(&mut self, name: &str, phrase: &str) -> Read<()> {
        let Some((label, contact)) = phrase.split_once(": ") else {
            return bad(phrase, "must be a contact such as `mobile: phone +4915112345678` or `old: email a@example.org locked`");
        };
        let (user, new) = (self.known(name)?.id, self.new_contact(name, label, contact)?);
        let server = self.server()?;
        let id = server.with(server.store.create_contact(BY, user, new)).map_err(failed("making a contact"))?.id;
        if let Some(known) = self.users.get_mut(name) {
            known.contacts.insert(label.to_owned(), id);
        }
        Ok(())
    }

    /// Reads `phone +4915112345678 primary`, and remembers whose address it is.
    fn new_contact(&self, name: &str, label: &str, phrase: &str) -> Read<NewContact> {
        let words: Vec<&str> = phrase.split_whitespace().collect();
        let [kind, target, flags @ ..] = &words[..] else { return bad(phrase, "must be a kind and an address") };
        let kind = ContactKind::from_str(kind).or_else(|error| bad(phrase, &error.to_string()))?;
        let status = match flags {
            flags if flags.contains(&"locked") => ContactStatus::Locked,
            flags if flags.contains(&"blacklisted") => ContactStatus::Blacklisted,
            _ => ContactStatus::Ok,
        };
        let address = (*target).to_owned();
        lock(&self.world).addresses.insert(address.clone(), (name.to_owned(), label.to_owned()));
        let region = (kind == ContactKind::Phone).then(|| "DE".to_owned());
        Ok(NewContact { kind, target: address, region, primary: flags.contains(&"primary").then_some(true), status })
    }

    fn add_device(&mut self, name: &str, label: &str) -> Read<()> {
        let (user, token) = (self.known(name)?.id, format!("token-of-{label}"));
        lock(&self.world).addresses.insert(token.clone(), (name.to_owned(), label.to_owned()));
        let server = self.server()?;
        let added = server.store.add_device(BY, user, DeviceKind::Fcm, &token, None, true);
        let id = server.with(added).map_err(failed("adding a device"))?.id;
        if let Some(known) = self.users.get_mut(name) {
            known.devices.insert(label.to_owned(), id);
        }
        Ok(())
    }

    fn add_rule(&mut self, name: &str, phrase: &str) -> Read<()> {
        let (user, new) = (self.known(name)?.id, self.new_rule(name, phrase)?);
        let server = self.server()?;
        let id = server.with(server.store.create_rule(BY, user, new)).map_err(failed("making a rule"))?.id;
        if let Some(known) = self.users.get_mut(name) {
            known.rules.insert(phrase.to_owned(), id);
        }
        Ok(())
    }

    fn new_rule(&self, name: &str, phrase: &str) -> Read<NewRule> {
        let rule: RulePhrase = phrase.parse()?;
        let contact_id = rule.to.as_ref().map(|label| self.contact(name, label)).transpose()?;
        Ok(NewRule {
            surface: surface(&rule),
            trigger: rule.trigger,
            channel: rule.channel,
            contact_id,
            contact_kinds: ContactKind::ALL,
            offset_s: rule.offset_s,
            position: rule.step,
            critical: rule.critical,
            public_id: None,
            when: rule.when,
            repeat: rule.repeat,
        })
    }

    pub(super) fn add_members(&self, topic: &str, members: &[String]) -> Read<()> {
        let users = members.iter().map(|name| Ok(self.known(name)?.id)).collect::<Read<Vec<UserId>>>()?;
        let server = self.server()?;
        server.with(server.store.add_members(BY, topic, &users)).map_err(failed("adding members"))
    }
}

/// A chain belongs to the OnCall surface, a rule that stands alone to ilert's.
fn surface(rule: &RulePhrase) -> Surface {
    match (rule.step, rule.repeat.is_none() && rule.when.is_empty()) {
        (Some(_), _) => Surface::Oncall,
        (None, true) => Surface::Ilert,
        (None, false) => Surface::Watchbell,
    }
}

fn merged(before: &User, change: &User) -> User {
    User {
        name: change.name.clone().or_else(|| before.name.clone()),
        timezone: change.timezone.clone().or_else(|| before.timezone.clone()),
        locale: change.locale.clone().or_else(|| before.locale.clone()),
        quiet_hours: change.quiet_hours.clone().or_else(|| before.quiet_hours.clone()),
        quiet_days: change.quiet_days.clone().or_else(|| before.quiet_days.clone()),
        ..before.clone()
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn quiet_hours(user: &User) -> Read<Option<Hours>> {
    let Some(phrase) = user.quiet_hours.as_deref().filter(|phrase| *phrase != "none") else { return Ok(None) };
    let Some((start, end)) = phrase.split_once('-') else { return bad(phrase, "must be quiet hours such as 22:00-07:00, or none") };
    let hours = serde_json::json!({ "start": start, "end": end, "days": user.quiet_days.clone().unwrap_or_default() });
    serde_json::from_value(hours).map(Some).or_else(|error| bad(phrase, &error.to_string()))
}
