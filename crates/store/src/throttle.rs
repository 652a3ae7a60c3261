//! What an address takes: how fast, and how many messages singly before they are told together. A function of its inputs.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use watchbell_core::delivery::Purpose;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use crate::rank;

/// At most `calls` messages to one recipient in any `per_s` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientRate {
    pub calls: u32,
    pub per_s: u32,
}

impl RecipientRate {
    fn interval_ms(self) -> i64 {
        i64::from(self.per_s) * 1000 / i64::from(self.calls.max(1))
    }

    /// How far ahead of an even spread the calls may run.
    pub(crate) fn slack_ms(self) -> i64 {
        self.interval_ms() * (i64::from(self.calls) - 1)
    }
}

/// When messages to one address are told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundling {
    /// Messages that go singly in any window; 0 turns bundling off.
    pub first: u32,
    /// The same for calls, each of which somebody has to answer.
    pub first_calls: u32,
    pub window_s: u32,
    /// Seconds that a HIGH alert waits for others at most.
    pub high_wait_s: u32,
}

impl Default for Bundling {
    /// The design's figures.
    fn default() -> Self {
        Self { first: 3, first_calls: 1, window_s: 120, high_wait_s: 15 }
    }
}

impl Bundling {
    /// How many go singly by a channel; None where nothing is bundled.
    fn first_by(self, channel: Channel) -> Option<usize> {
        let first = if channel == Channel::Voice { self.first.min(self.first_calls) } else { self.first };
        usize::try_from(first).ok().filter(|first| *first > 0)
    }
}

/// What recipients take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientLimits {
    pub rates: BTreeMap<Channel, RecipientRate>,
    pub bundling: Bundling,
}

impl RecipientLimits {
    /// Whether there is a limit on what a recipient takes by this channel.
    pub(crate) fn bind(&self, channel: Channel) -> bool {
        self.bundling.first_by(channel).is_some() || self.rates.get(&channel).is_some_and(|rate| rate.interval_ms() > 0)
    }
}

/// What is known of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    pub busy_until: Timestamp,
    /// When the last messages went, oldest first.
    pub sent: Vec<Timestamp>,
    /// Those that go singly as soon as the address takes them, in that order: they count as if they had gone.
    pub queued: Vec<Queued>,
}

/// A delivery that waits for its slot, to go singly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(DeliveryId, i64)", into = "(DeliveryId, i64)")]
pub struct Queued {
    pub id: DeliveryId,
    pub rank: i64,
}

impl From<(DeliveryId, i64)> for Queued {
    fn from((id, rank): (DeliveryId, i64)) -> Self {
        Self { id, rank }
    }
}

impl From<Queued> for (DeliveryId, i64) {
    fn from(queued: Queued) -> Self {
        (queued.id, queued.rank)
    }
}

/// A delivery that is ready, as far as its recipient is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: &'a DeliveryId,
    /// None: no address, so no limit.
    pub recipient: Option<&'a str>,
    pub purpose: Purpose,
    /// See [`rank`](crate::rank).
    pub rank: i64,
    /// It has been tried before, so it went singly then: it counts among the first ones already.
    pub is_retry: bool,
    /// What it has waited to be told together with.
    pub collect: Option<&'a str>,
}

/// What becomes of a candidate now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes singly.
    Go,
    /// Is ready again at this time; `collect` says what it waits to be told together with.
    Later { ready_at: Timestamp, collect: Option<String> },
    /// Goes with all others that wait for the same at this address.
    Together,
}

/// Messages that ran into their address's window.
pub const BURST: &str = "burst";

/// Decides for candidates of one channel, the most urgent first; takes what it gives from `recipients`. Where `gathers` is false
/// nothing can be put together now, and what would be waits for whoever can.
pub fn throttle<'a>(
    candidates: &[Candidate<'a>],
    recipients: &mut BTreeMap<String, Recipient>,
    channel: Channel,
    limits: &RecipientLimits,
    now: Timestamp,
    gathers: bool,
) -> Vec<Verdict> {
    let address = Address {
        rate: limits.rates.get(&channel).copied(),
        first: limits.bundling.first_by(channel),
        bundling: limits.bundling,
        now,
        gathers,
    };
    let mut gathered: HashSet<(&str, &str)> = HashSet::new();
    // Messages that are never bundled, and wait.
    let mut apart: HashMap<&str, i64> = HashMap::new();
    let verdict = |candidate: &Candidate<'a>| {
        let Some(key) = candidate.recipient else { return Verdict::Go };
        let recipient = recipients.entry(key.to_owned()).or_default();
        let is_bundled = match candidate.purpose {
            // A code is waited for; what is a bundle already is not bundled again.
            Purpose::Verification | Purpose::Test | Purpose::Bundle | Purpose::Digest => false,
            _ => candidate.collect.is_some() || address.first.is_some(),
        };
        if !is_bundled {
            return address.apart(recipient, apart.entry(key).or_default());
        }
        let group = candidate.collect.or_else(|| address.is_in_burst(recipient, candidate).then_some(BURST));
        match group {
            Some(group) => {
                let verdict = address.together(recipient, candidate, group, gathered.contains(&(key, group)));
                if verdict == Verdict::Together {
                    gathered.insert((key, group));
                }
                verdict
            }
            None => address.in_line(recipient, candidate),
        }
    };
    candidates.iter().map(verdict).collect()
}

