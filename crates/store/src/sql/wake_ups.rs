//! Telling others what became due, and looking for it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use watchbell_core::Channel;

use super::{DIALECT, SqlStore};
use crate::dialect::Dialect;
use crate::queue::{Ready, WakeUps};
use crate::{StoreError, Wakes};

#[async_trait]
impl WakeUps for SqlStore {
    fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    async fn tell_others(&self, channels: &BTreeSet<Channel>) -> Result<(), StoreError> {
        if DIALECT == Dialect::Postgres {
            let names: Vec<&str> = channels.iter().map(|channel| channel.as_str()).collect();
            sqlx::query("SELECT pg_notify('watchbell_wake', $1)").bind(names.join(",")).execute(&self.write).await?;
        }
        Ok(())
    }

    async fn ready(&self) -> Result<Ready, StoreError> {
        self.what_is_ready(&mut self.heartbeats.acquire().await?).await
    }
}
