//! The traces that deliveries belong to, for what becomes of them away from whoever called.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::{DeliveryId, TraceContext};

use crate::StoreError;

#[async_trait]
pub trait Traces: Send + Sync {
    /// The spans of the last calls for these deliveries, as far as their events belong to traces. A delivery that was not called yet is
    /// answered with the call that it waits for.
    async fn last_calls(&self, deliveries: &[DeliveryId]) -> Result<HashMap<DeliveryId, TraceContext>, StoreError>;
}
