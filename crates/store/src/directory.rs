//! Users and all that belongs to them: contacts, devices, rules, topics.
//!
//! Every change is one transaction with its audit entry, the user's next version, and what it changes in that user's
//! unsent deliveries.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::ids::UserRef;
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::user::{Profile, QuietHours, User};
use watchbell_core::{Channel, ContactId, DeviceId, RuleId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;
use crate::runs::Side;

/// What a user is made from; also what a whole replacement gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewUser {
    pub external_id: Option<String>,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    /// Empty is UTC.
    pub timezone: String,
    /// Empty is `en`.
    pub locale: String,
    pub quiet_hours: Option<QuietHours>,
    pub custom_fields: serde_json::Map<String, serde_json::Value>,
    pub profile: Profile,
    /// A first email contact, OK at once. When replacing: ignored.
    pub email: Option<String>,
    /// A first phone number as E.164 and its region, OK at once. When replacing: ignored.
    pub phone: Option<(String, String)>,
}

impl From<User> for NewUser {
    /// All that a replacement keeps of a user, for changing a part of it.
    fn from(user: User) -> Self {
        Self {
            external_id: user.external_id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            timezone: user.timezone,
            locale: user.locale,
            quiet_hours: user.quiet_hours,
            custom_fields: user.custom_fields,
            profile: user.profile,
            email: None,
            phone: None,
        }
    }
}

/// A contact to be made, or what replaces one. The target is parsed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContact {
    pub kind: ContactKind,
    pub target: String,
    pub region: Option<String>,
    /// None leaves it as it is when replacing, and is false when making.
    pub primary: Option<bool>,
    /// For a new contact; one that is replaced by another target gets this too.
    pub status: ContactStatus,
}

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
}

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

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// This user name, without regard to case.
    pub username: Option<String>,
    /// Whose verified email address this is, without regard to case: nobody's, or one user's.
    pub email: Option<String>,
    /// Only ids above this one.
    pub after: Option<UserId>,
    /// Only ids below this one; then the list is of those right before it.
    pub before: Option<UserId>,
    /// Made after this time.
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
    pub offset: i64,
    pub limit: i64,
}

/// A topic, as events and members name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// When it had its first member.
    pub created_at: Timestamp,
}

/// That a user is a member of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub topic: String,
    pub user_id: UserId,
    pub created_at: Timestamp,
}

/// Which memberships to list. One of the two names is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    pub topic: Option<String>,
    pub user: Option<UserId>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub side: Side<Subscription>,
    pub limit: i64,
}

#[async_trait]
pub trait Directory: Send + Sync {
    /// # Errors
    /// `Taken` for an external id, a user name or a verified email address that another user has, or an external id that is
    /// another one's `U…` id; `BadExternalId`.
    async fn create_user(&self, by: Actor, user: NewUser) -> Result<User, StoreError>;

    async fn user(&self, user: &UserRef) -> Result<Option<User>, StoreError>;

    /// Users in order of id, and how many the filter finds in all.
    async fn users(&self, filter: &UserFilter) -> Result<(Vec<User>, i64), StoreError>;

    /// Users by their numbers in one statement, in order of id; whoever is not there is left out.
    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Replaces a user's own fields. Each of `addresses` becomes the one that is shown of its kind
    /// ([`watchbell_core::contact::shown`]): it takes the place of the one that was, so that rules which name that follow; a
    /// phone number that the user has already becomes the primary one.
    ///
    /// # Errors
    /// `NotFound("user")`, `Taken`; `DuplicateContact` for another address that the user has already and that cannot be primary.
    async fn replace_user(&self, by: Actor, id: UserId, user: NewUser, addresses: &[NewContact]) -> Result<User, StoreError>;

    /// Deletes a user with all that is theirs; what was not sent yet is cancelled, history stays.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn delete_user(&self, by: Actor, id: UserId) -> Result<(), StoreError>;

    /// # Errors
    /// `NotFound("user")`, `DuplicateContact`.
    async fn create_contact(&self, by: Actor, user: UserId, contact: NewContact) -> Result<Contact, StoreError>;

    /// Contacts in order of id, of one kind or of all.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn contacts(&self, user: UserId, kind: Option<ContactKind>) -> Result<Vec<Contact>, StoreError>;

    /// All contacts of some users in one statement, in order of user and id; of a user that is not there, none.
    async fn contacts_of(&self, users: &[UserId]) -> Result<Vec<Contact>, StoreError>;

    /// When each of a user's contacts was made, and last replaced.
    async fn contact_times(&self, user: UserId) -> Result<HashMap<ContactId, (Timestamp, Timestamp)>, StoreError>;

