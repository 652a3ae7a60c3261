//! Addresses in chats: ids that a bot writes to, and webhooks whose URL is all that is needed.

use url::Url;

use super::target::{BadTarget, LONGEST_TARGET, LONGEST_URL, checked, parse_url};
use crate::network::Reach;

/// Where Slack's incoming webhooks are.
pub const SLACK_HOOKS: &str = "https://hooks.slack.com/services/";

/// Where Discord's webhooks are.
pub const DISCORD_HOOKS: &str = "https://discord.com/api/webhooks/";

/// Where Google Chat's webhooks are.
pub const GOOGLE_CHAT_SPACES: &str = "https://chat.googleapis.com/v1/spaces/";

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

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

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
}