/// How addresses are written to by a channel now.
struct Address {
    rate: Option<RecipientRate>,
    first: Option<usize>,
    bundling: Bundling,
    now: Timestamp,
    gathers: bool,
}

impl Address {
    /// When the address takes the next message. A provider's pause holds also where there is no rate.
    fn free_at(&self, recipient: &Recipient) -> Timestamp {
        recipient.busy_until.plus_ms(-self.rate.map_or(0, RecipientRate::slack_ms)).max(self.now)
    }

    /// When the address takes the message that has so many before it.
    fn slot(&self, recipient: &Recipient, before_it: i64) -> Timestamp {
        self.free_at(recipient).plus_ms(before_it * self.rate.map_or(0, RecipientRate::interval_ms))
    }

    /// As many messages as may go singly have gone within the window, or are about to; this one is not among them.
    fn is_in_burst(&self, recipient: &Recipient, candidate: &Candidate<'_>) -> bool {
        let Some(first) = self.first.filter(|_| !candidate.is_retry && recipient.place_of(candidate.id).is_none()) else { return false };
        let since = self.now.plus_s(-i64::from(self.bundling.window_s));
        recipient.sent.iter().filter(|at| **at > since).count() + recipient.queued.len() >= first
    }

    /// One of the first: it goes now, or has a place in the line. The most urgent goes first all the same, whatever its place.
    fn in_line(&self, recipient: &mut Recipient, candidate: &Candidate<'_>) -> Verdict {
        if self.free_at(recipient) <= self.now {
            recipient.queued.retain(|queued| queued.id != *candidate.id);
            self.take(recipient);
            return Verdict::Go;
        }
        let place = recipient.place_of(candidate.id).unwrap_or_else(|| {
            recipient.queued.push(Queued { id: candidate.id.clone(), rank: candidate.rank });
            recipient.queued.len() - 1
        });
        Verdict::Later { ready_at: self.slot(recipient, i64::try_from(place).unwrap_or(0)), collect: None }
    }

    /// What is not bundled holds no place; spread out behind the others, so that not all come back at once.
    fn apart(&self, recipient: &mut Recipient, before_it: &mut i64) -> Verdict {
        if self.free_at(recipient) <= self.now {
            self.take(recipient);
            return Verdict::Go;
        }
        let ready_at = self.slot(recipient, recipient.in_line(i64::MAX) + *before_it);
        *before_it += 1;
        Verdict::Later { ready_at, collect: None }
    }

    fn together(&self, recipient: &mut Recipient, candidate: &Candidate<'_>, group: &str, is_gathered: bool) -> Verdict {
        if is_gathered {
            return Verdict::Together;
        }
        let later = |ready_at| Verdict::Later { ready_at, collect: Some(group.to_owned()) };
        let at_most = self.now.plus_s(i64::from(self.bundling.high_wait_s));
        let due = match (candidate.collect, candidate.rank) {
            (Some(_), _) => self.free_at(recipient),
            (None, rank::HIGH) if self.rate.is_some() => self.slot(recipient, recipient.in_line(rank::HIGH)).min(at_most),
            (None, rank::HIGH) => at_most,
            (None, rank) => recipient.window_ends(self.bundling).max(self.slot(recipient, recipient.in_line(rank))),
        };
        if due > self.now || !self.gathers {
            return later(due);
        }
        self.take(recipient);
        Verdict::Together
    }

    fn take(&self, recipient: &mut Recipient) {
        if let Some(rate) = self.rate {
            recipient.busy_until = recipient.busy_until.max(self.now).plus_ms(rate.interval_ms());
        }
        recipient.sent.push(self.now);
        let surplus = recipient.sent.len().saturating_sub(self.first.unwrap_or_default());
        recipient.sent.drain(..surplus);
    }
}

impl Recipient {
    fn place_of(&self, id: &DeliveryId) -> Option<usize> {
        self.queued.iter().position(|queued| queued.id == *id)
    }

    /// How many of at least that urgency go singly before others.
    fn in_line(&self, rank: i64) -> i64 {
        i64::try_from(self.queued.iter().filter(|queued| queued.rank <= rank).count()).unwrap_or(0)
    }

    /// When the oldest message that counts leaves the window.
    fn window_ends(&self, bundling: Bundling) -> Timestamp {
        self.sent.first().copied().unwrap_or_default().plus_s(i64::from(bundling.window_s))
    }

    /// A call that had taken a slot reached nobody.
    pub(crate) fn give_back(&mut self, rate: Option<RecipientRate>, now: Timestamp) {
        self.sent.pop();
        // Further ahead than by any slot it is a provider who asked to leave the recipient alone.
        if let Some(rate) = rate.filter(|rate| self.busy_until <= now.plus_ms(rate.slack_ms() + rate.interval_ms())) {
            self.busy_until = self.busy_until.plus_ms(-rate.interval_ms());
        }
    }
}

#[cfg(test)]
mod tests;
