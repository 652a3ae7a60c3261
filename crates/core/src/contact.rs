//! Where a user can be reached: addresses that have been parsed, and whether they may be used.

use serde::{Deserialize, Serialize};

use unicode_normalization::UnicodeNormalization;
use url::{Host, Url};

use crate::channel::{Channel, named_enum};
use crate::ids::{ContactId, UserId};
use crate::network::{OutOfReach, Reach};
use crate::text::bare;

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
        /// An incoming webhook, or what the bot writes to: a channel's or a user's id.
        Mattermost = "mattermost",
        /// A channel's webhook.
        Discord = "discord",
        /// A space's webhook.
        GoogleChat = "google_chat",
        /// A room's id or alias.
        Matrix = "matrix",
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
            Channel::Discord => Some(Self::Discord),
            Channel::GoogleChat => Some(Self::GoogleChat),
            Channel::Matrix => Some(Self::Matrix),
            Channel::Webhook => Some(Self::Webhook),
            Channel::Push | Channel::InApp => None,
        }
    }

    /// Whether people have accounts there by which it is known who pressed a button, where several can see it.
    pub fn has_accounts(self) -> bool {
        matches!(self, Self::Telegram | Self::Slack | Self::Mattermost | Self::Discord | Self::Matrix)
    }

    pub fn with_accounts() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.has_accounts())
    }

    /// Whether whoever knows an address of this kind can write to it: such a one is shown to nobody who could not change it.
    pub fn is_bearer(self) -> bool {
        matches!(self, Self::Slack | Self::Teams | Self::Mattermost | Self::Discord | Self::GoogleChat | Self::Webhook)
    }

    /// Whether addresses of this kind are URLs, or can be.
    pub fn is_url(self) -> bool {
        matches!(self, Self::Teams | Self::Mattermost | Self::Discord | Self::GoogleChat | Self::Webhook)
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

/// The contact that stands for its user where a surface shows one of a kind: the primary one, else the first. One that is not
/// verified stands for nobody, as anybody may claim any address.
pub fn shown(contacts: &[Contact], kind: ContactKind) -> Option<&Contact> {
    let ok = || contacts.iter().filter(|contact| contact.kind == kind && contact.status == ContactStatus::Ok);
    ok().find(|contact| contact.primary).or_else(|| ok().next())
}

/// The longest address that a surface takes, in characters (`apis/ilert.md`: `target` 1..=255).
pub const LONGEST_TARGET: usize = 255;

/// The longest URL that is taken, in characters: Teams' workflow URLs have some 400, Web Push endpoints up to 1,000.
pub const LONGEST_URL: usize = 2_048;

/// Where Slack's incoming webhooks are.
pub const SLACK_HOOKS: &str = "https://hooks.slack.com/services/";

/// Where Discord's webhooks are.
pub const DISCORD_HOOKS: &str = "https://discord.com/api/webhooks/";

/// Where Google Chat's webhooks are.
pub const GOOGLE_CHAT_SPACES: &str = "https://chat.googleapis.com/v1/spaces/";

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    #[error("must have 1 to {LONGEST_TARGET} characters")]
    Length,
    #[error("must not contain control characters")]
    ControlCharacter,
    #[error("must be an email address such as anna@example.org")]
    Email,
    #[error("must be an email address without quotes, such as anna.bell@example.org: mail servers take no others from outside")]
    QuotedEmail,
    #[error("must be a region such as DE or US (ISO 3166 alpha-2)")]
    Region,
    #[error("must be a phone number of that region, or start with + and the country code")]
    Phone,
    #[error("must be a number without an extension, such as that of a mobile: nobody could dial the extension")]
    Extension,
    #[error("must have 1 to {LONGEST_URL} characters")]
    UrlLength,
    #[error("must be an https URL such as https://example.org/hook, without a user and a #fragment")]
    Url,
    #[error("must be an https URL; plain http is only for places that the configuration allows")]
    PlainHttp,
    #[error("must be on the public internet; the configuration does not allow this address")]
    PrivateAddress,
    #[error("must be a Slack channel or member id such as C024BE91L, or an incoming webhook such as {SLACK_HOOKS}T…/B…/…")]
    Slack,
    #[error("must be a chat id such as 123456789 or -1001234567890, or a public channel such as @ops_alerts")]
    Chat,
    #[error("must be an incoming webhook such as https://chat.example.org/hooks/…, or a channel's or user's id of 26 letters and digits")]
    Mattermost,
    #[error("must be a webhook such as {DISCORD_HOOKS}123456789012345678/…")]
    Discord,
    #[error("must be a webhook such as {GOOGLE_CHAT_SPACES}AAAA…/messages?key=…&token=…")]
    GoogleChat,
    #[error("must be a room's id such as !abc:example.org, or an alias such as #ops:example.org")]
    Room,
}

