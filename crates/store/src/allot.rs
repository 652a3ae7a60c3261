//! What an address takes: how fast, and how many messages singly before they are told together. A function of its inputs.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use watchbell_core::delivery::Purpose;
use watchbell_core::{Channel, Timestamp};

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
    pub window_s: u32,
    /// Seconds that a HIGH alert waits for others at most.
    pub high_wait_s: u32,
}

impl Default for Bundling {
    /// The design's figures.
    fn default() -> Self {
        Self { first: 3, window_s: 120, high_wait_s: 15 }
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
        self.bundling.first > 0 || self.rates.get(&channel).is_some_and(|rate| rate.interval_ms() > 0)
    }
}

/// What is known of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    pub busy_until: Timestamp,
    /// When the last messages went, oldest first.
    pub sent: Vec<Timestamp>,
}

/// A delivery that is ready, as far as its recipient is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// None: no address, so no limit.
    pub recipient: Option<&'a str>,
    pub purpose: Purpose,
    /// 0 is a HIGH alert.
    pub rank: i64,
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
pub const FLOOD: &str = "flood";

/// Decides for candidates of one channel, the most urgent first; takes what it gives from `recipients`.
pub fn allot(
    candidates: &[Candidate<'_>],
    recipients: &mut BTreeMap<String, Recipient>,
    channel: Channel,
    limits: &RecipientLimits,
    now: Timestamp,
) -> Vec<Verdict> {
    let rate = limits.rates.get(&channel).copied();
    let mut gathered: HashSet<(String, String)> = HashSet::new();
    let mut waiting: HashMap<String, i64> = HashMap::new();
    let mut verdicts = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(key) = candidate.recipient else {
            verdicts.push(Verdict::Go);
            continue;
        };
        let recipient = recipients.entry(key.to_owned()).or_default();
        // A provider's pause holds also where there is no rate.
        let free_at = recipient.busy_until.plus_ms(-rate.map_or(0, RecipientRate::slack_ms)).max(now);
        let mut later = |at: Timestamp, collect: Option<&str>| {
            // Spread out, so that they do not all come back at once; they hold no place: the most urgent then goes first.
            let before_it = waiting.entry(key.to_owned()).or_default();
            let spread_ms = if collect.is_some() { 0 } else { *before_it * rate.map_or(0, RecipientRate::interval_ms) };
            *before_it += 1;
            Verdict::Later { ready_at: at.plus_ms(spread_ms), collect: collect.map(str::to_owned) }
        };
        let group = match candidate.purpose {
            // A code is waited for; what is a bundle already is not bundled again.
            Purpose::Verification | Purpose::Bundle | Purpose::Digest => None,
            _ => candidate.collect.or_else(|| recipient.is_flooded(limits.bundling, now).then_some(FLOOD)),
        };
        let Some(group) = group else {
            verdicts.push(if free_at > now {
                later(free_at, None)
            } else {
                recipient.take(rate, limits.bundling, now);
                Verdict::Go
            });
            continue;
        };
        let place = (key.to_owned(), group.to_owned());
        let due = match (candidate.collect, candidate.rank) {
            _ if gathered.contains(&place) => now,
            (Some(_), _) => free_at,
            (None, 0) if rate.is_some() => free_at.min(now.plus_s(i64::from(limits.bundling.high_wait_s))),
            (None, 0) => now.plus_s(i64::from(limits.bundling.high_wait_s)),
            (None, _) => recipient.window_ends(limits.bundling).max(free_at),
        };
        verdicts.push(if due > now {
            later(due, Some(group))
        } else {
            if gathered.insert(place) {
                recipient.take(rate, limits.bundling, now);
            }
            Verdict::Together
        });
    }
    verdicts
}

