//! Chains of rules.

use async_trait::async_trait;
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::{Channel, RuleId, UserId};

use super::NewRule;
use crate::StoreError;
use crate::access::Actor;

/// What a rule of a chain does, whatever its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainStep {
    /// None waits.
    pub channel: Option<Channel>,
    pub critical: bool,
    /// How long a wait is, in seconds; 0 for what tells.
    pub offset_s: i64,
}

/// Where in its chain a rule is to stand. A chain is one user's rules of one surface and trigger; its positions are unique
/// and may have gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After all others.
    End,
    /// There. Those between move by one towards the place that it leaves, as in a list.
    At(i64),
    /// There. Whoever stands there takes the place that it leaves, nobody else moves: so the outcome of several such moves
    /// does not depend on their order.
    Swap(i64),
}

/// A rule of a chain, with the text id of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRule {
    pub rule: Rule,
    pub user_public_id: String,
}

/// Which rules of chains to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainFilter {
    pub surface: Surface,
    pub user: Option<UserId>,
    pub trigger: Option<Trigger>,
    pub offset: i64,
    pub limit: i64,
}

/// Chains: a user's rules of one surface and trigger, in order of position.
#[async_trait]
pub trait Chains: Send + Sync {
    /// Adds a rule to a chain: after all others first, then moved to its place, so that what has to give way does.
    ///
    /// # Errors
    /// `NotFound("user")`, `NotFound("contact")`, `UnfitContact`.
    async fn create_chain_rule(&self, by: Actor, user: UserId, rule: NewRule, place: Place) -> Result<Rule, StoreError>;

    /// Changes what a rule of a chain does, where it stands, or both; what is None stays.
    ///
    /// # Errors
    /// `NotFound("user")`, `NotFound("rule")`.
    async fn change_chain_rule(
        &self,
        by: Actor,
        user: UserId,
        surface: Surface,
        id: RuleId,
        step: Option<ChainStep>,
        place: Option<Place>,
    ) -> Result<Rule, StoreError>;

    /// The rule of a chain with that text id, whoever has it.
    async fn chain_rule(&self, surface: Surface, public_id: &str) -> Result<Option<ChainRule>, StoreError>;

    /// Rules of chains, and how many the filter finds in all: in order of user, then LOW before HIGH, then position.
    async fn chain_rules(&self, filter: &ChainFilter) -> Result<(Vec<ChainRule>, i64), StoreError>;
}
