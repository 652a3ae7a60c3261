//! The consumers: their names, and the subjects that each reads.
//!
//! One durable consumer a kind. The stream holds every subject below `watchbell.events.`, so that an event of an unknown kind
//! is seen instead of lost; but a consumer cannot say "all but these four", and one over the whole stream would read every
//! event a second time. So what lies deeper (`watchbell.events.alert.eu`), which no kind's subject matches, has one more
//! standing consumer, and each unknown name directly below `watchbell.events.` gets its own when it is first seen in the stream
//! (see `watch`). Both cost nothing while nobody publishes nonsense.

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream;
use std::time::Duration;
use watchbell_core::decode::{EVENTS_PREFIX, PUBLISHED_KINDS, kind_of};

/// What the stream holds.
pub(crate) const ALL_EVENTS: &str = "watchbell.events.>";

/// All subjects of more parts than a kind's.
const DEEPER: &str = "watchbell.events.*.>";

/// Events that are delivered and not yet acknowledged, over all processes. Enough for some batches in each of a few dozen.
const MAX_ACK_PENDING: i64 = 20_000;

/// One consumer, by name and filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    pub name: String,
    /// A single filter: several on one consumer are dropped without an error by nats-server 2.9.
    pub filter: String,
}

impl Feed {
    /// Whether it reads all that lies deeper than a kind's subject.
    pub(crate) fn is_deeper(&self) -> bool {
        self.filter == DEEPER
    }

    /// Those that are always there.
    pub(crate) fn standing() -> Vec<Self> {
        let kinds = PUBLISHED_KINDS.iter().map(|kind| Self { name: format!("watchbell-{kind}"), filter: format!("{EVENTS_PREFIX}{kind}") });
        kinds.chain([Self { name: "watchbell-deeper".to_owned(), filter: DEEPER.to_owned() }]).collect()
    }

    /// The consumer of an unknown subject below `watchbell.events.`, or None if a standing one, or `deeper` if there is one, has it.
    pub(crate) fn of_stray(subject: &str, has_deeper: bool) -> Option<Self> {
        let name = subject.strip_prefix(EVENTS_PREFIX)?;
        let is_deeper = name.contains('.');
        if is_deeper && has_deeper || !is_deeper && kind_of(subject).is_some() {
            return None;
        }
        // Subjects hold characters that names must not. FNV-1a, as it has to be the same in every version.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Some(Self { name: format!("watchbell-stray-{hash:016x}"), filter: subject.to_owned() })
    }

    /// For a stream with this configuration, which may allow less.
    pub(crate) fn config(&self, ack_wait: Duration, stream: &stream::Config) -> pull::Config {
        let allowed = stream.consumer_limits.as_ref().map_or(0, |limits| limits.max_ack_pending);
        pull::Config {
            durable_name: Some(self.name.clone()),
            filter_subject: self.filter.clone(),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            // For ever: giving up on an event would lose it.
            max_deliver: -1,
            max_ack_pending: if allowed > 0 { allowed.min(MAX_ACK_PENDING) } else { MAX_ACK_PENDING },
            ..pull::Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_are_what_no_standing_consumer_reads() {
        assert_eq!(Feed::of_stray("watchbell.events.alert", false), None);
        assert_eq!(Feed::of_stray("watchbell.events.alert.eu", true), None);
        assert_eq!(Feed::of_stray("other", true), None);
        let deeper = Feed::of_stray("watchbell.events.alert.eu", false).map(|feed| feed.filter);
        assert_eq!(deeper.as_deref(), Some("watchbell.events.alert.eu"));
        let stray = Feed::of_stray("watchbell.events.foo", true).map(|feed| feed.name);
        assert_eq!(stray.as_deref(), Some("watchbell-stray-dcb27518fed9d577"));
        assert_eq!(Feed::standing().len(), 5);
    }
}
