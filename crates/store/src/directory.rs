//! Users and all that belongs to them, one file for each part.
//!
//! Every change is one transaction with its audit entry, the user's next version, and what it changes in that user's
//! unsent deliveries.

mod accounts;
mod chains;
mod contacts;
mod devices;
mod duties;
mod rules;
mod telegram;
mod topics;
mod trials;
mod users;
mod verification;

pub use accounts::{Accounts, LinkedAccount};
pub use chains::{ChainFilter, ChainRule, ChainStep, Chains, Place};
pub use contacts::{Contacts, NewContact};
pub use devices::Devices;
pub use duties::{Duties, MOST_SHIFTS, ScheduleFilter, ScheduleShifts, Shift};
pub use rules::{NewRule, Rules};
pub use telegram::TelegramLinks;
pub use topics::{Subscription, SubscriptionFilter, Topic, Topics};
pub use trials::ContactTrials;
pub use users::{NewUser, UserFilter, Users};
pub use verification::Verification;
