//! Why a delivery stands as it does: a code with arguments.
//!
//! The store keeps the code and the arguments as compact JSON, everything that decides looks at the variant, and only what shows a
//! reason to people puts it into words (`Display`: English). A process that is older than the one that wrote a reason keeps what it
//! cannot read as it is, and shows its code.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::{Channel, join};
use crate::contact::ContactStatus;
use crate::delivery::Purpose;
use crate::event::Priority;
use crate::ids::{DeliveryId, RuleId, UserId};
use crate::preference::{ChannelType, Digest};
use crate::rule::conditions::Unmet;
use crate::time::Timestamp;

/// The reason for a delivery, or for its state. `code` is always the provider's own, never a text that could hold an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    // Why it was planned.
    AskedByRules {
        rules: Vec<RuleId>,
    },
    AskedByNoRule {
        purpose: Purpose,
    },
    FallbackEmail {
        priority: Priority,
    },
    /// As `FallbackEmail`, where the user has rules, and the conditions of none hold.
    NoRuleFits {
        priority: Priority,
    },
    /// It is due sooner than its rule says.
    Expedited {
        because: Box<Reason>,
    },
    /// Why it is, where nothing failed: whom it is for said that an earlier message is not theirs to answer.
    Declined {
        user: UserId,
    },
    Replayed,

    // What the user chose.
    /// A condition of the rule does not hold.
    RuleWants {
        rule: RuleId,
        wants: Unmet,
    },
    CategoryOff {
        category: String,
    },
    /// A switch of all categories, or of one.
    ChannelTypeOff {
        channel_type: ChannelType,
        category: Option<String>,
    },
    /// By the preference for the category, or by the default one.
    ChannelNotWanted {
        channel: Channel,
        category: Option<String>,
    },
    DigestOff {
        category: Option<String>,
    },
    QuietHours {
        until: Timestamp,
    },
    InDigest {
        cadence: Digest,
        until: Timestamp,
    },

    // Why it is not needed any more.
    AlertAccepted,
    AlertResolved,
    AlertForgotten,
    AlertSaysOtherwise,
    NotAskedFor,
    RuleGone,
    ShiftCancelled,
    ShiftMoved,
    UserDeleted,
    CodeReplaced,
    ContactVerified,
    ContactDecided,
    /// The address opted out by its carrier.
    OptedOut,
    AddressChanged,
    ContactDeleted,
    ChatLinked,

    // What became of it together with others.
    Bundled {
        by: DeliveryId,
    },
    BundleEmpty,
    BundleUnread,

    // Why it was not called.
    /// Nothing is sent by this installation.
    Shadow,
    TimePassed,
    NotCalledInTime,
    /// Its begin was refused: it came too late, or nobody needs it any more.
    NotBegun,
    /// The database said that it had begun, and that answer was lost with the connection.
    BeginLost,
    Unreadable {
        what: String,
    },
    ContactUnusable {
        status: ContactStatus,
    },
    NoContact,
    NoDevice,
    NoTelegramChat,
    NoProvider {
        channel: Channel,
    },
    NoProviderForAddress {
        channel: Channel,
    },
    /// By the prefixes of the channel's routes.
    NoProviderForNumber {
        channel: Channel,
    },
    /// By the channel's list of countries; `country` is none for a number of no country, such as those of satellite networks.
    CountryNotAllowed {
        channel: Channel,
        country: Option<String>,
    },
    /// Every provider that takes it has made as many calls today as it may.
    SpendUsedUp {
        channel: Channel,
        providers: Vec<String>,
    },

    // How an attempt ended.
    BadAddress {
        code: Option<String>,
    },
    BadMessage {
        code: Option<String>,
    },
    BadRoute {
        code: Option<String>,
    },
    NoRouteLeft {
        code: Option<String>,
    },
    ProviderDown {
        code: Option<String>,
    },
    AccountLimited {
        code: Option<String>,
    },
    PassingFault {
        code: Option<String>,
    },
    Unanswered {
        code: Option<String>,
    },
    UnansweredAndLookedUp {
        code: Option<String>,
    },
    UnansweredTwice {
        code: Option<String>,
    },
    /// The channel is set to prefer a loss to a double.
    UnansweredAndGivenUp {
        code: Option<String>,
    },
    InterruptedTooOften {
        code: Option<String>,
    },
    /// The process that had begun it ended.
    Interrupted,
    Undelivered {
        code: Option<String>,
    },
    CallNotAnswered {
        code: Option<String>,
    },
    NoReceipt {
        within_s: u32,
    },
    /// A provider took it, it did not arrive, and no other one takes it.
    NoOtherProvider,
    PassedOn {
        after: Box<Reason>,
    },
    TriedTooLong {
        last: Box<Reason>,
    },

    /// What a newer process wrote.
    #[serde(untagged)]
    Unknown(Value),
}

