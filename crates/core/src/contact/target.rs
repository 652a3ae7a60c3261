//! Reading addresses: why a text is none, and what all kinds have in common. Mailboxes and URLs are read here, numbers in
//! [`super::phone`], chats in [`super::chat`].

use unicode_normalization::UnicodeNormalization;
use url::{Host, Url};

use super::ContactKind;
use super::chat::{DISCORD_HOOKS, GOOGLE_CHAT_SPACES, SLACK_HOOKS};
use super::chat::{parse_chat, parse_discord, parse_google_chat, parse_mattermost, parse_room, parse_slack};
use crate::network::{OutOfReach, Reach};
use crate::text::bare;

/// The longest address that a surface takes, in characters (`apis/ilert.md`: `target` 1..=255).
pub const LONGEST_TARGET: usize = 255;

/// The longest URL that is taken, in characters: Teams' workflow URLs have some 400, Web Push endpoints up to 1,000.
pub const LONGEST_URL: usize = 2_048;

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

/// The text as it was meant: trimmed, and without marks that came along unseen when it was copied.
pub(super) fn checked(text: &str, longest: usize) -> Result<String, BadTarget> {
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
