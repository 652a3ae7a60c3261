//! Chats, and push services of one's own, each below a path of its name: what was sent to whom, and what a good one answers.

use serde_json::{Value, json};
use watchbell_core::Channel;

use super::Request;

/// What they expect callers to know.
pub const TOKEN: &str = "e2e-chat-token";
/// Where contacts and devices lead.
pub const SLACK_CHANNEL: &str = "C024BE91L";
pub const MATTERMOST_CHANNEL: &str = "4xp9fdt77pncbef59f4k1qe83o";
pub const DISCORD_HOOK: &str = "https://discord.com/api/webhooks/42/e2e-hook";
pub const GOOGLE_CHAT_HOOK: &str = "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k&token=t";
pub const MATRIX_ROOM: &str = "!ops:example.org";
/// What Pushover calls a message that can be acknowledged, and whose key it is for.
pub const PUSHOVER_RECEIPT: &str = "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy";
pub const PUSHOVER_USER: &str = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG";

/// The settings of all of them, as `WATCHBELL_{name}`; `base` is where they are.
pub fn settings(base: &str) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, key: &str, value: String| settings.push((format!("PROVIDERS__{name}__{key}"), value));
    for name in ["SLACK", "MATTERMOST", "DISCORD", "GOOGLE_CHAT", "MATRIX", "NTFY", "GOTIFY", "PUSHOVER"] {
        set(name, "BASE_URL", format!("{base}/{}", name.to_lowercase()));
        if !["DISCORD", "GOOGLE_CHAT", "GOTIFY"].contains(&name) {
            set(name, "TOKEN", TOKEN.to_owned());
        }
    }
    set("SLACK", "HOOKS_URL", format!("{base}/slack"));
    for name in ["SLACK", "MATTERMOST", "DISCORD", "GOOGLE_CHAT", "MATRIX"] {
        settings.push((format!("CHANNELS__{name}__PROVIDERS"), name.to_lowercase()));
        settings.push((format!("LIMITS__RECIPIENT__{name}"), "{ calls = 100000, per_s = 1 }".to_owned()));
    }
    settings.push(("CHANNELS__PUSH__PROVIDERS".to_owned(), "ntfy,gotify,pushover,fcm".to_owned()));
    settings
}

/// Whether a request is for one of these.
pub fn is_for(request: &Request) -> bool {
    let first = request.path.split(['/', '?']).nth(1).unwrap_or_default();
    ["slack", "mattermost", "discord", "google_chat", "matrix", "ntfy", "gotify", "pushover"].contains(&first)
}

/// Whether the caller knew the token, where there is one.
pub fn is_authorized(request: &Request) -> bool {
    let is_bearer = request.header("authorization") == format!("Bearer {TOKEN}");
    let is_open = ["/discord/", "/google_chat/", "/gotify/", "/slack/actions/"].iter().any(|open| request.path.starts_with(open));
    let in_form = || request.form().get("token").is_some_and(|token| token == TOKEN) || request.path.contains(&format!("token={TOKEN}"));
    is_open || is_bearer || (request.path.starts_with("/pushover/") && in_form())
}

/// By which channel a request sends something, to whom, and all that it says.
pub fn message(request: &Request) -> Option<(Channel, String, String)> {
    let (path, body) = (request.path.as_str(), request.json());
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let is = |begin: &str, end: &str| path.starts_with(begin) && path.split('?').next().unwrap_or_default().ends_with(end);
    let (channel, to) = match request.method.as_str() {
        "POST" if is("/slack/", "/chat.postMessage") => (Channel::Slack, field("channel")),
        "POST" if is("/mattermost/", "/posts") => (Channel::Mattermost, field("channel_id")),
        "POST" if is("/discord/webhooks/42/", "e2e-hook") => (Channel::Discord, DISCORD_HOOK.to_owned()),
        "POST" if is("/google_chat/spaces/AAAA/", "messages") => (Channel::GoogleChat, GOOGLE_CHAT_HOOK.to_owned()),
        // The bot's own replies are no messages of Watchbell's.
        "PUT" if path.contains("/send/m.room.message/") && body["msgtype"] == "m.text" && body.get("m.new_content").is_none() => {
            (Channel::Matrix, MATRIX_ROOM.to_owned())
        }
        "POST" if is("/ntfy", "") => (Channel::Push, field("topic")),
        "POST" if is("/gotify/", "/message") => (Channel::Push, request.header("authorization").replace("Bearer ", "")),
        "POST" if is("/pushover/", "/messages.json") => {
            let form = request.form();
            let text = serde_json::to_string(&form).unwrap_or_default();
            return Some((Channel::Push, form.get("user").cloned().unwrap_or_default(), text));
        }
        _ => return None,
    };
    Some((channel, to, body.to_string()))
}

/// What a good one answers; `id` is new.
pub fn answer(request: &Request, id: u64) -> (u16, Value) {
    let path = request.path.split('?').next().unwrap_or_default();
    let is = |end: &str| path.ends_with(end);
    match (request.method.as_str(), path.split('/').nth(1).unwrap_or_default()) {
        (_, "slack") if is("/apps.connections.open") => (200, json!({ "ok": false, "error": "invalid_auth" })),
        (_, "slack") => (200, json!({ "ok": true, "channel": SLACK_CHANNEL, "ts": format!("{id}.000247") })),
        ("GET", "mattermost") => (404, json!({ "id": "app.user.missing_account.const", "message": "x", "status_code": 404 })),
        ("POST", "mattermost") => (201, json!({ "id": format!("post-{id}") })),
        (_, "mattermost") => (200, json!({ "id": "post" })),
        (_, "discord") => (200, json!({ "id": id.to_string() })),
        (_, "google_chat") => (200, json!({ "name": format!("spaces/AAAA/messages/{id}") })),
        ("GET", "matrix") if is("/m.room.encryption") => (404, json!({ "errcode": "M_NOT_FOUND", "error": "x" })),
        ("GET", "matrix") if is("/whoami") => (200, json!({ "user_id": "@bell:example.org" })),
        ("GET", "matrix") if path.contains("/event/") => (200, json!({ "sender": "@bell:example.org" })),
        ("GET", "matrix") => (200, json!({ "next_batch": format!("s{id}") })),
        (_, "matrix") => (200, json!({ "event_id": format!("$event-{id}") })),
        (_, "ntfy") => (200, json!({ "id": format!("ntfy-{id}") })),
        (_, "gotify") => (200, json!({ "id": id })),
        ("GET", "pushover") => (200, json!({ "status": 1, "acknowledged": 1, "acknowledged_by": PUSHOVER_USER })),
        (_, "pushover") => (200, json!({ "status": 1, "request": format!("request-{id}"), "receipt": PUSHOVER_RECEIPT })),
        _ => (404, json!({})),
    }
}
