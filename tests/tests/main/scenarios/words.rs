//! The small phrases in which scenario files are written: times, rules, answers, sends, states.

use std::fmt;
use std::str::FromStr;

use watchbell_core::rule::{Conditions, Repeat, Trigger};
use watchbell_core::{Channel, Timestamp};

/// A phrase that cannot be read, with what would be right.
#[derive(Debug)]
pub struct BadPhrase(pub String);

impl fmt::Display for BadPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub type Read<T> = Result<T, BadPhrase>;

pub fn bad<T>(phrase: &str, right: &str) -> Read<T> {
    Err(BadPhrase(format!("`{phrase}`: {right}")))
}

/// Milliseconds of `5 min`, `1h 30m`, `90 s`, `500ms`.
pub fn span_ms(phrase: &str) -> Read<i64> {
    const RIGHT: &str = "must be a span of time such as 90 s, 5 min or 1h 30m";
    let mut rest = phrase.trim();
    let mut total = 0;
    if rest.is_empty() {
        return bad(phrase, RIGHT);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let Ok(count) = rest[..digits].parse::<i64>() else { return bad(phrase, RIGHT) };
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return bad(phrase, RIGHT),
        };
        total += count * unit;
        rest = rest[letters..].trim_start();
    }
    Ok(total)
}

/// `+5m` or `-10 min` from the scenario's start, or an RFC 3339 time.
pub fn time(phrase: &str, start: Timestamp) -> Read<Timestamp> {
    if let Some(after) = phrase.strip_prefix('+') {
        return Ok(start.plus_ms(span_ms(after)?));
    }
    if let Some(before) = phrase.strip_prefix('-') {
        return Ok(start.plus_ms(-span_ms(before)?));
    }
    Timestamp::parse_rfc3339(phrase).or_else(|_| bad(phrase, "must be a time such as +5m (from the start) or 2026-11-20T08:00:00Z"))
}

/// The time as `+1h5m` from the start.
pub fn offset(at: Timestamp, start: Timestamp) -> String {
    let ms = at.ms_since(start);
    let mut text = String::from(if ms < 0 { "-" } else { "+" });
    let mut rest = ms.unsigned_abs();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if text.len() == 1 { text + "0s" } else { text }
}

/// A rule: `HIGH alert: SMS to mobile after 5 min, again 3 times every 5 min if {"onDuty":{}}`.
#[derive(Clone, Debug)]
pub struct RulePhrase {
    pub trigger: Trigger,
    /// None is a wait step.
    pub channel: Option<Channel>,
    /// A contact's label.
    pub to: Option<String>,
    pub offset_s: i64,
    /// Its place in the user's chain.
    pub step: Option<i64>,
    pub critical: bool,
    pub when: Conditions,
    pub repeat: Option<Repeat>,
}

/// `3 times every 5 min`.
fn repeat(phrase: &str) -> Read<Repeat> {
    let parts = phrase.split_once(" times every ").and_then(|(times, every)| Some((times.trim().parse().ok()?, every)));
    let Some((times, every)) = parts else { return bad(phrase, "must be such as `3 times every 5 min`") };
    Ok(Repeat { every_s: span_ms(every)? / 1_000, times })
}

impl FromStr for RulePhrase {
    type Err = BadPhrase;

    fn from_str(phrase: &str) -> Read<Self> {
        const RIGHT: &str = "must be a rule such as `HIGH alert: SMS to mobile after 5 min`, `duty: email 30 min before` or \
             `HIGH alert, step 2: wait 5 min`";
        let (whole, when) = phrase.split_once(" if ").map_or((phrase, None), |(whole, when)| (whole, Some(when)));
        let (whole, again) = whole.split_once(", again ").map_or((whole, None), |(whole, again)| (whole, Some(again)));
        let conditions = when.map_or(Ok(Conditions::default()), serde_json::from_str);
        let conditions = conditions.or_else(|error| bad(phrase, &error.to_string()))?;
        let repeat = again.map(repeat).transpose()?;
        let Some((head, body)) = whole.split_once(':') else { return bad(phrase, RIGHT) };
        let (trigger, step) = head.split_once(',').map_or((head, None), |(trigger, step)| (trigger, Some(step)));
        let trigger = match trigger.trim() {
            "HIGH alert" => Trigger::AlertHigh,
            "LOW alert" => Trigger::AlertLow,
            other => Trigger::from_str(other).or_else(|_| bad(phrase, RIGHT))?,
        };
        let step = match step {
            None => None,
            Some(step) => match step.trim().strip_prefix("step ").and_then(|n| n.parse().ok()) {
                Some(step) => Some(step),
                None => return bad(phrase, RIGHT),
            },
        };
        let mut words: Vec<&str> = body.split_whitespace().collect();
        let critical = words.first() == Some(&"critical");
        if critical {
            words.remove(0);
        }
        if words.is_empty() {
            return bad(phrase, RIGHT);
        }
        let name = words.remove(0).to_lowercase();
        if name == "wait" {
            return Ok(Self {
                trigger,
                channel: None,
                to: None,
                offset_s: span_ms(&words.join(" "))? / 1_000,
                step,
                critical,
                when: conditions,
                repeat,
            });
        }
        let channel = Channel::from_str(&name).or_else(|error| bad(phrase, &error.to_string()))?;
        let to = (words.first() == Some(&"to") && words.len() > 1).then(|| words.drain(..2).nth(1).map(str::to_owned)).flatten();
        let time = words.join(" ");
        let span = match time.as_str() {
            "" | "at once" => "0 s",
            time => match time.strip_prefix("after ").or_else(|| time.strip_suffix(" before")) {
                Some(span) => span,
                None => return bad(phrase, RIGHT),
            },
        };
        Ok(Self { trigger, channel: Some(channel), to, offset_s: span_ms(span)? / 1_000, step, critical, when: conditions, repeat })
    }
}

