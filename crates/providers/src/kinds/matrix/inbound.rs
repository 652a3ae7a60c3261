//! What people do in rooms: reactions and replies to what the bot wrote, asked for by `/sync`.
//!
//! Rooms are full of what is not for us, so only what is about an event of the bot's own is handed on, which the homeserver is asked
//! for. Who did it is the event's sender, for whom the homeserver vouches.

use std::time::Duration;

use async_trait::async_trait;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use watchbell_core::contact::ContactKind;
use watchbell_core::{Channel, Secret};

use super::{Homeserver, Settings, message};
use crate::http::{self as client, Answer};
use crate::inbound::{Batch, Effect, Heard, Inbound, InboundError, Notice, Presser, Refusal, Reply, Request, Source, Text, response};
use crate::settings::{CommonSettings, SettingError};

/// How long the homeserver holds a question when there is nothing to tell.
const POLL: Duration = Duration::from_secs(25);
/// Until a question is given up: what it is held for, and as long as calls take at worst.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Of one room so many events are looked at after each question; whoever says more in that time is not heard.
const MOST_EVENTS: u32 = 20;
/// So many invitations are taken at once.
const MOST_INVITES: usize = 5;

/// Reads what comes to one bot.
#[derive(Debug)]
pub struct Sync {
    server: Homeserver,
    /// The bot's own user id.
    me: OnceCell<String>,
}

impl Sync {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let common = CommonSettings { timeout_s: Some(TIMEOUT.as_secs_f64()), ..common.clone() };
        Ok(Self { server: Homeserver::new(settings, &common)?, me: OnceCell::new() })
    }

    async fn ask(&self, request: client::Request) -> Result<Answer, InboundError> {
        self.server.http.call(request).await.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))
    }

    async fn me(&self) -> Result<&str, InboundError> {
        let ask = async || {
            let answer = self.ask(self.server.get(&self.server.url(&["account", "whoami"]))).await?;
            client::id(&answer.json(), "/user_id").ok_or_else(|| InboundError(format!("HTTP {}", answer.status)))
        };
        self.me.get_or_try_init(ask).await.map(String::as_str)
    }

    async fn sync(&self, position: Option<&str>) -> Result<Value, InboundError> {
        let none = json!({"types": []});
        let timeline = json!({"types": ["m.reaction", "m.room.message"], "limit": MOST_EVENTS});
        let room = json!({"timeline": timeline, "state": none, "ephemeral": none, "account_data": none});
        let filter = json!({"room": room, "presence": none, "account_data": none});
        let mut url = self.server.url(&["sync"]);
        url.query_pairs_mut().append_pair("filter", &filter.to_string());
        if let Some(position) = position {
            url.query_pairs_mut().append_pair("since", position).append_pair("timeout", &POLL.as_millis().to_string());
        }
        let answer = self.ask(self.server.get(&url)).await?;
        if answer.is_success() { Ok(answer.json()) } else { Err(InboundError(format!("HTTP {}", answer.status))) }
    }

    /// Takes the invitations by people of the bot's own homeserver. Anybody's would let strangers fill what is asked for.
    async fn accept_invites(&self, news: &Value) -> Result<(), InboundError> {
        let server = self.me().await?.split_once(':').map_or("", |(_, server)| server).to_owned();
        let invites = news["rooms"]["invite"].as_object().into_iter().flatten();
        let is_from_here = |(_, invite): &(&String, &Value)| {
            let events = invite["invite_state"]["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            let invite = events.iter().find(|event| event["type"] == "m.room.member" && event["content"]["membership"] == "invite");
            let sender = invite.and_then(|event| event["sender"].as_str()).and_then(|sender| sender.split_once(':'));
            sender.is_some_and(|(_, of)| of == server)
        };
        for (room, _) in invites.filter(is_from_here).take(MOST_INVITES) {
            // One that was taken back in the meantime is none of ours.
            self.ask(self.server.post(&["rooms", room, "join"], &json!({}))).await?;
        }
        Ok(())
    }

    /// Whether an event was written by the bot.
    async fn is_mine(&self, room: &str, event: &str) -> Result<bool, InboundError> {
        let answer = self.ask(self.server.get(&self.server.url(&["rooms", room, "event", event]))).await?;
        match answer.status {
            200..=299 => Ok(answer.json()["sender"] == self.me().await?),
            400..=404 => Ok(false),
            status => Err(InboundError(format!("HTTP {status}"))),
        }
    }

    async fn heard(&self, room: &str, event: &Value) -> Result<Option<Heard>, InboundError> {
        let Some(said) = Said::of(event).filter(|said| said.about != said.event) else { return Ok(None) };
        if said.sender == self.me().await? || !self.is_mine(room, said.about).await? {
            return Ok(None);
        }
        let notice = Notice::Text(Text {
            channels: &[Channel::Matrix],
            from: Secret::new(room),
            by: Some(Presser { service: ContactKind::Matrix, account: Secret::new(said.sender) }),
            replies_to: Some(said.about.to_owned()),
            message_id: Some(said.event.to_owned()),
            text: Secret::new(said.text),
            locale: String::new(),
        });
        let (room, to) = (room.to_owned(), said.event.to_owned());
        Ok(Some(Heard { notices: vec![notice], reply: Reply::worded(move |effects, _| reply(effects, &room, &to)) }))
    }
}

