//! What a stream that somebody else made may do to events that Watchbell has not read yet.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

/// Less than Watchbell may well be down for.
const SHORT: Duration = Duration::from_hours(24);

/// Sentences for the operator; none for a stream as Watchbell makes it.
pub(crate) fn of(config: &Config) -> Vec<String> {
    let mut concerns = Vec::new();
    if config.max_messages_per_subject > 0 {
        let most = config.max_messages_per_subject;
        concerns
            .push(format!("it keeps {most} messages a subject (max_msgs_per_subject), so events push each other out before they are read"));
    }
    if !config.max_age.is_zero() && config.max_age < SHORT {
        let hours = config.max_age.as_secs_f64() / 3_600.0;
        concerns.push(format!("it keeps events for {hours:.2} hours (max_age); what could not be read for so long is lost"));
    }
    if (config.max_messages > 0 || config.max_bytes > 0) && config.discard == DiscardPolicy::Old {
        concerns.push("when it is full (max_msgs, max_bytes) it drops the oldest events, whether they were read or not".to_owned());
    }
    if config.storage == StorageType::Memory {
        concerns.push("it is kept in memory, so events are lost when its server restarts".to_owned());
    }
    if config.no_ack {
        concerns.push("it confirms nothing to publishers (no_ack), so they cannot know that an event was kept".to_owned());
    }
    if !has_gaps_alarm(config) {
        concerns.push("it does not keep events by limits alone (retention), so events that were gone unread cannot be noticed".to_owned());
    }
    concerns
}

/// Whether its first message tells what was removed: with another retention, messages go as they are acknowledged.
pub(crate) fn has_gaps_alarm(config: &Config) -> bool {
    config.retention == RetentionPolicy::Limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_danger_is_named_and_a_plain_stream_has_none() {
        let week = Config { max_age: Duration::from_hours(24 * 7), max_messages_per_subject: -1, ..Config::default() };
        assert_eq!(of(&week), Vec::<String>::new());
        let table = [
            (Config { max_messages_per_subject: 1, ..week.clone() }, "it keeps 1 messages a subject"),
            (Config { max_age: Duration::from_mins(90), ..week.clone() }, "it keeps events for 1.50 hours"),
            (Config { max_bytes: 1_000, ..week.clone() }, "when it is full"),
            (Config { storage: StorageType::Memory, ..week.clone() }, "it is kept in memory"),
            (Config { no_ack: true, ..week.clone() }, "it confirms nothing"),
            (Config { retention: RetentionPolicy::WorkQueue, ..week.clone() }, "it does not keep events by limits alone"),
        ];
        for (config, begins) in table {
            let concerns = of(&config);
            assert!(concerns.len() == 1 && concerns[0].starts_with(begins), "{concerns:?}");
        }
    }
}