impl Reason {
    /// Reads what the store keeps. Nothing is refused: no delivery is lost for a reason that this version does not know.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::Unknown(Value::String(text.to_owned())))
    }

    /// Boxed, where it is part of another reason.
    pub fn boxed(self) -> Box<Self> {
        Box::new(self)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preference = |category: &Option<String>| match category {
            Some(category) => format!("the user's preference for `{category}`"),
            None => "the user's default preference".to_owned(),
        };
        match self {
            Self::AskedByRules { rules } => match rules.as_slice() {
                [rule] => write!(f, "the user's rule {rule} asks for it"),
                rules => write!(f, "the user's rules {} ask for it", join(rules)),
            },
            Self::AskedByNoRule { purpose } => write!(f, "{purpose}: no rule of the user's asks for it"),
            Self::FallbackEmail { priority } => write!(f, "no rule for {priority} alerts: the fallback email"),
            Self::NoRuleFits { priority } => {
                write!(f, "of the user's rules for {priority} alerts none has its conditions met: the fallback email")
            }
            Self::Expedited { because } if matches!(**because, Self::Declined { .. }) => write!(f, "moved forward: {because}"),
            Self::Declined { user } => write!(f, "user {user} said that the alert is not theirs"),
            Self::Expedited { because } => write!(f, "moved forward, because an earlier step failed: {because}"),
            Self::Replayed => f.write_str("replayed"),

            Self::RuleWants { rule, wants } => write!(f, "the rule {rule} wants {wants}"),
            Self::CategoryOff { category } => write!(f, "the user has switched off `{category}`"),
            Self::ChannelTypeOff { channel_type, category: None } => write!(f, "the user's switch `{channel_type}` is off"),
            Self::ChannelTypeOff { channel_type, category: Some(category) } => {
                write!(f, "the user's switch `{channel_type}` for `{category}` is off")
            }
            Self::ChannelNotWanted { channel: Channel::InApp, category } => write!(f, "{} says no in-app", preference(category)),
            Self::ChannelNotWanted { channel, category } => write!(f, "{} says no {channel}", preference(category)),
            Self::DigestOff { category } => write!(f, "{} has the digest off", preference(category)),
            Self::QuietHours { until } => write!(f, "quiet hours until {until}"),
            Self::InDigest { cadence, until } => write!(f, "goes into the {cadence} digest of {until}"),

            Self::AlertAccepted => f.write_str("the alert was accepted"),
            Self::AlertResolved => f.write_str("the alert was resolved"),
            Self::AlertForgotten => f.write_str("nothing was heard of the alert for so long that it was closed"),
            Self::AlertSaysOtherwise => f.write_str("an earlier event of the alert says otherwise"),
            Self::NotAskedFor => f.write_str("nothing asks for it any more"),
            Self::RuleGone => f.write_str("the rule is gone"),
            Self::ShiftCancelled => f.write_str("the shift was cancelled"),
            Self::ShiftMoved => f.write_str("the shift was moved"),
            Self::UserDeleted => f.write_str("user deleted"),
            Self::CodeReplaced => f.write_str("a newer code was asked for"),
            Self::ContactVerified => f.write_str("the contact was verified"),
            Self::ContactDecided => f.write_str("an admin decided about the contact"),
            Self::OptedOut => f.write_str("the address opted out"),
            Self::AddressChanged => f.write_str("the address was changed"),
            Self::ContactDeleted => f.write_str("the contact was deleted"),
            Self::ChatLinked => f.write_str("the chat was linked"),

            Self::Bundled { by } => write!(f, "told together with others, by delivery {by}"),
            Self::BundleEmpty => f.write_str("nothing of it was needed any more"),
            Self::BundleUnread => f.write_str("what it tells could not be read"),

            Self::TimePassed => f.write_str("its time had passed"),
            Self::NotCalledInTime => f.write_str("it was not called in time"),
            Self::NotBegun => f.write_str("it was not called in time, or not needed any more"),
            Self::BeginLost => f.write_str("it was not called: the answer of the database was lost"),
            Self::Unreadable { what } => write!(f, "it cannot be read: {what}"),
            Self::Shadow => f.write_str("it would have been sent: Watchbell runs as a shadow, which sends nothing"),
            Self::ContactUnusable { status } => write!(f, "the contact is {status}"),
            Self::NoContact => f.write_str("the user has no contact for this channel"),
            Self::NoDevice => f.write_str("the user has no device for push messages"),
            Self::NoTelegramChat => f.write_str("the user has linked no Telegram chat"),
            Self::NoProvider { channel } => write!(f, "no provider is configured for the channel {channel}"),
            Self::NoProviderForAddress { channel } => write!(f, "no provider of the channel {channel} takes this kind of address"),

            Self::NoProviderForNumber { channel } => {
                write!(f, "no provider of the channel {channel} takes numbers with this prefix; see channels.{channel}.routes")
            }
            Self::CountryNotAllowed { channel, country: Some(country) } => {
                write!(f, "numbers of {country} are not written to; see channels.{channel}.countries")
            }
            Self::CountryNotAllowed { channel, country: None } => {
                write!(f, "the number is of no country that is written to; see channels.{channel}.countries")
            }
            Self::SpendUsedUp { channel, providers } => {
                write!(f, "the day's calls by {} are used up; see max_per_day in channels.{channel}.routes", join(providers))
            }

            Self::BadAddress { code } => said(f, "the provider says that this address cannot be reached", code.as_deref()),
            Self::BadMessage { code } => said(f, "the provider refused the message", code.as_deref()),
            Self::BadRoute { code } => said(f, "the provider has no way there", code.as_deref()),
            Self::NoRouteLeft { code } => said(f, "no provider takes the message", code.as_deref()),
            Self::ProviderDown { code } => said(f, "the provider is down", code.as_deref()),
            Self::AccountLimited { code } => said(f, "the account takes no more for now", code.as_deref()),
            Self::PassingFault { code } => said(f, "a passing fault", code.as_deref()),
            Self::Unanswered { code } => said(f, "no answer came; it may have gone out", code.as_deref()),
            Self::UnansweredAndLookedUp { code } => said(f, "no answer came; the provider is asked whether it has it", code.as_deref()),
            Self::UnansweredTwice { code } => said(f, "no answer came, twice; it may have gone out", code.as_deref()),
            Self::UnansweredAndGivenUp { code } => {
                said(f, "no answer came; it may have gone out, and this channel prefers a loss to a double", code.as_deref())
            }
            Self::InterruptedTooOften { code } => {
                said(f, "the process that was sending it ended, ten times; it may have gone out", code.as_deref())
            }
            Self::Interrupted => f.write_str("who was sending it is gone; it may have gone out"),
            Self::Undelivered { code } => said(f, "the provider could not deliver it", code.as_deref()),
            Self::CallNotAnswered { code } => said(f, "nobody answered the call", code.as_deref()),
            Self::NoReceipt { within_s } => write!(f, "no receipt came within {within_s} s; it may have gone out"),
            Self::NoOtherProvider => f.write_str("it did not arrive, and no other provider takes it"),
            Self::PassedOn { after } => write!(f, "{after}; another provider takes over"),
            Self::TriedTooLong { last } => write!(f, "tried for too long: {last}"),

            Self::Unknown(written) => f.write_str(code_of(written)),
        }
    }
}

