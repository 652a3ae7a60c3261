//! What one update says, and what to reply: a call of the Bot API, or nothing.

use http::Response;
use serde_json::{Value, json};
use watchbell_core::contact::ContactKind;
use watchbell_core::{Channel, Secret};

use crate::fit::cut;
use crate::inbound::{Answer, AnswerTo, Change, Consent, Effect, Heard, Link, Notice, Presser, Reply, Text, Words, button, response};
use crate::phrase::Phrase;

/// `text` of `answerCallbackQuery`, in characters.
const LONGEST_NOTICE: usize = 200;
/// `text` of `sendMessage`, in characters: a quarter of what is taken, as one of them may be two UTF-16 units.
const LONGEST_REPLY: usize = 1_024;

/// `bot_id` is the bot's own user id.
pub fn heard(update: &Value, bot_id: Option<i64>) -> Heard {
    let heard = None
        .or_else(|| press(&update["callback_query"]))
        .or_else(|| start(&update["message"]))
        .or_else(|| text(&update["message"], bot_id))
        .or_else(|| membership(&update["my_chat_member"]));
    heard.unwrap_or_else(|| Heard { notices: Vec::new(), reply: Reply::Plain(nothing()) })
}

fn nothing() -> Response<String> {
    call(&json!({}))
}

/// A call of the Bot API, as the answer to a webhook carries it.
fn call(body: &Value) -> Response<String> {
    response("application/json", body.to_string())
}

fn is_private(chat: &Value) -> bool {
    chat["type"].as_str().is_none_or(|kind| kind == "private")
}

/// Whoever did it, where the chat is not theirs alone.
fn presser(from: &Value, chat: &Value) -> Option<Presser> {
    let account = if chat.is_object() && is_private(chat) { None } else { from["id"].as_i64() };
    account.map(|id| Presser { service: ContactKind::Telegram, account: Secret::new(id.to_string()) })
}

/// A button was pressed. That is always acknowledged, else the client waits on; what is said in that is seen by who pressed alone.
fn press(query: &Value) -> Option<Heard> {
    let id = query["id"].as_str()?.to_owned();
    let chat = &query["message"]["chat"];
    let answer = query["data"].as_str().and_then(button).map(|(action, token)| {
        Notice::Answer(Answer { of: AnswerTo::Token(token), action: Some(action), by: presser(&query["from"], chat) })
    });
    // Who pressed is none that can be known, and it was no chat of theirs alone.
    let is_somebody = query["from"]["id"].is_i64() || (chat.is_object() && is_private(chat));
    let notices = answer.filter(|_| is_somebody).into_iter().collect();
    Some(Heard { notices, reply: Reply::worded(move |effects, _| acknowledge(&id, effects.first())) })
}

fn acknowledge(query: &str, effect: Option<&Effect>) -> Response<String> {
    let mut answer = json!({ "method": "answerCallbackQuery", "callback_query_id": query });
    if let Some(effect) = effect.filter(|effect| !effect.said.is_empty()) {
        answer["text"] = json!(cut(&effect.said, LONGEST_NOTICE));
        // What did not come to be is not to pass unseen.
        answer["show_alert"] = json!(effect.change != Change::Done);
    }
    call(&answer)
}

/// `/start TOKEN` in a private chat.
fn start(message: &Value) -> Option<Heard> {
    let chat = &message["chat"];
    let (text, chat_id) = (message["text"].as_str()?, chat["id"].as_i64()?);
    let mut words = text.split_ascii_whitespace();
    let is_start = words.next().is_some_and(|command| command == "/start" || command.starts_with("/start@"));
    if !is_start || !is_private(chat) {
        return None;
    }
    // Who is not known to us is to Telegram.
    let locale = locale(message);
    let token = words.next().filter(|token| is_token(token));
    let link = token.map(|token| Link { token: Secret::new(token), address: Secret::new(chat_id.to_string()), locale: locale.clone() });
    // Without a token nothing can come of it.
    let unknown = Effect { locale, ..Effect::quiet(Change::Unknown) };
    Some(Heard {
        notices: link.map(Notice::Link).into_iter().collect(),
        reply: Reply::worded(move |effects, words| linked(chat_id, effects.first().unwrap_or(&unknown), words)),
    })
}

fn linked(chat_id: i64, effect: &Effect, words: &dyn Words) -> Response<String> {
    let phrase = if effect.change == Change::Done { Phrase::ChatLinked } else { Phrase::ChatLinkInvalid };
    call(&json!({ "method": "sendMessage", "chat_id": chat_id, "text": words.say(phrase, &effect.locale, None).text }))
}

/// The characters that Telegram lets a start parameter have.
fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Somebody wrote to the bot: anything in a private chat, in a group what replies to a message of the bot's.
fn text(message: &Value, bot_id: Option<i64>) -> Option<Heard> {
    let chat = &message["chat"];
    let (text, chat_id, message_id) = (message["text"].as_str()?, chat["id"].as_i64()?, message["message_id"].as_i64()?);
    let replied = &message["reply_to_message"];
    let is_reply_to_us = bot_id.is_some() && replied["from"]["id"].as_i64() == bot_id;
    let by = presser(&message["from"], chat);
    // Bots that answer each other never end.
    if text.is_empty() || message["from"]["is_bot"] == true || !(is_reply_to_us || is_private(chat)) || (by.is_none() && !is_private(chat))
    {
        return None;
    }
    let notice = Notice::Text(Text {
        channels: &[Channel::Telegram],
        from: Secret::new(chat_id.to_string()),
        by,
        replies_to: replied["message_id"].as_i64().filter(|_| is_reply_to_us).map(|id| id.to_string()),
        // Ids count within a chat.
        message_id: Some(format!("{chat_id}:{message_id}")),
        text: Secret::new(bare(text)),
        locale: locale(message),
    });
    Some(Heard { notices: vec![notice], reply: Reply::worded(move |effects, _| reply(chat_id, message_id, effects.first())) })
}

/// A command is a word with a slash before it, and maybe the bot's name after it.
fn bare(text: &str) -> String {
    let Some(command) = text.strip_prefix('/') else { return text.to_owned() };
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    format!("{} {rest}", word.split('@').next().unwrap_or_default()).trim_end().to_owned()
}

fn reply(chat_id: i64, message_id: i64, effect: Option<&Effect>) -> Response<String> {
    let Some(said) = effect.map(|effect| effect.said.as_str()).filter(|said| !said.is_empty()) else { return nothing() };
    call(&json!({
        "method": "sendMessage",
        "chat_id": chat_id,
        "text": cut(said, LONGEST_REPLY),
        "link_preview_options": { "is_disabled": true },
        "reply_parameters": { "message_id": message_id, "allow_sending_without_reply": true },
    }))
}

/// The bot was blocked or removed, or taken in again.
fn membership(update: &Value) -> Option<Heard> {
    let is_in = match update["new_chat_member"]["status"].as_str()? {
        "kicked" | "left" => false,
        "member" | "administrator" => true,
        _ => return None,
    };
    let address = Secret::new(update["chat"]["id"].as_i64()?.to_string());
    let consent = Notice::Consent(Consent { channels: &[Channel::Telegram], address, is_in });
    Some(Heard { notices: vec![consent], reply: Reply::Plain(nothing()) })
}

/// What the sender's client speaks.
fn locale(message: &Value) -> String {
    message["from"]["language_code"].as_str().unwrap_or_default().to_owned()
}
