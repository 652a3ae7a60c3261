//! Users' rules.

use async_trait::async_trait;
use watchbell_core::contact::ContactKind;
use watchbell_core::rule::{Conditions, Repeat, Rule, Surface, Trigger};
use watchbell_core::{Channel, ContactId, RuleId, UserId};

use crate::StoreError;
use crate::access::Actor;

/// A rule to be made, or what replaces one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    pub surface: Surface,
    pub trigger: Trigger,
    pub channel: Option<Channel>,
    pub contact_id: Option<ContactId>,
    /// Kinds of contact that the rule may name; empty when it may name none.
    pub contact_kinds: &'static [ContactKind],
    pub offset_s: i64,
    pub position: Option<i64>,
    pub critical: bool,
    pub public_id: Option<String>,
    pub when: Conditions,
    pub repeat: Option<Repeat>,
}

/// Rules, each found by its user, through a surface that can say it in full, and by the triggers that the surface knows.
#[async_trait]
pub trait Rules: Send + Sync {
    /// # Errors
    /// `NotFound("user")`, `NotFound("contact")`, `UnfitContact`.
    async fn create_rule(&self, by: Actor, user: UserId, rule: NewRule) -> Result<Rule, StoreError>;

    /// The rules of a user that a surface shows, those with one of the triggers, in order of id.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn rules(&self, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError>;

    async fn rule(&self, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<Option<Rule>, StoreError>;

    /// Replaces the whole rule, which must have one of `triggers` now, and be shown by the surface of the new one, whose it is
    /// from then on.
    ///
    /// # Errors
    /// `NotFound("rule")`, `NotFound("contact")`, `UnfitContact`.
    async fn replace_rule(&self, by: Actor, user: UserId, triggers: &[Trigger], id: RuleId, rule: NewRule) -> Result<Rule, StoreError>;

    /// # Errors
    /// `NotFound("rule")`.
    async fn delete_rule(&self, by: Actor, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<(), StoreError>;
}
