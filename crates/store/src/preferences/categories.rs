//! Categories of events; what Notiflows calls a notiflow is one.

use async_trait::async_trait;
use watchbell_core::Channel;
use watchbell_core::preference::Category;

use crate::StoreError;
use crate::access::Actor;

/// A category to be made, or what it is from now on. The handle is what it is found by, and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCategory {
    pub handle: String,
    pub name: String,
    pub default_channels: Vec<Channel>,
}

/// Categories: made, changed, found.
#[async_trait]
pub trait Categories: Send + Sync {
    /// Makes those categories that are not there yet, named by their handles. Called at start with the configured list.
    async fn ensure_categories(&self, handles: &[String]) -> Result<(), StoreError>;

    /// Makes a category, or gives the one with that handle this name and these channels; whether it is new. Events that come
    /// from now on are planned by it.
    async fn put_category(&self, by: Actor, category: NewCategory) -> Result<(Category, bool), StoreError>;

    /// # Errors
    /// `NotFound("category")`.
    async fn delete_category(&self, by: Actor, handle: &str) -> Result<(), StoreError>;

    /// The category with that id, else that handle.
    async fn category(&self, id_or_handle: &str) -> Result<Option<Category>, StoreError>;

    /// In order of handle.
    async fn categories(&self) -> Result<Vec<Category>, StoreError>;
}
