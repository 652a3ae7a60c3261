//! Does what a scenario's entries say, through the same doors that the API and the consumer use.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::decode;
use watchbell_core::device::DeviceKind;
use watchbell_core::event::Original;
use watchbell_core::rule::Surface;
use watchbell_core::user::QuietHours;
use watchbell_core::{Clock, ContactId, DeviceId, RuleId, Timestamp, UserId};
use watchbell_store::StoreError;
use watchbell_store::access::Actor;
use watchbell_store::directory::{NewContact, NewRule, NewUser};
use watchbell_store::intake::Accepted;
use watchbell_store::queue::{Receipt, ReceiptOutcome};

use super::clock::WatchedClock;
use super::file::{Entry, Scenario, User};
use super::provider::{SharedWorld, lock};
use super::server::Server;
use super::words::{self, BadPhrase, Read, RulePhrase, Whom, bad};

const BY: Actor = Actor::System;

/// A user as the scenario knows them.
pub struct Known {
    pub id: UserId,
    described: User,
    pub contacts: HashMap<String, ContactId>,
    devices: HashMap<String, DeviceId>,
    /// By the phrase that made them.
    rules: HashMap<String, RuleId>,
}

/// A scenario being played.
pub struct Stage<'a> {
    scenario: &'a Scenario,
    url: String,
    pub start: Timestamp,
    pub clock: WatchedClock,
    pub world: SharedWorld,
    pub server: Option<Server>,
    pub users: BTreeMap<String, Known>,
    /// Events that came while the server was away.
    queued: Vec<Original>,
    events: usize,
}

fn failed(what: &str) -> impl Fn(StoreError) -> BadPhrase {
    move |error| BadPhrase(format!("{what}: {}", watchbell_core::error_chain(&error)))
}

impl<'a> Stage<'a> {
    pub fn set(scenario: &'a Scenario, url: String) -> Read<Self> {
        let start = words::time(&scenario.start, Timestamp::default())?;
        let clock = WatchedClock::new(start);
        let world = SharedWorld::default();
        let server = Some(Server::start(&url, &scenario.settings, &world, &clock)?);
        let mut stage = Self { scenario, url, start, clock, world, server, users: BTreeMap::new(), queued: Vec::new(), events: 0 };
        for (name, user) in &scenario.users {
            stage.user(name, user)?;
        }
        for (topic, members) in &scenario.topics {
            stage.add_members(topic, members)?;
        }
        Ok(stage)
    }

    fn server(&self) -> Read<&Server> {
        self.server.as_ref().ok_or_else(|| BadPhrase("the server is not running: nothing but events can come".to_owned()))
    }

    fn known(&self, name: &str) -> Read<&Known> {
        self.users.get(name).ok_or_else(|| BadPhrase(format!("`{name}` is no user of this scenario")))
    }

    /// Lets time pass.
    pub fn pass(&self, until: Timestamp) -> Read<()> {
        match &self.server {
            Some(server) => server.pass(until),
            None => {
                self.clock.set(until);
                Ok(())
            }
        }
    }

    /// Does everything that an entry says; what the store answered to its events.
    pub fn act(&mut self, entry: &Entry) -> Read<Vec<Accepted>> {
        for (whom, answers) in &entry.answers {
            lock(&self.world).script.set(whom, answers)?;
        }
        if let Some(word) = &entry.server {
            self.serve(word)?;
        }
        self.change_users(entry)?;
        for receipt in &entry.receipts {
            self.receipt(receipt)?;
        }
        for whom in &entry.replay {
            let whom: Whom = whom.parse()?;
            let id = self.last_call(&whom)?;
            let server = self.server()?;
            server.with(server.store.replay_delivery(BY, &id)).map_err(failed("replaying"))?;
        }
        let accepted = self.events(entry)?;
        if let Some(server) = &self.server {
            server.settle()?;
        }
        Ok(accepted)
    }

    fn serve(&mut self, word: &str) -> Read<()> {
        match (word, self.server.take()) {
            ("stop", Some(server)) => server.stop(),
            ("kill", Some(server)) => {
                server.kill();
                Ok(())
            }
            ("start", None) => {
                self.server = Some(Server::start(&self.url, &self.scenario.settings, &self.world, &self.clock)?);
                let queued = std::mem::take(&mut self.queued);
                self.accept(queued).map(drop)
            }
            _ => bad(word, "must be `stop` or `kill` for a server that runs, `start` for one that does not"),
        }
    }