impl Reason {
    /// Its name alone, without arguments: one of as many as there are variants.
    pub fn code(&self) -> String {
        serde_json::to_value(self).map_or_else(|_| "unknown".to_owned(), |written| code_of(&written).to_owned())
    }
}

/// A sentence, with the provider's code behind it.
fn said(f: &mut fmt::Formatter<'_>, sentence: &str, code: Option<&str>) -> fmt::Result {
    f.write_str(sentence)?;
    code.map_or(Ok(()), |code| write!(f, " (code {code})"))
}

/// The code of what was written by a newer process: a text by itself, or the name of its arguments.
pub(crate) fn code_of(written: &Value) -> &str {
    let of_arguments = || written.as_object().and_then(|object| object.keys().next()).map(String::as_str);
    written.as_str().or_else(of_arguments).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn a_reason_is_kept_as_a_code_with_arguments_and_shown_as_a_sentence() {
        let bad_address = Reason::BadAddress { code: Some("21211".to_owned()) };
        assert_eq!((bad_address.code(), Reason::Replayed.code()), ("bad_address".to_owned(), "replayed".to_owned()));
        let table = [
            (Reason::Replayed, r#""replayed""#, "replayed"),
            (
                Reason::ChannelTypeOff { channel_type: ChannelType::Sms, category: None },
                r#"{"channel_type_off":{"channel_type":"sms","category":null}}"#,
                "the user's switch `sms` is off",
            ),
            (
                Reason::QuietHours { until: Timestamp::from_millis(1_000) },
                r#"{"quiet_hours":{"until":1000}}"#,
                "quiet hours until 1970-01-01T00:00:01.000Z",
            ),
            (
                Reason::Expedited { because: bad_address.boxed() },
                r#"{"expedited":{"because":{"bad_address":{"code":"21211"}}}}"#,
                "moved forward, because an earlier step failed: the provider says that this address cannot be reached (code 21211)",
            ),
            (
                Reason::Expedited { because: Reason::Declined { user: UserId(7) }.boxed() },
                r#"{"expedited":{"because":{"declined":{"user":7}}}}"#,
                "moved forward: user 7 said that the alert is not theirs",
            ),
            (
                Reason::TriedTooLong { last: Reason::PassingFault { code: None }.boxed() },
                r#"{"tried_too_long":{"last":{"passing_fault":{"code":null}}}}"#,
                "tried for too long: a passing fault",
            ),
        ];
        for (reason, kept, shown) in table {
            assert_eq!((serde_json::to_string(&reason).unwrap().as_str(), reason.to_string().as_str()), (kept, shown));
            assert_eq!(Reason::read(kept), reason);
        }
    }

    #[test]
    fn what_a_newer_process_wrote_is_kept_as_it_is_and_shown_as_its_code() {
        let table = [
            (r#""moon_is_full""#, "moon_is_full"),
            (r#"{"moon_is":{"phase":"full"}}"#, "moon_is"),
            // A code that is known, with arguments that are not.
            (r#"{"quiet_hours":{"since":7}}"#, "quiet_hours"),
            (r#"{"expedited":{"because":{"moon_is":{"phase":"full"}}}}"#, "moved forward, because an earlier step failed: moon_is"),
        ];
        for (kept, shown) in table {
            let reason = Reason::read(kept);
            assert_eq!((serde_json::to_string(&reason).unwrap().as_str(), reason.to_string().as_str()), (kept, shown));
        }
        assert_eq!(Reason::read("no JSON at all").to_string(), "no JSON at all");
    }
}
