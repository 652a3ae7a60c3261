//! Who is told that something became due, and what there is to do for whoever was not told.

use std::collections::BTreeSet;

use async_trait::async_trait;
use watchbell_core::Channel;

use crate::{StoreError, Wakes};

/// What there is to do, for whoever missed being told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Something of these channels is ready.
    pub channels: BTreeSet<Channel>,
    /// An event for a topic has members that were not planned yet.
    pub fan_out: bool,
}

/// Announcing what became due, within this process and to others.
#[async_trait]
pub trait WakeUps: Send + Sync {
    /// Where transitions that make something due are announced.
    fn wakes(&self) -> &Wakes;

    /// Tells other processes on this database what became due, where no broker does. Nothing to do on SQLite.
    async fn tell_others(&self, channels: &BTreeSet<Channel>) -> Result<(), StoreError>;

    /// What is ready now.
    async fn ready(&self) -> Result<Ready, StoreError>;
}