    /// The user's contact with that id and, if given, kind.
    async fn contact(&self, user: UserId, kind: Option<ContactKind>, id: ContactId) -> Result<Option<Contact>, StoreError>;

    /// Replaces a contact's target, region and, if told, `primary`. The status stays while the target does.
    ///
    /// # Errors
    /// `NotFound("contact")`, `DuplicateContact`.
    async fn replace_contact(&self, by: Actor, user: UserId, id: ContactId, contact: NewContact) -> Result<Contact, StoreError>;

    /// # Errors
    /// `NotFound("contact")`; `ContactInUse` unless `force`, which deletes the rules too.
    async fn delete_contact(
        &self,
        by: Actor,
        user: UserId,
        kind: Option<ContactKind>,
        id: ContactId,
        force: bool,
    ) -> Result<(), StoreError>;

    /// # Errors
    /// `NotFound("contact")`.
    async fn set_contact_status(&self, by: Actor, user: UserId, id: ContactId, status: ContactStatus) -> Result<Contact, StoreError>;

    /// Keeps the hash of a code for a contact and plans the message that carries the code. `code` has eight digits, of which
    /// the first six are the code unless wrong ones were tried before.
    ///
    /// # Errors
    /// `NotFound("contact")`, `PhonePrefix`; `Verification`: `TooSoon`, `OutOfCodes`, `AlreadyOk`.
    async fn start_verification(
        &self,
        by: Actor,
        user: UserId,
        id: ContactId,
        code: watchbell_core::Secret,
    ) -> Result<Timestamp, StoreError>;

    /// Takes one try; the right code makes the contact OK.
    ///
    /// # Errors
    /// `NotFound("contact")`, `Taken` for another user's email; `Verification`: `NotStarted`, `Expired`, `Exhausted`, `Wrong`,
    /// `OutOfTries`, `AlreadyOk`.
    async fn confirm_verification(&self, by: Actor, user: UserId, id: ContactId, code: &str) -> Result<Contact, StoreError>;

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

    /// Keeps the hash of a deep link's token until `expires_at`.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn start_telegram_link(&self, by: Actor, user: UserId, token_hash: &str, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Links a chat to the user whose token this is, in place of the chat they had; the token is used up. None for a token
    /// that is unknown or expired.
    async fn finish_telegram_link(&self, token_hash: &str, chat_id: &str) -> Result<Option<UserId>, StoreError>;

    /// # Errors
    /// `NotFound("user")`, `NotFound("contact")`, `UnfitContact`.
    async fn create_rule(&self, by: Actor, user: UserId, rule: NewRule) -> Result<Rule, StoreError>;

    /// A surface's rules of a user, those with one of the triggers, in order of id.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn rules(&self, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError>;

    async fn rule(&self, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<Option<Rule>, StoreError>;

    /// Replaces the whole rule, which must have one of `triggers` now.
    ///
    /// # Errors
    /// `NotFound("rule")`, `NotFound("contact")`, `UnfitContact`.
    async fn replace_rule(&self, by: Actor, user: UserId, triggers: &[Trigger], id: RuleId, rule: NewRule) -> Result<Rule, StoreError>;

    /// # Errors
    /// `NotFound("rule")`.
    async fn delete_rule(&self, by: Actor, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<(), StoreError>;

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

    /// Makes users members of a topic; those who are already stay so.
    ///
    /// # Errors
    /// `NotFound("user")`; then none was added.
    async fn add_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError>;

    /// Which of them were members.
    async fn remove_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Topics that have, or once had, members; newest first, whichever side is looked to.
    async fn topics(&self, side: &Side<Topic>, limit: i64) -> Result<Vec<Topic>, StoreError>;

    async fn topic(&self, topic: &str) -> Result<Option<Topic>, StoreError>;

    /// Deletes a topic with all memberships.
    ///
    /// # Errors
    /// `NotFound("topic")`.
    async fn delete_topic(&self, by: Actor, topic: &str) -> Result<(), StoreError>;

    /// Memberships, newest first, whichever side the filter looks to.
    async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError>;

    /// The memberships of some users, in order of user.
    async fn subscriptions_of(&self, topic: &str, users: &[UserId]) -> Result<Vec<Subscription>, StoreError>;

    /// Members after `after`, in order of id.
    async fn members(&self, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError>;

    /// The topics that a user is a member of, in order of name.
    async fn topics_of(&self, user: UserId) -> Result<Vec<String>, StoreError>;
}