impl Recipient {
    /// As many messages as may go singly have gone within the window.
    fn is_flooded(&self, bundling: Bundling, now: Timestamp) -> bool {
        let since = now.plus_s(-i64::from(bundling.window_s));
        bundling.first > 0 && self.sent.iter().filter(|at| **at > since).count() >= bundling.first as usize
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

    fn take(&mut self, rate: Option<RecipientRate>, bundling: Bundling, now: Timestamp) {
        if let Some(rate) = rate {
            self.busy_until = self.busy_until.max(now).plus_ms(rate.interval_ms());
        }
        self.sent.push(now);
        let surplus = self.sent.len().saturating_sub(bundling.first as usize);
        self.sent.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(1_000 + seconds)
    }

    fn one(rank: i64, collect: Option<&'static str>) -> Candidate<'static> {
        Candidate { recipient: Some("a"), purpose: Purpose::Rule, rank, collect }
    }

    fn limits(rate: Option<(u32, u32)>) -> RecipientLimits {
        let rates = rate.map(|(calls, per_s)| (Channel::Sms, RecipientRate { calls, per_s })).into_iter().collect();
        RecipientLimits { rates, bundling: Bundling::default() }
    }

    fn later(at: i64, collect: Option<&str>) -> Verdict {
        Verdict::Later { ready_at: s(at), collect: collect.map(str::to_owned) }
    }

    #[test]
    fn the_first_three_go_singly_and_the_rest_waits_for_the_window_to_end() {
        let mut recipients = BTreeMap::new();
        let verdicts = allot(&vec![one(1, None); 5], &mut recipients, Channel::Sms, &limits(None), s(0));
        assert_eq!(verdicts, [Verdict::Go, Verdict::Go, Verdict::Go, later(120, Some(FLOOD)), later(120, Some(FLOOD))]);
        // Its time has come: all that wait go as one, and count as one.
        let waited = [one(1, Some(FLOOD)), one(1, Some(FLOOD))];
        let verdicts = allot(&waited, &mut recipients, Channel::Sms, &limits(None), s(120));
        assert_eq!(verdicts, [Verdict::Together, Verdict::Together]);
        assert_eq!(recipients["a"].sent, [s(0), s(0), s(120)]);
    }

    #[test]
    fn a_flooding_high_alert_waits_fifteen_seconds_at_most() {
        let mut recipients = BTreeMap::new();
        let go = allot(&vec![one(0, None); 4], &mut recipients, Channel::Sms, &limits(None), s(0));
        assert_eq!(go[3], later(15, Some(FLOOD)));
        // Where the recipient has a rate, its next slot.
        let mut recipients = BTreeMap::from([("a".to_owned(), Recipient { busy_until: s(10), sent: vec![s(7), s(8), s(9)] })]);
        let verdicts = allot(&[one(0, None)], &mut recipients, Channel::Sms, &limits(Some((1, 1))), s(9));
        assert_eq!(verdicts, [later(10, Some(FLOOD))]);
    }

    #[test]
    fn a_rate_lets_one_go_and_spreads_the_others() {
        let mut recipients = BTreeMap::new();
        let verdicts = allot(&vec![one(1, None); 3], &mut recipients, Channel::Sms, &limits(Some((1, 60))), s(0));
        assert_eq!(verdicts, [Verdict::Go, later(60, None), later(120, None)]);
        // Later ones hold no place: a HIGH alert that comes meanwhile gets the next slot.
        let verdicts = allot(&[one(0, None)], &mut recipients, Channel::Sms, &limits(Some((1, 60))), s(60));
        assert_eq!(verdicts, [Verdict::Go]);
    }

    #[test]
    fn a_call_that_reached_nobody_uses_no_slot_up_but_a_pause_stays() {
        let limits = limits(Some((1, 60)));
        let rate = limits.rates.get(&Channel::Sms).copied();
        let mut recipients = BTreeMap::new();
        assert_eq!(allot(&[one(0, None)], &mut recipients, Channel::Sms, &limits, s(0)), [Verdict::Go]);
        recipients.get_mut("a").unwrap().give_back(rate, s(1));
        assert!(recipients["a"].sent.is_empty());
        assert_eq!(allot(&[one(0, None)], &mut recipients, Channel::Sms, &limits, s(1)), [Verdict::Go]);
        let paused = recipients.get_mut("a").unwrap();
        paused.busy_until = s(300);
        paused.give_back(rate, s(2));
        assert_eq!(paused.busy_until, s(300));
    }

    #[test]
    fn a_burst_is_allowed_within_the_rate() {
        let mut recipients = BTreeMap::new();
        let no_bundles = RecipientLimits { bundling: Bundling { first: 0, ..Bundling::default() }, ..limits(Some((20, 60))) };
        let verdicts = allot(&vec![one(1, None); 21], &mut recipients, Channel::Sms, &no_bundles, s(0));
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Go).count(), 20);
        assert_eq!(verdicts[20], later(3, None));
    }

    #[test]
    fn a_verification_code_is_never_bundled() {
        let mut recipients = BTreeMap::from([("a".to_owned(), Recipient { busy_until: s(0), sent: vec![s(0); 3] })]);
        let code = Candidate { purpose: Purpose::Verification, ..one(1, None) };
        assert_eq!(allot(&[code], &mut recipients, Channel::Sms, &limits(None), s(1)), [Verdict::Go]);
    }
}
