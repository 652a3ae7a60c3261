//! The parts of issue 5, each in a file that says what it measures.

mod api;
mod crowd;
mod growth;
mod latency;
mod providers;
mod punctuality;
mod rest;
mod saturation;
mod storm;

use super::world::World;
use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    Saturation,
    Latency,
    Punctuality,
    Storm,
    SlowProvider,
    Smtp,
    Growth,
    Crowd,
    Api,
    Idle,
    Start,
}

impl Part {
    pub fn all() -> Vec<Self> {
        <Self as clap::ValueEnum>::value_variants().to_vec()
    }

    /// What does not say more when it is repeated, for what it takes.
    pub fn only_once(self) -> bool {
        matches!(self, Self::Growth | Self::Api)
    }

    pub async fn run(self, world: &mut World) -> Result<(), Error> {
        match self {
            Self::Saturation => saturation::run(world).await,
            Self::Latency => latency::run(world).await,
            Self::Punctuality => punctuality::run(world).await,
            Self::Storm => storm::run(world).await,
            Self::SlowProvider => providers::run_slow(world).await,
            Self::Smtp => providers::run_smtp(world).await,
            Self::Growth => growth::run(world).await,
            Self::Crowd => crowd::run(world).await,
            Self::Api => api::run(world).await,
            Self::Idle => rest::run_idle(world).await,
            Self::Start => rest::run_start(world).await,
        }
    }
}
