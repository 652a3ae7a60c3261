//! Prints each decision and delivery as it happens.

use std::time::Duration;

use jiff::tz::TimeZone;
use watchbell_core::delivery::State;
use watchbell_core::{Clock, SystemClock};
use watchbell_wire::Named;
use watchbell_wire::deliveries::Delivery;

use super::{Error, output};
use crate::cli::client::Client;
use crate::cli::deliveries::follow::Follower;
use crate::cli::deliveries::{Filter, item};

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
            for (delivery, _) in self.follower.changed().await.map_err(Error::Watch)? {
                output::line(&told(&delivery))?;
            }
            if SystemClock.now() >= until {
                return Ok(());
            }
            SystemClock.sleep(EVERY).await;
        }
    }
}

/// Time, who, channel, address, what became of it, and why.
fn told(delivery: &Delivery) -> String {
    let clock = delivery.updated_at.0.to_jiff().to_zoned_datetime(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let (channel, address) = (output::tame(delivery.channel.as_str()), output::tame(&delivery.address));
    let cells = [clock, item::user(delivery), channel, address, became(delivery), item::why(delivery)];
    format!("  {}", output::aligned(&cells, &[8, 12, 9, 20, 20, 0]))
}

fn became(delivery: &Delivery) -> String {
    if delivery.state.as_str() != State::Scheduled.name() {
        return output::tame(delivery.state.as_str());
    }
    due_in(delivery).map_or_else(|| "is due".to_owned(), |wait| format!("waits {wait}"))
}

/// How long from its last change until it is due, where that lies ahead.
fn due_in(delivery: &Delivery) -> Option<String> {
    match u64::try_from(delivery.due_at.0.ms_since(delivery.updated_at.0)).ok()?.div_ceil(1_000) {
        0 => None,
        seconds @ 1..=59 => Some(format!("{seconds} s")),
        seconds => Some(format!("{} min", seconds.div_ceil(60))),
    }
}