/// Reads the address of a contact of any kind but phone, which needs a region: see [`parse_phone`].
///
/// # Errors
/// What would be right for that kind.
pub fn parse_target(kind: ContactKind, text: &str, reach: &Reach) -> Result<String, BadTarget> {
    match kind {
        ContactKind::Email => parse_email(text),
        ContactKind::Phone => Err(BadTarget::Region),
        ContactKind::Telegram => parse_chat(text),
        ContactKind::Slack => parse_slack(text),
        ContactKind::Mattermost => parse_mattermost(text, reach),
        ContactKind::Discord => parse_discord(text),
        ContactKind::GoogleChat => parse_google_chat(text),
        ContactKind::Matrix => parse_room(text),
        ContactKind::Teams | ContactKind::Webhook => parse_url(text, reach),
    }
}

/// Reads a URL that messages are posted to: https, or http where `reach` allows its host. It is kept in the form that URL parsers
/// agree on, so that one host is not written in two ways. Names are not looked up: that is done for each call.
pub fn parse_url(text: &str, reach: &Reach) -> Result<String, BadTarget> {
    let text = checked(text, LONGEST_URL).map_err(|bad| if bad == BadTarget::Length { BadTarget::UrlLength } else { bad })?;
    let url = Url::parse(&text).map_err(|_| BadTarget::Url)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(BadTarget::Url);
    }
    reach.check(&url).map_err(|why| match why {
        OutOfReach::Scheme => BadTarget::Url,
        OutOfReach::Plain => BadTarget::PlainHttp,
        OutOfReach::Private => BadTarget::PrivateAddress,
    })?;
    // Percent-encoding and Punycode make it longer.
    if url.as_str().len() > LONGEST_URL { Err(BadTarget::UrlLength) } else { Ok(url.into()) }
}

/// Reads a Slack id, which a bot with a token can write to, or an incoming webhook.
pub fn parse_slack(text: &str) -> Result<String, BadTarget> {
    let text = checked(text, LONGEST_TARGET)?;
    // A channel (C, G), a direct message (D), a member (U, W). Slack promises no length.
    let is_id = text.starts_with(['C', 'D', 'G', 'U', 'W'])
        && (2..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_id {
        return Ok(text);
    }
    let hook = parse_url(&text, &Reach::default()).map_err(|_| BadTarget::Slack)?;
    let is_hook = hook.strip_prefix(SLACK_HOOKS).is_some_and(|rest| {
        let parts: Vec<&str> = rest.split('/').collect();
        parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    if is_hook { Ok(hook) } else { Err(BadTarget::Slack) }
}

/// Reads an incoming webhook of Mattermost, or an id, to which a bot with a token can write. Mattermost's ids are 26 characters of
/// z-base-32.
pub fn parse_mattermost(text: &str, reach: &Reach) -> Result<String, BadTarget> {
    let text = checked(text, LONGEST_URL).map_err(|bad| if bad == BadTarget::Length { BadTarget::UrlLength } else { bad })?;
    if text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Ok(text);
    }
    if text.contains("://") { parse_url(&text, reach) } else { Err(BadTarget::Mattermost) }
}

/// Reads a webhook of Discord: its channel's id and token, whatever host and version of the API it was copied with, and the thread
/// if it names one.
pub fn parse_discord(text: &str) -> Result<String, BadTarget> {
    const HOSTS: [&str; 4] = ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"];
    let url = parse_url(text, &Reach::default()).ok().and_then(|url| Url::parse(&url).ok()).ok_or(BadTarget::Discord)?;
    let is_discord = url.host_str().is_some_and(|host| HOSTS.contains(&host)) && url.port().is_none();
    let path = url.path().strip_prefix("/api/").filter(|_| is_discord).ok_or(BadTarget::Discord)?;
    let path = match path.split_once('/') {
        Some((version, rest)) if version.strip_prefix('v').is_some_and(is_number) => rest,
        _ => path,
    };
    let (id, token) = path.strip_prefix("webhooks/").and_then(|rest| rest.split_once('/')).ok_or(BadTarget::Discord)?;
    let is_token = (1..=128).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut thread = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "thread_id" if is_number(&value) => thread = Some(value.into_owned()),
            "wait" | "with_components" => {}
            _ => return Err(BadTarget::Discord),
        }
    }
    if !is_number(id) || !is_token {
        return Err(BadTarget::Discord);
    }
    let thread = thread.map(|thread| format!("?thread_id={thread}")).unwrap_or_default();
    Ok(format!("{DISCORD_HOOKS}{id}/{token}{thread}"))
}

