//! Prints each decision and delivery as it happens.

use std::time::Duration;

use jiff::tz::TimeZone;
use watchbell_core::{Clock, SystemClock, Timestamp};

use super::{Error, output};
use crate::cli::client::Client;
use crate::cli::deliveries::follow::Follower;
use crate::cli::deliveries::{Filter, Item};

/// Between two looks: quick enough to feel immediate.
const EVERY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Watch {
    follower: Follower,
}

impl Watch {
    /// Shows what changes from now on.
    pub fn new(client: Client) -> Self {
        Self { follower: Follower::from(client, &Filter::default(), SystemClock.now()) }
    }

    /// Shows what happens in the next `duration`.
    pub async fn show_for(&mut self, duration: Duration) -> Result<(), Error> {
        let until = SystemClock.now() + duration;
        loop {
            for (item, _) in self.follower.changed().await.map_err(Error::Watch)? {
                output::line(&told(&item))?;
            }
            if SystemClock.now() >= until {
                return Ok(());
            }
            SystemClock.sleep(EVERY).await;
        }
    }
}

/// Time, who, channel, address, what became of it, and why.
fn told(item: &Item) -> String {
    let at = Timestamp::parse_rfc3339(&item.updated_at).unwrap_or_default();
    let clock = at.to_jiff().to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let cells = [clock, item.user(), item.channel.clone(), item.address(), became(item), item.why()];
    format!("  {}", output::aligned(&cells, &[8, 12, 9, 20, 20, 0]))
}

fn became(item: &Item) -> String {
    match (item.state.as_str(), due_in(item)) {
        ("scheduled", Some(wait)) => format!("waits {wait}"),
        ("scheduled", None) => "is due".to_owned(),
        (state, _) => output::tame(state),
    }
}

/// How long from its last change until it is due, where that lies ahead.
fn due_in(item: &Item) -> Option<String> {
    let due = Timestamp::parse_rfc3339(&item.due_at).ok()?;
    let changed = Timestamp::parse_rfc3339(&item.updated_at).ok()?;
    match u64::try_from(due.ms_since(changed)).ok()?.div_ceil(1_000) {
        0 => None,
        seconds @ 1..=59 => Some(format!("{seconds} s")),
        seconds => Some(format!("{} min", seconds.div_ceil(60))),
    }
}
