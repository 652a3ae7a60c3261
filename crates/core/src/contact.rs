//! Where a user can be reached: addresses that have been parsed, and whether they may be used.

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, named_enum};
use crate::ids::{ContactId, UserId};

named_enum! {
    /// What kind of address a contact is.
    pub enum ContactKind ("contact kind") {
        Email = "email",
        /// An E.164 number: SMS, voice and WhatsApp.
        Phone = "phone",
        /// A chat id that the user linked by opening the bot.
        Telegram = "telegram",
        Slack = "slack",
        Teams = "teams",
        Mattermost = "mattermost",
        Webhook = "webhook",
    }
}

impl ContactKind {
    /// The kind of address that a channel sends to; none for push (devices) and in-app (the user).
    pub fn for_channel(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Email => Some(Self::Email),
            Channel::Sms | Channel::Voice | Channel::Whatsapp => Some(Self::Phone),
            Channel::Telegram => Some(Self::Telegram),
            Channel::Slack => Some(Self::Slack),
            Channel::Teams => Some(Self::Teams),
            Channel::Mattermost => Some(Self::Mattermost),
            Channel::Webhook => Some(Self::Webhook),
            Channel::Push | Channel::InApp => None,
        }
    }
}

named_enum! {
    /// Whether a contact may be used. Only `OK` is.
    pub enum ContactStatus ("contact status") {
        Ok = "OK",
        /// Not verified yet, or locked after the address was refused for good.
        Locked = "LOCKED",
        /// Never again until an admin clears it.
        Blacklisted = "BLACKLISTED",
    }
}

/// A contact as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub user_id: UserId,
    pub kind: ContactKind,
    pub target: String,
    /// ISO 3166 alpha-2, phone numbers only.
    pub region: Option<String>,
    /// At most one phone number of a user.
    pub primary: bool,
    pub status: ContactStatus,
}

/// The longest address that a surface takes, in characters (`apis/ilert.md`: `target` 1..=255).
pub const LONGEST_TARGET: usize = 255;

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    #[error("must have 1 to {LONGEST_TARGET} characters")]
    Length,
    #[error("must not contain control characters")]
    ControlCharacter,
    #[error("must be an email address such as anna@example.org")]
    Email,
    #[error("must be a region such as DE or US (ISO 3166 alpha-2)")]
    Region,
    #[error("must be a phone number of that region, or start with + and the country code")]
    Phone,
}

/// Reads a mailbox address: trimmed, ASCII domain or an internationalised one, no display name.
pub fn parse_email(text: &str) -> Result<String, BadTarget> {
    let text = checked(text)?;
    let options = email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
    let address = email_address::EmailAddress::parse_with_options(text, options).map_err(|_| BadTarget::Email)?;
    // The domain compares without case; the local part is its owner's business.
    Ok(format!("{}@{}", address.local_part(), address.domain().to_lowercase()))
}

/// Reads a phone number as its region's people write it, and answers E.164 and the region.
///
/// # Errors
/// `Region` for a region that is no ISO 3166 alpha-2 code with a numbering plan, `Phone` for what cannot be a number.
pub fn parse_phone(text: &str, region: &str) -> Result<(String, String), BadTarget> {
    let text = checked(text)?;
    let upper = region.trim().to_ascii_uppercase();
    let country: phonenumber::country::Id = upper.parse().map_err(|_| BadTarget::Region)?;
    // phonenumber 0.3 takes the given region's trunk prefix off numbers of other countries too ("+49 151…" with US loses a 1,
    // and would ring somebody else). So a number with its country code is read without a region and must keep its digits, and
    // a number without + must not come out as a foreign one.
    let has_code = text.starts_with(['+', '\u{ff0b}']);
    let number = phonenumber::parse((!has_code).then_some(country), text).map_err(|_| BadTarget::Phone)?;
    let code = number.code().value();
    let is_itself = if has_code { keeps_digits(text, code, &number.national().to_string()) } else { home_code(country) == Some(code) };
    if !number.is_valid() || !is_itself {
        return Err(BadTarget::Phone);
    }
    Ok((number.format().mode(phonenumber::Mode::E164).to_string(), upper))
}

/// The calling code of a region.
fn home_code(country: phonenumber::country::Id) -> Option<u16> {
    phonenumber::metadata::DATABASE.by_id(country.as_ref()).map(phonenumber::Metadata::country_code)
}

/// Whether a number says what was written: its code and national number, but for a trunk zero between the two.
fn keeps_digits(written: &str, code: u16, national: &str) -> bool {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    digits == format!("{code}{national}") || digits == format!("{code}0{national}")
}

fn checked(text: &str) -> Result<&str, BadTarget> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(BadTarget::ControlCharacter);
    }
    if text.is_empty() || text.chars().count() > LONGEST_TARGET {
        return Err(BadTarget::Length);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn phone_numbers_become_e164() {
        let table = [
            ("0151 12345678", "DE", "+4915112345678"),
            ("+49 (151) 123-45678", "de", "+4915112345678"),
            ("(415) 555-2671", "US", "+14155552671"),
            ("+44 7911 123456", "DE", "+447911123456"),
            ("+49 151 12345678", "US", "+4915112345678"),
            ("+39 06 12345678", "US", "+390612345678"),
            ("+7 701 123-45-67", "KZ", "+77011234567"),
            ("+49 (0) 151 12345678", "DE", "+4915112345678"),
            ("0049 151 12345678", "DE", "+4915112345678"),
            ("1 415 555 2671", "US", "+14155552671"),
        ];
        for (text, region, e164) in table {
            assert_eq!(parse_phone(text, region).map(|(number, _)| number).as_deref(), Ok(e164), "{text} {region}");
        }
    }

    #[test]
    fn what_is_no_phone_number_says_why() {
        let table = [
            ("", "DE", BadTarget::Length),
            ("hello", "DE", BadTarget::Phone),
            ("123", "US", BadTarget::Phone),
            // The country code without +, in a region from which it is not dialled so.
            ("011 49 151 12345678", "US", BadTarget::Phone),
            ("tel:+49-151-12345678", "US", BadTarget::Phone),
            ("0151 12345678", "XX", BadTarget::Region),
            ("0151 12345678", "Germany", BadTarget::Region),
            ("0151\u{0}12345678", "DE", BadTarget::ControlCharacter),
        ];
        for (text, region, why) in table {
            assert_eq!(parse_phone(text, region).unwrap_err(), why, "{text:?} {region}");
        }
    }

    #[test]
    fn email_addresses_are_checked_and_trimmed() {
        assert_eq!(parse_email(" Anna@Example.ORG ").unwrap(), "Anna@example.org");
        for bad in ["anna", "@example.org", "anna@", "Anna <anna@example.org>", "a b@example.org", "anna@localhost"] {
            assert_eq!(parse_email(bad), Err(BadTarget::Email), "{bad}");
        }
        assert_eq!(parse_email(&format!("{}@example.org", "a".repeat(250))), Err(BadTarget::Length));
    }
}
