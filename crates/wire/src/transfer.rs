//! All that users have said, to take it to another Watchbell: an export's pages, and what an import takes and answers. Each
//! surface's rules are in that surface's own words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchbell_core::Channel;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::preference::{ChannelType, Digest};
use watchbell_core::rule::Trigger;

use crate::devices::NewDevice;
use crate::name::names;
use crate::rules::RuleTerms;
use crate::users::{QuietHours, UserProfile};
use crate::{Name, Nullable};

/// The version of the format. One that is higher has members that this Watchbell would lose.
pub const VERSION: i64 = 1;

/// A page of an export, of users in order of id.
//
// A program that only hands users and categories on reads them as plain JSON, so that none of their members is lost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Export")]
pub struct Export<U = TransferUser, C = TransferCategory> {
    #[schemars(range(min = 1, max = 1))]
    pub version: i64,
    /// On the first page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<C>>,
    pub users: Vec<U>,
    /// Pass it as cursor; left out on the last page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What an import takes: a page of an export, or what was read from another system.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Import")]
pub struct Import<U = TransferUser, C = TransferCategory> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1))]
    pub version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<C>>,
    #[schemars(length(max = 500))]
    pub users: Vec<U>,
}

/// What came of an import.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// What was done of categories, or would be
    pub categories: Vec<String>,
    /// In the order of the request
    pub users: Vec<ImportedUser>,
}

/// What came of one user of an import.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedUser {
    pub external_id: String,
    pub username: String,
    /// What was done, or would be
    pub changes: Vec<String>,
    /// What cannot be taken over
    pub problems: Vec<String>,
}

/// A category, but for its id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferCategory {
    #[schemars(length(min = 1, max = 255))]
    pub handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_channels: Option<Vec<Name<Channel>>>,
}

/// All that a user has said; what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferUser {
    /// What the user is known by, here and there; no whole number
    #[schemars(length(min = 1, max = 255))]
    pub external_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Nullable<QuietHours>>")]
    pub quiet_hours: Option<Nullable<watchbell_core::user::Hours>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_fields: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<UserProfile>")]
    pub profile: Option<watchbell_core::user::Profile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<TransferContact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<NewDevice>>,
    /// Of the ilert surface, in its words
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<TransferRule>>,
    /// Of Watchbell's own surface
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_rules: Option<Vec<TransferOwnRule>>,
    /// Of the OnCall surface, in its words
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chains: Option<Vec<TransferStep>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(inner(length(min = 1, max = 255)))]
    pub topics: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Vec<TransferPreference>>,
    /// Of Notiflows, as far as they were ever set
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switches: Option<TransferSwitches>,
}

/// A contact, but for its id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferContact {
    pub kind: Name<ContactKind>,
    #[schemars(length(min = 1, max = 2_048))]
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Name<ContactStatus>>,
}

/// A rule of the ilert surface; `kind` is the end of its path there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRule {
    pub kind: Name<RuleKind>,
    pub method: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 120))]
    pub delay_min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_440))]
    pub before_min: Option<i64>,
    /// One of the user's contacts
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<TransferAddress>,
}

/// A rule of Watchbell's own surface.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferOwnRule {
    pub trigger: Name<Trigger>,
    pub channel: Name<Channel>,
    /// One of the user's contacts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<TransferAddress>,
    #[serde(flatten)]
    pub terms: RuleTerms,
}

names! {
    /// The ilert surface's kinds of rule.
    pub enum RuleKind {
        Alerts = "alerts",
        Duties = "duties",
        Updates = "updates",
        Subscriptions = "subscriptions",
    }
}

/// A contact, by where it leads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferAddress {
    pub kind: Name<ContactKind>,
    pub target: String,
}

/// A step of an OnCall chain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferStep {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Nullable<String>>,
    /// Passed over: Grafana OnCall's own answers have it beside
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub important: Option<bool>,
    pub position: i64,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a step that waits, in seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<i64>,
}

/// A messaging preference; without a category, the default for all without one of their own.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferPreference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Nullable<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_app: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Name<Digest>>,
}

/// A user's Notiflows switches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferSwitches {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_types: Option<TransferChannelTypes>,
    /// By handle
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notiflows: Option<BTreeMap<String, TransferNotiflow>>,
}

/// The switches of one notiflow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferNotiflow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_types: Option<TransferChannelTypes>,
}

/// Switches of types of channel, as far as they were ever set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferChannelTypes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_app: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_push: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_push: Option<bool>,
}

impl From<&BTreeMap<ChannelType, bool>> for TransferChannelTypes {
    fn from(switches: &BTreeMap<ChannelType, bool>) -> Self {
        let of = |kind: ChannelType| switches.get(&kind).copied();
        Self {
            chat: of(ChannelType::Chat),
            email: of(ChannelType::Email),
            in_app: of(ChannelType::InApp),
            mobile_push: of(ChannelType::MobilePush),
            sms: of(ChannelType::Sms),
            web_push: of(ChannelType::WebPush),
        }
    }
}
