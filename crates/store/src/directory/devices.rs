//! Devices that push messages go to.

use async_trait::async_trait;
use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::{DeviceId, UserId};

use crate::StoreError;
use crate::access::Actor;

/// Users' devices.
#[async_trait]
pub trait Devices: Send + Sync {
    /// Registers a device. A token that another user has registered moves to this one and keeps its id, if it may.
    ///
    /// # Errors
    /// `NotFound("user")`, `Full`; `Taken` for another user's device that may not move.
    async fn add_device(
        &self,
        by: Actor,
        user: UserId,
        kind: DeviceKind,
        token: &str,
        keys: Option<&str>,
        may_move: bool,
    ) -> Result<Device, StoreError>;

    /// # Errors
    /// `NotFound("user")`.
    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError>;

    /// # Errors
    /// `NotFound("device")`.
    async fn delete_device(&self, by: Actor, user: UserId, id: DeviceId) -> Result<(), StoreError>;
}