    fn change_users(&mut self, entry: &Entry) -> Read<()> {
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
                server.with(server.store.remove_member(BY, topic, user)).map_err(failed("removing a member"))?;
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
    fn user(&mut self, name: &str, user: &User) -> Read<()> {
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
            server.with(server.store.replace_user(BY, id, new)).map_err(failed("changing a user"))?;
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
        Ok(())
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
        let added = server.store.add_device(BY, user, DeviceKind::Fcm, &token, None);
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
        })
    }

    fn add_members(&self, topic: &str, members: &[String]) -> Read<()> {
        let users = members.iter().map(|name| Ok(self.known(name)?.id)).collect::<Read<Vec<UserId>>>()?;
        let server = self.server()?;
        server.with(server.store.add_members(BY, topic, &users)).map_err(failed("adding members"))
    }

    fn last_call(&self, whom: &Whom) -> Read<watchbell_core::DeliveryId> {
        let world = lock(&self.world);
        let call = world.calls.iter().rev().find(|call| whom.matches(&call.user, call.channel, &call.label));
        call.map(|call| call.delivery.clone())
            .ok_or_else(|| BadPhrase(format!("nothing has been sent to {} by {}", whom.user, whom.channel)))
    }

    fn receipt(&self, phrase: &str) -> Read<()> {
        const RIGHT: &str = "must be such as `anna sms delivered`; delivered, undelivered, bad_address or not_answered";
        let Some((whom, outcome)) = phrase.rsplit_once(' ') else { return bad(phrase, RIGHT) };
        let outcome = match outcome {
            "delivered" => ReceiptOutcome::Delivered,
            "undelivered" => ReceiptOutcome::Undelivered,
            "bad_address" => ReceiptOutcome::BadAddress,
            "not_answered" => ReceiptOutcome::NotAnswered,
            _ => return bad(phrase, RIGHT),
        };
        let receipt = Receipt { delivery: self.last_call(&whom.parse()?)?, outcome, code: None };
        let server = self.server()?;
        server.with(server.store.receipts(vec![receipt])).map_err(failed("a receipt")).map(drop)
    }

    fn events(&mut self, entry: &Entry) -> Read<Vec<Accepted>> {
        let originals = entry.events().into_iter().map(|(kind, data)| self.original(kind, data)).collect::<Read<Vec<_>>>()?;
        if self.server.is_none() {
            self.queued.extend(originals);
            return Ok(Vec::new());
        }
        self.accept(originals)
    }

    /// Decodes and accepts in one transaction, as the consumer does; members of topics after that.
    fn accept(&self, originals: Vec<Original>) -> Read<Vec<Accepted>> {
        let decode = |original| decode::from_nats(original).map_err(|why| BadPhrase(format!("an event cannot be read: {}", why.detail)));
        let events = originals.into_iter().map(decode).collect::<Read<Vec<_>>>()?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let server = self.server()?;
        server.with(async {
            let accepted = server.store.accept(events).await.map_err(failed("accepting"))?;
            while server.store.fan_out().await.map_err(failed("planning members"))? {}
            Ok(accepted)
        })
    }

    /// The message as a publisher would send it: binary CloudEvents. `id`, `source`, `occurred` and `queued` are about the
    /// message, all else is its data.
    fn original(&mut self, kind: &str, data: &toml::Table) -> Read<Original> {
        self.events += 1;
        let now = self.clock.now();
        let mut data = serde_json::to_value(data).map_err(|error| BadPhrase(error.to_string()))?;
        let Some(fields) = data.as_object_mut() else { return bad(kind, "must be a table") };
        let mut take = |key: &str| fields.remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let id = take("id").unwrap_or_else(|| format!("event-{}", self.events));
        let source = take("source").unwrap_or_else(|| "monitoring".to_owned());
        let occurred = take("occurred").map(|phrase| words::time(&phrase, self.start)).transpose()?;
        let queued = take("queued").map(|phrase| words::time(&phrase, self.start)).transpose()?;
        let defaults: &[(&str, &str)] = match kind {
            "alert" => &[("alertId", "A-1"), ("priority", "HIGH"), ("summary", "Database down")],
            "update" => &[("alertId", "A-1")],
            "duty" => &[("dutyId", "D-1"), ("status", "SCHEDULED"), ("schedule", "Primary")],
            _ => &[("title", "Release 7"), ("message", "It is out.")],
        };
        for (key, value) in defaults {
            fields.entry(*key).or_insert_with(|| (*value).into());
        }
        for key in ["startsAt", "endsAt"] {
            if let Some(phrase) = fields.get(key).and_then(|value| value.as_str()) {
                let at = words::time(phrase, self.start)?;
                fields.insert(key.to_owned(), at.to_string().into());
            }
        }
        let mut headers = vec![
            ("ce-specversion".to_owned(), "1.0".to_owned()),
            ("ce-type".to_owned(), format!("watchbell.events.{kind}")),
            ("ce-id".to_owned(), id),
            ("ce-source".to_owned(), source),
        ];
        headers.extend(occurred.map(|at| ("ce-time".to_owned(), at.to_string())));
        let payload = data.to_string().into_bytes();
        Ok(Original { subject: format!("watchbell.events.{kind}"), headers, payload, received_at: queued.unwrap_or(now) })
    }
}

/// A chain belongs to the OnCall surface, a rule that stands alone to ilert's.
fn surface(rule: &RulePhrase) -> Surface {
    if rule.step.is_some() { Surface::Oncall } else { Surface::Ilert }
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

fn quiet_hours(user: &User) -> Read<Option<QuietHours>> {
    let Some(phrase) = user.quiet_hours.as_deref().filter(|phrase| *phrase != "none") else { return Ok(None) };
    let Some((start, end)) = phrase.split_once('-') else { return bad(phrase, "must be quiet hours such as 22:00-07:00, or none") };
    let hours = serde_json::json!({ "start": start, "end": end, "days": user.quiet_days.clone().unwrap_or_default() });
    serde_json::from_value(hours).map(Some).or_else(|error| bad(phrase, &error.to_string()))
}