/// Reads a webhook of Google Chat: a space, and the key and token that let one write to it.
pub fn parse_google_chat(text: &str) -> Result<String, BadTarget> {
    let url = parse_url(text, &Reach::default()).map_err(|_| BadTarget::GoogleChat)?;
    let rest = url.strip_prefix(GOOGLE_CHAT_SPACES).ok_or(BadTarget::GoogleChat)?;
    let (space, query) = rest.split_once("/messages?").ok_or(BadTarget::GoogleChat)?;
    let is_space = !space.is_empty() && space.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut names: Vec<_> =
        url::form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
    names.sort_unstable();
    if is_space && names == ["key", "token"] { Ok(url) } else { Err(BadTarget::GoogleChat) }
}

/// Reads a room of Matrix: an id, which since room version 12 names no server, or an alias, which does.
pub fn parse_room(text: &str) -> Result<String, BadTarget> {
    let text = checked(text, LONGEST_TARGET)?;
    let is_part = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c == '/');
    let name = text.strip_prefix(['!', '#']).ok_or(BadTarget::Room)?;
    let (local, server) = match name.split_once(':') {
        Some((local, server)) => (local, Some(server)),
        None => (name, None),
    };
    let is_server =
        server.map_or(text.starts_with('!'), |server| Url::parse(&format!("https://{server}/")).is_ok_and(|url| url.has_host()));
    let is_room = is_part(local) && server.is_none_or(is_part) && is_server;
    if is_room { Ok(text) } else { Err(BadTarget::Room) }
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a Telegram chat id, or the public name of a channel. Users' own chats are linked by the bot; this is for an operator.
pub fn parse_chat(text: &str) -> Result<String, BadTarget> {
    let text = checked(text, LONGEST_TARGET)?;
    if let Some(name) = text.strip_prefix('@') {
        let is_name = (4..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return if is_name { Ok(text) } else { Err(BadTarget::Chat) };
    }
    match text.parse::<i64>() {
        Ok(id) if id != 0 && !text.starts_with('+') => Ok(id.to_string()),
        _ => Err(BadTarget::Chat),
    }
}

/// Reads a mailbox address: no display name, no quotes, a domain with a dot. One mailbox has one form: the local part in Unicode's
/// composed one, as its case is its owner's business, and the domain in lower case and in its own script.
pub fn parse_email(text: &str) -> Result<String, BadTarget> {
    let text: String = checked(text, LONGEST_TARGET)?.nfc().collect();
    let (local, domain) = text.rsplit_once('@').ok_or(BadTarget::Email)?;
    // What mail is sent to: an address of numbers, or a domain that has no such form, could never be reached.
    let Ok(Host::Domain(ascii)) = Host::parse(domain) else { return Err(BadTarget::Email) };
    let options = email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
    let sent_to = format!("{local}@{ascii}");
    email_address::EmailAddress::parse_with_options(&sent_to, options).map_err(|_| BadTarget::Email)?;
    if local.contains('"') {
        return Err(BadTarget::QuotedEmail);
    }
    match idna::domain_to_unicode(&ascii) {
        (domain, Ok(())) => Ok(format!("{local}@{domain}")),
        _ => Err(BadTarget::Email),
    }
}

/// Reads a phone number as its region's people write it, in whatever digits, and answers E.164 and the region.
///
/// # Errors
/// `Region` for a region that is no ISO 3166 alpha-2 code with a numbering plan, `Extension` for a number with one, `Phone` for
/// what cannot be a number.
pub fn parse_phone(text: &str, region: &str) -> Result<(String, String), BadTarget> {
    let text = dialled(&checked(text, LONGEST_TARGET)?)?;
    let upper = region.trim().to_ascii_uppercase();
    let country: phonenumber::country::Id = upper.parse().map_err(|_| BadTarget::Region)?;
    // phonenumber 0.3 takes the given region's trunk prefix off numbers of other countries too ("+49 151…" with US loses a 1,
    // and would ring somebody else). So a number with its country code is read without a region and must keep its digits, and
    // a number without + must not come out as a foreign one.
    let has_code = text.starts_with('+');
    let number = phonenumber::parse((!has_code).then_some(country), &text).map_err(|_| BadTarget::Phone)?;
    let (code, national) = (number.code().value(), number.national().to_string());
    let is_itself = if has_code { keeps_digits(&text, code, &national) } else { home_code(country) == Some(code) };
    // Of two numbers with a slash between them it reads the first, and says nothing of the other.
    let is_all = !text.contains('/') || digits(&text).ends_with(&national);
    if !number.is_valid() || !is_itself || !is_all {
        return Err(BadTarget::Phone);
    }
    Ok((number.format().mode(phonenumber::Mode::E164).to_string(), upper))
}

/// Reads a number that carries its country code; E.164 and its region.
///
/// # Errors
/// `Phone` also for a number of no region, such as those of satellite networks.
pub fn parse_e164(text: &str) -> Result<(String, String), BadTarget> {
    let text = checked(text, LONGEST_TARGET)?;
    let region = phonenumber::parse(None, &dialled(&text)?).ok().and_then(|number| number.country().id()).ok_or(BadTarget::Phone)?;
    parse_phone(&text, region.as_ref())
}

/// The country of a number in E.164, as ISO 3166 alpha-2; none for one of no country, such as those of satellite networks.
pub fn country_of(number: &str) -> Option<String> {
    let number = phonenumber::parse(None, number).ok()?;
    number.country().id().map(|id| id.as_ref().to_owned())
}

/// Whether it is a country with phone numbers, as ISO 3166 alpha-2 writes it.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.parse::<phonenumber::country::Id>().is_ok_and(|id| id.as_ref() == text)
}

