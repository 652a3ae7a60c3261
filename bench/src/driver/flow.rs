//! One load through one subject: how fast it came out, how late, and what it cost whom.

use std::time::Duration;

use super::cpu;
use super::process::Process;
use super::world::{Subject, World};
use crate::clock::seconds;
use crate::error::{Doing, Error};
use crate::load::Published;
use crate::receiver::notes::Arrival;

/// Without a delivery for so long, nothing more will come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is published, and how much has to arrive.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub alerts: u32,
    /// A second; 0 is as fast as possible.
    pub rate: u32,
    pub users: u32,
    pub responders: u32,
    /// Messages that each responder gets of each alert.
    pub channels: u32,
    /// Where the rules have a delay.
    pub due: Option<Due>,
}

/// When what is published is due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The rules' delay.
    pub delay_s: u32,
    pub in_ms: u32,
    /// From the first one to the last one.
    pub spread_ms: u32,
}

impl Load {
    /// As fast as possible, one message of each.
    pub fn of(alerts: u32, users: u32) -> Self {
        Self { alerts, rate: 0, users, responders: 1, channels: 1, due: None }
    }

    pub fn deliveries(&self) -> u32 {
        self.alerts * self.responders * self.channels
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Flow {
    pub published: Published,
    pub arrivals: Vec<Arrival>,
    pub costs: Costs,
}

/// CPU time a delivery, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    pub subject: f64,
    pub nats: f64,
    pub postgres: f64,
    pub receiver: f64,
    pub load: f64,
}

impl Flow {
    /// Deliveries a second, from the first publish to the last arrival.
    #[expect(clippy::cast_precision_loss, reason = "a count of deliveries is far below 2^53")]
    pub fn rate(&self) -> f64 {
        self.arrivals.len() as f64 / self.took_s().max(1e-9)
    }

    /// Seconds from the first publish to the last arrival.
    pub fn took_s(&self) -> f64 {
        let last_us = self.arrivals.iter().map(|arrival| arrival.at_us).max().unwrap_or_default();
        seconds(self.published.first_us, last_us)
    }

    /// From an event's publishing to its arrival, sorted, in milliseconds.
    pub fn latencies(&self) -> Latencies {
        Latencies::of(&self.arrivals)
    }
}

/// Sorted times, in milliseconds.
#[derive(Debug)]
pub struct Latencies(Vec<f64>);

impl Latencies {
    pub fn of(arrivals: &[Arrival]) -> Self {
        Self::new(arrivals.iter().map(|arrival| seconds(arrival.published_us, arrival.at_us) * 1e3).collect())
    }

    pub fn new(mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        Self(times)
    }

    /// The time that `percent` of them do not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

impl World {
    /// Publishes the load and waits until all of it has arrived.
    pub async fn flow(&mut self, subject: &Subject, load: Load) -> Result<Flow, Error> {
        let already = self.provider.count().await?;
        let before = self.clocks(subject);
        let mut loader = self.publish(subject.address, load)?;
        let expected = already + u64::from(load.deliveries());
        let published = published(&mut loader).await?;
        self.provider.expect(expected, PATIENCE).await?;
        let after = self.clocks(subject);
        let mut arrivals = self.provider.arrivals().await?;
        arrivals.drain(..usize::try_from(already).unwrap_or_default().min(arrivals.len()));
        let costs = costs(before, after, published.cpu_us, load.deliveries());
        Ok(Flow { published, arrivals, costs })
    }

    /// Starts publishing; [`published`] waits for its end.
    pub fn publish(&mut self, address: &str, load: Load) -> Result<Process, Error> {
        self.loads += 1;
        let numbers = [load.alerts, load.rate, load.users, load.responders].map(|number| number.to_string());
        let prefix = format!("bench-{}", self.loads);
        let arguments = ["load", "--nats", &self.servers.nats_url, "--subject", address, "--prefix", &prefix];
        let [alerts, rate, users, responders] = &numbers;
        let arguments = arguments.into_iter().chain(["--count", alerts, "--rate", rate, "--users", users, "--responders", responders]);
        let due = load.due.map(|due| [due.delay_s, due.in_ms, due.spread_ms].map(|number| number.to_string()));
        let due = due.iter().flat_map(|[delay, due_in, spread]| ["--delay-s", delay, "--due-in-ms", due_in, "--spread-ms", spread]);
        Process::role(arguments.chain(due), &self.log("load"))
    }

    /// CPU time so far: the subject's, NATS', PostgreSQL's, the receiver's.
    fn clocks(&self, subject: &Subject) -> [u64; 4] {
        let nats = cpu::of_process(&self.servers.nats_pid.to_string());
        let receiver = cpu::of_process(&self.provider.pid().to_string());
        [subject.cpu_us(), nats, cpu::of_family(self.servers.postgres_pid), receiver]
    }
}

/// What a load says when everything is in the stream.
pub async fn published(loader: &mut Process) -> Result<Published, Error> {
    let said = loader.line(Duration::from_mins(5)).await?;
    serde_json::from_str(&said).doing("reading what the load said")
}

#[expect(clippy::cast_precision_loss, reason = "hours of microseconds are far below 2^53")]
fn costs(before: [u64; 4], after: [u64; 4], load_us: u64, deliveries: u32) -> Costs {
    let each = |us: u64| us as f64 / f64::from(deliveries.max(1));
    let [subject, nats, postgres, receiver] = std::array::from_fn(|place| each(after[place].saturating_sub(before[place])));
    Costs { subject, nats, postgres, receiver, load: each(load_us) }
}