/// A reaction or a reply.
struct Said<'e> {
    event: &'e str,
    sender: &'e str,
    about: &'e str,
    text: String,
}

impl<'e> Said<'e> {
    fn of(event: &'e Value) -> Option<Self> {
        let (content, relation) = (&event["content"], &event["content"]["m.relates_to"]);
        let (about, text) = match event["type"].as_str()? {
            "m.reaction" if relation["rel_type"] == "m.annotation" => {
                (relation["event_id"].as_str()?, message::answer_of(relation["key"].as_str()?)?.to_owned())
            }
            "m.room.message" if content["msgtype"] == "m.text" && relation["rel_type"] != "m.replace" => {
                (relation["m.in_reply_to"]["event_id"].as_str()?, without_quote(content["body"].as_str()?))
            }
            _ => return None,
        };
        Some(Self { event: event["event_id"].as_str()?, sender: event["sender"].as_str()?, about, text })
    }
}

/// Older clients put what they reply to before the reply, each line behind a `>`, and an empty line between.
fn without_quote(body: &str) -> String {
    let mut lines = body.lines().peekable();
    while lines.next_if(|line| line.starts_with('>')).is_some() {}
    lines.skip_while(|line| line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// In the room, as a reply to whoever it is said to: Matrix knows nothing that only one of them would see.
fn reply(effects: &[Effect], room: &str, to: &str) -> Response<String> {
    let said = effects.iter().map(|effect| effect.said.as_str()).find(|said| !said.is_empty());
    let body = said.map_or_else(|| json!({}), |said| json!({"room": room, "to": to, "event": message::reply(said, to)}));
    response("application/json", body.to_string())
}

#[async_trait]
impl Inbound for Sync {
    fn proof(&self, _path: &str) -> Result<Option<&'static str>, Refusal> {
        Err(Refusal::NotFound("a Matrix homeserver is asked, it does not call"))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path).map(|_| Heard::taken(Vec::new()))
    }

    fn source(&self, _is_reachable: bool) -> Option<&dyn Source> {
        Some(self)
    }
}

#[async_trait]
impl Source for Sync {
    async fn open(&self) -> Result<(), InboundError> {
        self.me().await.map(|_| ())
    }

    /// A position is the homeserver's token of where a batch ended. What was said before the first question is past.
    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError> {
        let news = self.sync(position).await?;
        let next = news["next_batch"].as_str().ok_or_else(|| InboundError("no next_batch".to_owned()))?.to_owned();
        self.accept_invites(&news).await?;
        let mut heard = Vec::new();
        let rooms = news["rooms"]["join"].as_object().filter(|_| position.is_some()).into_iter().flatten();
        for (room, of) in rooms {
            let events = of["timeline"]["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            for event in events {
                heard.extend(self.heard(room, event).await?);
            }
        }
        Ok(Batch { heard, position: Some(next) })
    }

    async fn reply(&self, reply: Response<String>) -> Result<(), InboundError> {
        let reply: Value = serde_json::from_str(reply.body()).unwrap_or_default();
        let (Some(room), Some(to)) = (reply["room"].as_str(), reply["to"].as_str()) else { return Ok(()) };
        let transaction = format!("reply-{}", crate::thread::digest(to));
        self.ask(self.server.put(room, &transaction, &reply["event"])).await.map(|_| ())
    }
}