/// The number in the characters that all countries dial with: digits of any script, dashes and the like of any kind become ASCII's.
fn dialled(text: &str) -> Result<String, BadTarget> {
    /// The zeros of the scripts in which phone numbers are written: Arabic, Persian, N'Ko, those of India and its neighbours, Thai,
    /// Lao, Tibetan, Burmese, Khmer, Mongolian, and the wide ones of East Asia.
    const ZEROS: [u32; 20] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x17e0,
        0x1810, 0xff10,
    ];
    /// What has so many digits is a number already: what comes after it is not.
    const DIGITS_OF_A_NUMBER: usize = 7;
    let mut dialled = String::with_capacity(text.len());
    for c in text.chars() {
        let digit = ZEROS.iter().find_map(|zero| char::from_digit(u32::from(c).checked_sub(*zero)?, 10));
        dialled.push(match c {
            '0'..='9' | '+' | '-' | '.' | '(' | ')' | '/' | ' ' => c,
            '\u{ff0b}' | '\u{fe62}' => '+',
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => '-',
            '\u{ff08}' => '(',
            '\u{ff09}' => ')',
            '\u{ff0e}' | '\u{b7}' => '.',
            '\u{ff0f}' => '/',
            _ if c.is_whitespace() => ' ',
            _ => match digit {
                Some(digit) => digit,
                // "ext. 12", "x12", "#12", ";ext=12", ",,12".
                None if digits(&dialled).len() >= DIGITS_OF_A_NUMBER => return Err(BadTarget::Extension),
                None => return Err(BadTarget::Phone),
            },
        });
    }
    Ok(dialled)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The calling code of a region.
