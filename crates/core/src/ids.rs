//! Typed ids, so that a contact's id cannot be passed where a rule's belongs.

use std::fmt;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

macro_rules! numeric_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numeric_id! {
    /// A user's number, as the ilert surface shows it.
    UserId,
    ContactId,
    DeviceId,
    RuleId,
    /// An API key's number; the key itself is never kept.
    KeyId,
    /// One life of one process: leases belong to it, and end with it.
    Epoch,
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

text_id! {
    /// An accepted event's id: its base time, then a digest of its identity. Sorts by time.
    EventId,
    /// A delivery's id: its base time, then a digest of its key (scope, user, rule, device). Planning the same thing
    /// twice gives the same id, so the primary key is what keeps a delivery from being doubled.
    DeliveryId,
}

impl EventId {
    pub fn derive(base_at: Timestamp, identity: &str) -> Self {
        Self(time_ordered(base_at, &[identity]))
    }
}

impl DeliveryId {
    pub fn derive(base_at: Timestamp, key: &[&str]) -> Self {
        Self(time_ordered(base_at, key))
    }

    /// The id without its alphabet: 6 bytes of time and 10 of the digest. None for a text that [`Self::derive`] would not make.
    pub fn to_bytes(&self) -> Option<[u8; 16]> {
        let digits = self.0.bytes().map(|byte| BASE32.iter().position(|digit| *digit == byte));
        let mut bits = 0_u128;
        for digit in digits {
            let digit = u128::try_from(digit?).ok()?;
            bits = bits.checked_mul(32)?.checked_add(digit)?;
        }
        (self.0.len() == TIME_DIGITS + DIGEST_DIGITS).then(|| bits.to_be_bytes())
    }

    /// The id that [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        let digit = |place: usize| char::from(BASE32[usize::try_from((bits >> (place * 5)) & 31).unwrap_or_default()]);
        Self((0..TIME_DIGITS + DIGEST_DIGITS).rev().map(digit).collect())
    }
}

/// So many characters of an event's or delivery's id are its time.
pub const TIME_DIGITS: usize = 10;

/// And so many are a digest.
const DIGEST_DIGITS: usize = 16;

/// What every event's and delivery's id from before `at` sorts below.
pub fn id_floor(at: Timestamp) -> String {
    let mut id = String::with_capacity(TIME_DIGITS);
    push_time(&mut id, at);
    id
}

/// The time that an event's or delivery's id begins with; None where it is not one that was derived here.
pub fn id_time(id: &str) -> Option<Timestamp> {
    let digits = id.as_bytes().get(..TIME_DIGITS)?;
    let digit = |ms: i64, byte: &u8| Some(ms << 5 | i64::try_from(BASE32.iter().position(|digit| digit == byte)?).ok()?);
    digits.iter().try_fold(0, digit).map(Timestamp::from_millis)
}

/// Crockford's base 32: no I, L, O, U.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 16 characters of a digest of the parts.
pub fn digest(parts: &[&str]) -> String {
    let mut id = String::with_capacity(16);
    push_digest(&mut id, parts);
    id
}

/// 10 characters of time in milliseconds and 16 of a digest, in base 32: the shape of a ULID, but derived, not drawn.
fn time_ordered(at: Timestamp, parts: &[&str]) -> String {
    let mut id = String::with_capacity(26);
    push_time(&mut id, at);
    push_digest(&mut id, parts);
    id
}

fn push_digest(id: &mut String, parts: &[&str]) {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab","c") and ("a","bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    for chunk in digest[..10].chunks_exact(5) {
        let bits = chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for shift in (0..8).rev() {
            id.push(char::from(BASE32[((bits >> (shift * 5)) & 31) as usize]));
        }
    }
}

fn push_time(id: &mut String, at: Timestamp) {
    let ms = at.as_millis().unsigned_abs();
    for shift in (0..10).rev() {
        id.push(char::from(BASE32[((ms >> (shift * 5)) & 31) as usize]));
    }
}

/// The alphabet of Grafana OnCall's public ids: A–Z without O, and 1–9.
const PUBLIC_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNPQRSTUVWXYZ123456789";

/// A fresh public id such as `U4DNY931HHJS5`: `prefix` and 12 characters.
pub fn public_id(prefix: char) -> String {
    let mut rng = rand::rng();
    let mut id = String::from(prefix);
    id.extend((0..12).map(|_| char::from(PUBLIC_ALPHABET[rng.random_range(0..PUBLIC_ALPHABET.len())])));
    id
}

/// Whether `text` has the form of a public id with that prefix.
pub fn is_public_id(prefix: char, text: &str) -> bool {
    text.len() == 13 && text.starts_with(prefix) && text.bytes().skip(1).all(|b| PUBLIC_ALPHABET.contains(&b))
}

/// A fresh random UUID (version 4, RFC 9562), for surfaces whose ids are UUIDs.
pub fn uuid() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

/// Whether `text` has the form of a UUID, of whatever version.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// A text that cannot be the id which another system gives a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to 255 bytes, no control characters and no blanks at its ends, and be no whole number: those are the numbers of users \
     (put something before it, such as user-42)"
)]
pub struct BadExternalId;

/// Checks the id that another system gives a user. A whole number is none: as a reference it means the user with that number.
///
/// # Errors
/// The text would mean somebody else, or nobody.
pub fn check_external_id(text: &str) -> Result<(), BadExternalId> {
    let is_name = (1..=255).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    if is_name && !is_whole_number(text) { Ok(()) } else { Err(BadExternalId) }
}