/// Whom a phrase is about: `anna sms to mobile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    pub user: String,
    pub channel: Channel,
    /// A contact's or device's label.
    pub to: Option<String>,
}

impl Whom {
    pub fn matches(&self, user: &str, channel: Channel, label: &str) -> bool {
        self.user == user && self.channel == channel && self.to.as_ref().is_none_or(|to| to == label)
    }
}

impl FromStr for Whom {
    type Err = BadPhrase;

    fn from_str(phrase: &str) -> Read<Self> {
        let words: Vec<&str> = phrase.split_whitespace().collect();
        let (user, channel, to) = match words[..] {
            [user, channel] => (user, channel, None),
            [user, channel, "to", label] => (user, channel, Some(label.to_owned())),
            _ => return bad(phrase, "must be a user and a channel, such as `anna sms` or `anna sms to mobile`"),
        };
        let channel = Channel::from_str(channel).or_else(|error| bad(phrase, &error.to_string()))?;
        Ok(Self { user: user.to_owned(), channel, to })
    }
}

/// A call to a provider that is expected: `anna sms to mobile says 'Database down' -> retry`.
#[derive(Clone, Debug)]
pub struct SendPhrase {
    pub whom: Whom,
    pub says: Option<String>,
    /// How the provider answers, as the script names it.
    pub answer: String,
}

impl FromStr for SendPhrase {
    type Err = BadPhrase;

    fn from_str(phrase: &str) -> Read<Self> {
        let (rest, answer) = phrase.rsplit_once("->").map_or((phrase, "accepted"), |(rest, answer)| (rest, answer.trim()));
        let (whom, says) = match rest.split_once(" says ") {
            None => (rest, None),
            Some((whom, text)) => {
                let quoted = text.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
                let Some(text) = quoted else { return bad(phrase, "what it says must stand between single quotes") };
                (whom, Some(text.to_owned()))
            }
        };
        Ok(Self { whom: whom.parse()?, says, answer: answer.to_owned() })
    }
}

/// What is expected of a delivery: `2 anna sms are held until +9h: quiet hours`.
#[derive(Clone, Debug)]
pub struct StatePhrase {
    /// Exactly so many; None is one or more.
    pub count: Option<usize>,
    pub whom: Whom,
    pub state: watchbell_core::delivery::State,
    /// The time at which it is ready.
    pub ready_at: Option<String>,
    pub reason: Option<String>,
}

impl FromStr for StatePhrase {
    type Err = BadPhrase;

    fn from_str(phrase: &str) -> Read<Self> {
        const RIGHT: &str = "must be such as `anna sms is cancelled: the alert was accepted` or `2 anna email are held until +9h`";
        let (count, rest) = match phrase.split_once(' ') {
            Some((count, rest)) if count.parse::<usize>().is_ok() => (count.parse().ok(), rest),
            _ => (None, phrase),
        };
        let Some((whom, rest)) = rest.split_once(" is ").or_else(|| rest.split_once(" are ")) else { return bad(phrase, RIGHT) };
        let (rest, reason) = rest.split_once(": ").map_or((rest, None), |(rest, reason)| (rest, Some(reason.to_owned())));
        let (state, ready_at) = match rest.split_once(" at ").or_else(|| rest.split_once(" until ")) {
            Some((state, at)) => (state, Some(at.to_owned())),
            None => (rest, None),
        };
        let state = state.trim().parse().or_else(|error: watchbell_core::channel::UnknownName| bad(phrase, &error.to_string()))?;
        Ok(Self { count, whom: whom.parse()?, state, ready_at, reason })
    }
}
