//! Does what a scenario's entries say, through the same doors that the API and the consumer use.

use std::collections::{BTreeMap, HashMap};

use watchbell_core::event::{Action, Answer, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::{Channel, Clock, ContactId, DeviceId, RuleId, Timestamp, UserId, decode};
use watchbell_store::access::Actor;
use watchbell_store::history::Delivery;
use watchbell_store::intake::Accepted;
use watchbell_store::queue::{Receipt, ReceiptOutcome};
use watchbell_store::{Scope, StoreError};

use super::clock::WatchedClock;
use super::file::{Entry, Scenario, User};
use super::provider::{Call, SharedWorld, lock};
use super::server::{Server, accept};
use super::words::{self, BadPhrase, Read, Whom, bad};

pub(super) const BY: Actor = Actor::System;

/// A user as the scenario knows them.
pub struct Known {
    pub id: UserId,
    pub(super) described: User,
    pub contacts: HashMap<String, ContactId>,
    pub(super) devices: HashMap<String, DeviceId>,
    /// By the phrase that made them.
    pub(super) rules: HashMap<String, RuleId>,
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
    events: u64,
}

pub(super) fn failed(what: &str) -> impl Fn(StoreError) -> BadPhrase {
    move |error| BadPhrase(format!("{what}: {}", watchbell_core::error_chain(&error)))
}

impl<'a> Stage<'a> {
    pub fn set(scenario: &'a Scenario, url: String) -> Read<Self> {
        let start = words::time(&scenario.start, Timestamp::default())?;
        let clock = WatchedClock::new(start);
        let world = SharedWorld::default();
        let server = Some(Server::start(&url, &scenario.settings, &world, &clock, Vec::new())?);
        let mut stage = Self { scenario, url, start, clock, world, server, users: BTreeMap::new(), queued: Vec::new(), events: 0 };
        stage.categories(&scenario.categories)?;
        for (name, user) in &scenario.users {
            stage.user(name, user)?;
        }
        for (topic, members) in &scenario.topics {
            stage.add_members(topic, members)?;
        }
        Ok(stage)
    }

    pub(super) fn server(&self) -> Read<&Server> {
        self.server.as_ref().ok_or_else(|| BadPhrase("the server is not running: nothing but events can come".to_owned()))
    }

    pub(super) fn known(&self, name: &str) -> Read<&Known> {
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
        for press in &entry.presses {
            self.press(press)?;
        }
        for whom in &entry.replay {
            let whom: Whom = whom.parse()?;
            let id = self.call(&whom, 0)?.delivery;
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
                let queued = std::mem::take(&mut self.queued);
                self.server = Some(Server::start(&self.url, &self.scenario.settings, &self.world, &self.clock, queued)?);
                Ok(())
            }
            _ => bad(word, "must be `stop` or `kill` for a server that runs, `start` for one that does not"),
        }
    }

    /// The last call but so many.
    fn call(&self, whom: &Whom, earlier: usize) -> Read<Call> {
        let world = lock(&self.world);
        let call = world.calls.iter().rev().filter(|call| whom.matches(&call.user, call.channel, &call.label)).nth(earlier);
        call.cloned().ok_or_else(|| BadPhrase(format!("nothing has been sent to {} by {}", whom.user, whom.channel)))
    }

    fn receipt(&self, phrase: &str) -> Read<()> {
        const RIGHT: &str = "must be such as `anna sms delivered`; delivered, read, undelivered, try_again, no_route, bad_address or not_answered, with `by sms-2`, \
             `as voice` or `of the call before` where it is another's";
        let (rest, before) = phrase.strip_suffix(" of the call before").map_or((phrase, 0), |rest| (rest, 1));
        let (rest, channel) = rest.split_once(" as ").map_or((rest, None), |(rest, channel)| (rest, Some(channel)));
        let (rest, provider) = rest.split_once(" by ").map_or((rest, None), |(rest, provider)| (rest, Some(provider)));
        let Some((whom, outcome)) = rest.rsplit_once(' ') else { return bad(phrase, RIGHT) };
        let outcome = match outcome {
            "delivered" => ReceiptOutcome::Delivered,
            "undelivered" => ReceiptOutcome::Undelivered,
            "read" => ReceiptOutcome::Read,
            "try_again" => ReceiptOutcome::TryAgain,
            "no_route" => ReceiptOutcome::NoRoute,
            "bad_address" => ReceiptOutcome::BadAddress,
            "not_answered" => ReceiptOutcome::NotAnswered,
            _ => return bad(phrase, RIGHT),
        };
        let call = self.call(&whom.parse()?, before)?;
        let channel = channel.map_or(Some(call.channel), Channel::from_db);
        let Some(at) = channel.and_then(|channel| Channel::ALL.iter().position(|known| *known == channel)) else {
            return bad(phrase, RIGHT);
        };
        let receipt = Receipt {
            delivery: call.delivery,
            provider: provider.map_or(call.provider, str::to_owned),
            channels: &Channel::ALL[at..=at],
            message_id: Some(call.message_id),
            outcome,
            code: None,
        };
        let server = self.server()?;
        server.with(server.store.receipts(vec![receipt])).map_err(failed("a receipt")).map(drop)
    }

    /// What the API makes of a 1 that is pressed in somebody's last call, or in the one before.
    fn press(&self, phrase: &str) -> Read<()> {
        let (whom, before) = phrase.strip_suffix(" of the call before").map_or((phrase, 0), |rest| (rest, 1));
        let id = self.call(&whom.parse()?, before)?.delivery;
        let server = self.server()?;
        let found = server.with(server.store.delivery(&id)).map_err(failed("looking up a call"))?;
        let Some((Delivery { user_id: user, channel, scope: Scope::Alert { id: alert_id, round }, .. }, _)) = found else {
            return bad(phrase, "must be the call of an alert");
        };
        let data = UpdateData {
            alert_id,
            status: UpdateStatus::Accepted,
            actor: Some(user.to_string()),
            responders: Vec::new(),
            notify: Vec::new(),
            summary: None,
            actor_name: None,
            url: None,
            answer: Some(Answer { action: Action::Accept, delivery: id.clone(), user, channel, round }),
            follow_up: None,
        };
        let event = Event {
            identity: format!("pressed:{id}"),
            occurrence: Occurrence { source: "calls".to_owned(), time: None, received_at: self.clock.now(), sequence: 0 },
            data: EventData::Update(data),
            problems: Vec::new(),
            replay_of: None,
            trace: None,
            original: Original::default(),
        };
        server.with(server.intake.accept(&[event], None)).map_err(failed("a key")).map(drop)
    }

    fn events(&mut self, entry: &Entry) -> Read<Vec<Accepted>> {
        let originals = entry.events().into_iter().map(|(kind, data)| self.original(kind, data)).collect::<Read<Vec<_>>>()?;
        if self.server.is_none() {
            self.queued.extend(originals);
            return Ok(Vec::new());
        }
        let server = self.server()?;
        server.with(accept(server.store.as_ref(), &server.intake, originals))
    }

    /// The message as a publisher would send it: binary CloudEvents. `id`, `source`, `occurred` and `queued` are about the
    /// message, all else is its data.
    pub(super) fn original(&mut self, kind: &str, data: &toml::Table) -> Read<Original> {
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
        let stored_at = queued.unwrap_or(now);
        let position = decode::StreamPosition { stream: "SCENARIO", sequence: self.events, stored_at };
        headers.push((decode::POSITION_HEADER.to_owned(), position.to_header()));
        let payload = data.to_string().into_bytes();
        Ok(Original { subject: format!("watchbell.events.{kind}"), headers, payload, received_at: stored_at })
    }
}