fn home_code(country: phonenumber::country::Id) -> Option<u16> {
    phonenumber::metadata::DATABASE.by_id(country.as_ref()).map(phonenumber::Metadata::country_code)
}

/// Whether a number says what was written: its code and national number, but for a trunk zero between the two.
fn keeps_digits(written: &str, code: u16, national: &str) -> bool {
    let digits = digits(written);
    digits == format!("{code}{national}") || digits == format!("{code}0{national}")
}

/// The text as it was meant: trimmed, and without marks that came along unseen when it was copied.
fn checked(text: &str, longest: usize) -> Result<String, BadTarget> {
    let text = bare(text);
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(BadTarget::ControlCharacter);
    }
    if text.is_empty() || text.chars().count() > longest {
        return Err(BadTarget::Length);
    }
    Ok(text.to_owned())
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
            // As they are copied from an address book, a table, a letter.
            ("\u{202a}+49 151 12345678\u{202c}", "DE", "+4915112345678"),
            ("\u{feff}0151\u{a0}123\u{200b}45678", "DE", "+4915112345678"),
            ("+49\u{2011}151\u{2013}12345678", "US", "+4915112345678"),
            ("030/901820", "DE", "+4930901820"),
            // Digits of other scripts.
            ("٠١٥١ ١٢٣٤٥٦٧٨", "DE", "+4915112345678"),
            ("۰۲۱ ۸۸۹۴ ۰۰۰۰", "IR", "+982188940000"),
            ("＋４９（１５１）１２３４５６７８", "US", "+4915112345678"),
            ("+९१ ९८७६५ ४३२१०", "DE", "+919876543210"),
        ];
        for (text, region, e164) in table {
            assert_eq!(parse_phone(text, region).map(|(number, _)| number).as_deref(), Ok(e164), "{text} {region}");
        }
    }

    #[test]
    fn a_number_with_its_code_names_its_region() {
        let read = |text| parse_e164(text);
        assert_eq!(read("+49 151 12345678"), Ok(("+4915112345678".to_owned(), "DE".to_owned())));
        assert_eq!(read("+1 415 555 2671"), Ok(("+14155552671".to_owned(), "US".to_owned())));
        for bad in ["015112345678", "+999123456789", "+49", "phone", "", "+49151\n12345678", "+870773111632"] {
            assert!(read(bad).is_err(), "{bad}");
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
            ("0151 12345678 x12", "DE", BadTarget::Extension),
            ("0151 12345678 ext. 12", "DE", BadTarget::Extension),
            ("+49 151 12345678;ext=12", "DE", BadTarget::Extension),
            ("+14155552671,,12#", "US", BadTarget::Extension),
            ("+1 415 555 2671 #12", "US", BadTarget::Extension),
            ("+7 495 123-45-67 доб. 12", "RU", BadTarget::Extension),
            ("1-800-FLOWERS", "US", BadTarget::Phone),
            ("0151 12345678/0151 87654321", "DE", BadTarget::Phone),
            ("٠١٥", "DE", BadTarget::Phone),
        ];
        for (text, region, why) in table {
            assert_eq!(parse_phone(text, region).unwrap_err(), why, "{text:?} {region}");
        }
    }

    #[test]
    fn email_addresses_are_checked_and_have_one_form() {
        let table = [
            (" Anna@Example.ORG ", "Anna@example.org"),
            ("anna@M\u{dc}NCHEN.example", "anna@münchen.example"),
            ("anna@xn--mnchen-3ya.example", "anna@münchen.example"),
            ("anna@XN--MNCHEN-3YA.EXAMPLE", "anna@münchen.example"),
            // ü as u and two dots; a Japanese full stop; what came along unseen.
            ("anna@mu\u{308}nchen.example", "anna@münchen.example"),
            ("a\u{308}nna@example.org", "änna@example.org"),
            ("anna@例え\u{3002}example", "anna@例え.example"),
            ("\u{feff}anna@example.org\u{200b}", "anna@example.org"),
            ("o'brien+pager@example.org", "o'brien+pager@example.org"),
        ];
        for (text, form) in table {
            assert_eq!(parse_email(text).as_deref(), Ok(form), "{}", text.escape_unicode());
            assert_eq!(parse_email(form).as_deref(), Ok(form), "a form is its own form");
        }
        let bad = [
            "anna",
            "@example.org",
            "anna@",
            "Anna <anna@example.org>",
            "a b@example.org",
            "anna@localhost",
            "anna@192.0.2.1",
            "anna@[192.0.2.1]",
            "anna@example..org",
            "anna@-example.org",
            "anna@xn--a.example",
            "anna..bell@example.org",
            ".anna@example.org",
        ];
        for bad in bad {
            assert_eq!(parse_email(bad), Err(BadTarget::Email), "{bad}");
        }
        for quoted in ["\"two words\"@example.com", "\"anna\"@example.org", "\"a@b\"@example.org"] {
            assert_eq!(parse_email(quoted), Err(BadTarget::QuotedEmail), "{quoted}");
        }
        assert_eq!(parse_email(&format!("{}@example.org", "a".repeat(250))), Err(BadTarget::Length));
    }

    #[test]
    fn urls_are_normalised_and_stay_on_the_public_internet() {
        let none = Reach::default();
        let all = Reach::new(true, vec![]);
        assert_eq!(parse_url(" HTTPS://Example.ORG:443/a b?x=1 ", &none).unwrap(), "https://example.org/a%20b?x=1");
        assert_eq!(parse_url("http://10.0.0.1/x", &all).unwrap(), "http://10.0.0.1/x");
        let table = [
            ("", BadTarget::UrlLength),
            ("example.org", BadTarget::Url),
            ("ftp://example.org", BadTarget::Url),
            ("https://", BadTarget::Url),
            ("https://me:pw@example.org/", BadTarget::Url),
            ("https://example.org/#x", BadTarget::Url),
            ("http://example.org/", BadTarget::PlainHttp),
            ("https://169.254.169.254/latest", BadTarget::PrivateAddress),
            ("https://2130706433/", BadTarget::PrivateAddress),
            ("https://exa\nmple.org/", BadTarget::ControlCharacter),
        ];
        for (text, why) in table {
            assert_eq!(parse_url(text, &none), Err(why), "{text}");
        }
        let long = |letters: usize| format!("https://example.org/{}", "ä".repeat(letters));
        assert_eq!(parse_url(&long(2_048), &none), Err(BadTarget::UrlLength));
        // Within the limit as it is written, but not as it is kept.
        assert_eq!(parse_url(&long(400), &none), Err(BadTarget::UrlLength));
    }

    #[test]
    fn slack_is_an_id_or_an_incoming_webhook() {
        let hook = format!("{SLACK_HOOKS}T024BE7LD/B024BE91L/abcdEFGH1234");
        for good in ["C024BE91L", "U0G9QF9C6", "D0", "GABC", "W012A3CDE", &hook] {
            assert_eq!(parse_slack(good).unwrap(), good);
        }
        let bad = [
            "#general",
            "general",
            "c024be91l",
            "T024BE7LD",
            "C",
            "https://hooks.slack.com/",
            "https://hooks.slack.com/services/T/B",
            "https://hooks.slack.com/services/T/B/../x",
            "https://hooks.slack.com/triggers/T/1/abc",
            "https://hooks.slack.com.evil.example/services/T/B/x",
            "http://hooks.slack.com/services/T/B/x",
        ];
        for text in bad {
            assert_eq!(parse_slack(text), Err(BadTarget::Slack), "{text}");
        }
    }

    #[test]
    fn telegram_is_a_chat_id_or_a_public_name() {
        assert_eq!(parse_chat(" 42 ").unwrap(), "42");
        assert_eq!(parse_chat("-1001234567890").unwrap(), "-1001234567890");
        assert_eq!(parse_chat("@ops_alerts").unwrap(), "@ops_alerts");
        for bad in ["0", "+42", "anna", "@a", "@no-dash", "99999999999999999999"] {
            assert_eq!(parse_chat(bad), Err(BadTarget::Chat), "{bad}");
        }
    }

    #[test]
    fn a_discord_webhook_has_one_form() {
        let kept = "https://discord.com/api/webhooks/12/a-B_c";
        let table = [
            ("https://discordapp.com/api/webhooks/12/a-B_c", Some(kept.to_owned())),
            ("https://ptb.discord.com/api/v10/webhooks/12/a-B_c?wait=true", Some(kept.to_owned())),
            (" https://discord.com/api/webhooks/12/a-B_c?thread_id=77 ", Some(format!("{kept}?thread_id=77"))),
            ("https://discord.com/api/webhooks/12/a-B_c?thread_id=x", None),
            ("https://discord.com/api/webhooks/12/a-B_c/slack", None),
            ("https://discord.com/api/webhooks/12", None),
            ("https://discord.com.evil.example/api/webhooks/12/a", None),
            ("https://discord.com:8443/api/webhooks/12/a", None),
            ("http://discord.com/api/webhooks/12/a", None),
            ("https://me@discord.com/api/webhooks/12/a", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_discord(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn google_chat_s_webhooks_are_google_s() {
        let base = GOOGLE_CHAT_SPACES;
        for bad in ["AAAA/messages", "AAAA/messages?key=x", "AAAA/messages?key=x&token=", "/messages?key=x&token=y", "AAAA/x?key=x&token=y"]
        {
            assert_eq!(parse_google_chat(&format!("{base}{bad}")), Err(BadTarget::GoogleChat), "{bad}");
        }
        assert!(parse_google_chat("https://chat.googleapis.com.evil.example/v1/spaces/A/messages?key=x&token=y").is_err());
        assert!(parse_google_chat(&format!("{base}A/messages?key=x&token=y&threadKey=z")).is_err());
    }

    #[test]
    fn rooms_are_ids_and_aliases() {
        for good in ["!abc:example.org", "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM", "#ops:example.org:8448", "#störung:[::1]"] {
            assert_eq!(parse_room(good).as_deref(), Ok(good));
        }
        for bad in ["abc:example.org", "@anna:example.org", "#ops", "!:example.org", "!", "#", "!a b:example.org", "!abc:", "!a/b:c", "é"]
        {
            assert!(parse_room(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mattermost_takes_webhooks_and_ids() {
        let reach = Reach::default();
        assert_eq!(parse_mattermost("town-square", &reach), Err(BadTarget::Mattermost));
        assert_eq!(parse_mattermost("Y8QTKZG7OFYODEJR3BTSPMWOQE", &reach), Err(BadTarget::Mattermost));
        assert_eq!(parse_mattermost("http://chat.example.org/hooks/x", &reach), Err(BadTarget::PlainHttp));
    }

    #[test]
    fn every_kind_but_phone_is_read_from_its_text_alone() {
        let table = [
            (ContactKind::Email, "anna@example.org"),
            (ContactKind::Telegram, "42"),
            (ContactKind::Slack, "C024BE91L"),
            (ContactKind::Teams, "https://prod-1.westeurope.logic.azure.com/workflows/1?sig=x"),
            (ContactKind::Mattermost, "https://chat.example.org/hooks/x"),
            (ContactKind::Mattermost, "y8qtkzg7ofyodejr3btspmwoqe"),
            (ContactKind::Discord, "https://discord.com/api/webhooks/123456789012345678/a-B_c"),
            (ContactKind::GoogleChat, "https://chat.googleapis.com/v1/spaces/AAAA_b-c/messages?key=x&token=y"),
            (ContactKind::Matrix, "!abc:example.org"),
            (ContactKind::Webhook, "https://example.org/hook"),
        ];
        for (kind, text) in table {
            assert_eq!(parse_target(kind, text, &Reach::default()).as_deref(), Ok(text), "{kind}");
        }
        assert!(parse_target(ContactKind::Phone, "+4915112345678", &Reach::default()).is_err());
    }
}
