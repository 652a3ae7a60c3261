//! What users want of categories, whoever asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchbell_core::preference::Digest;

use crate::Name;

/// What a user wants of a category; without a category, of all for which nothing else is set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "CategoryPreferencePut")]
pub struct CategoryWants {
    /// The category's handle
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    pub in_app: bool,
    pub email: bool,
    pub push: bool,
    /// How email is batched
    pub digest: Name<Digest>,
}

/// What holds for a category.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the wire")]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryPreference {
    /// Absent: for all for which nothing else is set
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What the category is called
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the user has set it; else it is what holds for all, or for everybody
    pub set: bool,
    pub in_app: bool,
    pub email: bool,
    pub push: bool,
    pub digest: Name<Digest>,
}