/// Whether a text is written as a whole number, of whatever length.
pub fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// How an event, a topic or an operator names a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserRef {
    Id(UserId),
    /// `U…`, or else the id that another system gave the user.
    Name(String),
}

impl UserRef {
    /// Reads a numeric id, a `U…` id or an external id. Empty, with a NUL, or longer than 255 bytes is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 255 || text.contains('\0') {
            return None;
        }
        Some(text.parse().map_or_else(|_| Self::Name(text.to_owned()), |id| Self::Id(UserId(id))))
    }
}

/// What a name means if nobody is called so: the user behind `user:`, or else several users in one text. The first that somebody
/// is called counts.
pub fn other_readings(name: &str) -> Vec<Vec<String>> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
    if name.bytes().all(is_plain) && !name.starts_with('0') {
        return Vec::new();
    }
    let one = bare(name);
    let apart = |is_separator: fn(char) -> bool| -> Vec<String> {
        name.split(is_separator).map(bare).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut readings = vec![vec![one.to_owned()], apart(|c| matches!(c, ',' | ';'))];
    // Blanks may stand in a name: `team 7` is nobody, and not the user with the number 7.
    let by_blanks = apart(|c| matches!(c, ',' | ';') || c.is_whitespace());
    if by_blanks.iter().all(|part| is_whole_number(part) || is_public_id('U', part)) {
        readings.push(by_blanks);
    }
    readings.retain(|parts| !parts.is_empty() && parts[..] != [name] && parts.iter().all(|part| !part.is_empty()));
    readings.dedup();
    readings
}

/// How many names of users there may be in these. Those of groups are counted as one: see [`crate::group::how_many`].
pub fn how_many(names: &[String]) -> usize {
    names.iter().map(|name| other_readings(name).iter().map(Vec::len).max().unwrap_or(1)).sum()
}

/// A user's name without what says that it is one, and a number without what numbers do not need.
fn bare(name: &str) -> &str {
    let name = name.trim();
    let name = match name.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest.trim(),
        _ => name,
    };
    if !is_whole_number(name) || name.starts_with('-') {
        return name;
    }
    let digits = name.trim_start_matches(['+', '0']);
    if digits.is_empty() { "0" } else { digits }
}

/// What may stand before a user's name where other things can be named as well.
const PREFIX: &str = "user:";

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_sort_by_time_and_repeat() {
        let now = Timestamp::from_millis(1_795_161_600_123);
        assert_eq!(id_time(DeliveryId::derive(now, &["a"]).as_str()), Some(now));
        assert_eq!((id_time("short"), id_time("01!!!!!!!!!!!!")), (None, None));
        let early = DeliveryId::derive(Timestamp::from_millis(1_000), &["alert:A:1", "7", "3"]);
        let late = DeliveryId::derive(Timestamp::from_millis(2_000), &["alert:A:1", "7", "3"]);
        assert!(early < late);
        assert_eq!(early, DeliveryId::derive(Timestamp::from_millis(1_000), &["alert:A:1", "7", "3"]));
        assert_ne!(early, DeliveryId::derive(Timestamp::from_millis(1_000), &["alert:A:1", "73", ""]));
        assert_eq!(early.0.len(), 26);
    }

    #[test]
    fn an_external_id_means_nobody_else() {
        for good in ["anna", "U4DNY931HHJS5", "user-42", "4.2", "4e2", "a b", "٤٢", "cn=anna,ou=ops", "-"] {
            assert_eq!(check_external_id(good), Ok(()), "{good}");
        }
        for bad in
            ["", "5", "-5", "+5", "007", "99999999999999999999999999", " 5", "5 ", " anna", "anna\n", "a\0b", "\u{a0}5", &"x".repeat(256)]
        {
            assert_eq!(check_external_id(bad), Err(BadExternalId), "{bad}");
        }
    }

    #[test]
    fn a_text_may_name_a_user_in_other_ways() {
        let table: &[(&str, &[&[&str]])] = &[
            ("7", &[]),
            ("anna", &[]),
            ("user:7", &[&["7"]]),
            ("User: anna", &[&["anna"], &["anna"]]),
            ("user:user:7", &[&["user:7"]]),
            ("007", &[&["7"]]),
            ("+7", &[&["7"]]),
            ("-7", &[]),
            ("7,8", &[&["7", "8"]]),
            ("7 8", &[&["7", "8"]]),
            ("user:7; user:8,", &[&["7; user:8,"], &["7", "8"]]),
            ("anna, ben smith", &[&["anna", "ben smith"]]),
            ("user:anna smith", &[&["anna smith"]]),
            ("team 7", &[]),
            ("auth0|7", &[]),
            ("duty:7", &[]),
            ("user:", &[]),
            (" , ", &[]),
        ];
        for (name, readings) in table {
            let found = other_readings(name);
            assert!(found.iter().flatten().all(|part| !part.is_empty()), "{name}");
            for reading in *readings {
                assert!(found.iter().any(|parts| parts == reading), "{name}: {found:?}");
            }
            assert!(!readings.is_empty() || found.iter().flatten().all(|part| !is_whole_number(part)), "{name}: {found:?}");
        }
    }

    #[test]
    fn public_ids_have_the_form_that_clients_know() {
        for _ in 0..100 {
            let id = public_id('U');
            assert!(is_public_id('U', &id), "{id}");
        }
        let id = uuid();
        assert!(is_uuid(&id) && id.as_bytes()[14] == b'4' && matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert!(!is_uuid(&id[1..]) && !is_uuid(&id.replace('-', "_")));
        assert!(!is_public_id('U', "U0NY931HHJS5X"));
        assert!(!is_public_id('N', "U4DNY931HHJS5"));
    }
}
