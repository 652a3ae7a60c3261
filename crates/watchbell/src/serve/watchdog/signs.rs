//! What is ill, going by how things stand: a function of its inputs.

use std::collections::BTreeMap;
use std::time::Duration;

use watchbell_core::{Channel, Timestamp};
use watchbell_store::overview::{Overview, WaitingRank};

/// The providers that the configuration gives each channel.
pub type Configured = BTreeMap<Channel, Vec<String>>;

/// Something that operators are to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ill {
    /// No process that lives sends by it, or none of them finds one of its providers up.
    ChannelDown(Channel),
    /// A HIGH alert has waited for it for too long.
    HighIsLate(Channel),
    UsersUnreachable,
}

impl Ill {
    /// The channel that cannot be trusted to tell of it.
    pub fn channel(self) -> Option<Channel> {
        match self {
            Self::ChannelDown(channel) | Self::HighIsLate(channel) => Some(channel),
            Self::UsersUnreachable => None,
        }
    }
}

/// All that is ill, each with how much of it: seconds of the oldest, a number of users, 1.
pub fn ills(overview: &Overview, configured: &Configured, high_late: Duration, now: Timestamp) -> BTreeMap<Ill, i64> {
    let down = configured.iter().filter(|(channel, providers)| is_down(overview, **channel, providers));
    let mut ills: BTreeMap<Ill, i64> = down.map(|(channel, _)| (Ill::ChannelDown(*channel), 1)).collect();
    for waiting in overview.waiting.iter().filter(|waiting| waiting.rank == WaitingRank::High) {
        if let Some(since) = waiting.due_since.filter(|since| now - *since > high_late) {
            ills.insert(Ill::HighIsLate(waiting.channel), now.ms_since(since) / 1_000);
        }
    }
    if overview.unreachable > 0 {
        ills.insert(Ill::UsersUnreachable, overview.unreachable);
    }
    ills
}

fn is_down(overview: &Overview, channel: Channel, providers: &[String]) -> bool {
    let serving = overview.processes.iter().filter(|process| process.channels.contains(&channel));
    let mut up = serving.flat_map(|process| {
        let is_out = move |name: &str| process.outages.iter().any(|outage| outage.channel == channel && outage.provider == name);
        providers.iter().map(move |name| !is_out(name))
    });
    !providers.is_empty() && !up.any(|is_up| is_up)
}

#[cfg(test)]
mod tests {
    use watchbell_core::ids::Epoch;
    use watchbell_store::overview::Waiting;
    use watchbell_store::queue::{Outage, WorkerSession};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    fn process(channels: &[Channel], out: &[(Channel, &str)]) -> WorkerSession {
        let outage = |(channel, provider): &(Channel, &str)| Outage { channel: *channel, provider: (*provider).to_owned(), until: None };
        WorkerSession {
            epoch: Epoch(1),
            name: "w".to_owned(),
            roles: "worker".to_owned(),
            version: String::new(),
            channels: channels.to_vec(),
            started_at: at(0),
            alive_until: at(60),
            outages: out.iter().map(outage).collect(),
            sending: Vec::new(),
            clock_ahead_ms: None,
        }
    }

    #[test]
    fn a_channel_is_down_where_nobody_finds_a_provider_of_it_up() {
        let (sms, email) = (Channel::Sms, Channel::Email);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let configured: Configured = [(sms, names(&["p", "q"])), (email, names(&["p"])), (Channel::Voice, Vec::new())].into();
        let table: [(&[WorkerSession], &[Channel]); 5] = [
            (&[], &[email, sms]),
            (&[process(&[sms, email], &[])], &[]),
            // Another channel's outage of the same provider says nothing of this one.
            (&[process(&[sms, email], &[(sms, "p"), (email, "p")])], &[email]),
            (&[process(&[sms, email], &[(sms, "p"), (sms, "q")]), process(&[email], &[])], &[sms]),
            // One process finds it up: it is.
            (&[process(&[sms], &[(sms, "p"), (sms, "q")]), process(&[sms, email], &[(sms, "p")])], &[]),
        ];
        for (processes, down) in table {
            let overview = Overview { processes: processes.to_vec(), ..Overview::default() };
            let found = ills(&overview, &configured, Duration::from_mins(1), at(0));
            let expected: Vec<Ill> = down.iter().map(|channel| Ill::ChannelDown(*channel)).collect();
            assert_eq!(found.into_keys().collect::<Vec<_>>(), expected, "{processes:?}");
        }
    }

    #[test]
    fn only_high_alerts_that_are_late_count() {
        let waiting = |rank, since: Option<i64>| Waiting { channel: Channel::Sms, rank, deliveries: 9, due: 9, due_since: since.map(at) };
        let late = |waiting: Waiting| {
            let overview = Overview { waiting: vec![waiting], unreachable: 2, ..Overview::default() };
            ills(&overview, &Configured::new(), Duration::from_mins(1), at(100))
        };
        assert_eq!(late(waiting(WaitingRank::High, Some(39))), [(Ill::HighIsLate(Channel::Sms), 61), (Ill::UsersUnreachable, 2)].into());
        for fine in [waiting(WaitingRank::High, Some(40)), waiting(WaitingRank::High, None), waiting(WaitingRank::Normal, Some(0))] {
            assert_eq!(late(fine), [(Ill::UsersUnreachable, 2)].into());
        }
    }
}
