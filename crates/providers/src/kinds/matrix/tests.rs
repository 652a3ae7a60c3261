#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use serde_json::json;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{DeliveryId, ManualClock};

use super::*;
use crate::http::Answer;
use crate::inbound::{Effect, Heard, Notice, Words};
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};
use crate::phrase::{Phrase, Since, Wording};

const TAKEN: &str = r#"{"event_id":"$made"}"#;
const NOT_FOUND: &str = r#"{"errcode":"M_NOT_FOUND","error":"Event not found."}"#;

fn settings(service: &StandIn) -> Settings {
    Settings { base_url: service.url.clone(), token: Secret::new("syt_hush") }
}

fn provider(service: &StandIn) -> Arc<dyn Provider> {
    let settings = settings(service);
    settings.check(&service.common()).unwrap();
    let provider = settings.build("matrix", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!format!("{provider:?}").contains("hush"));
    provider
}

fn to(room: &str) -> Outgoing {
    outgoing(Channel::Matrix, Address::Other(Secret::new(room)))
}

fn ok(body: &Value) -> Act {
    Act::Answer(200, "", body.to_string())
}

/// The room is in clear text.
fn clear() -> Act {
    Act::Answer(404, "", NOT_FOUND.to_owned())
}

#[tokio::test]
async fn a_message_is_known_by_its_delivery_and_a_room_is_asked_for_once() {
    let service = StandIn::start([clear(), ok(&json!({"event_id": "$made"})), ok(&json!({"event_id": "$made"}))]).await;
    let provider = provider(&service);
    let message = Outgoing { answer: Some(offer()), ..to("!abc:example.org") };
    for _ in 0..2 {
        assert_eq!(provider.send(&message).await, Report::accepted("$made".to_owned()));
    }
    let seen = service.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let put = "PUT /_matrix/client/v3/rooms/!abc:example.org/send/m.room.message/01KAFX8M00ABCDEFGHJKMNPQRS HTTP/1.1";
    assert_eq!(lines, ["GET /_matrix/client/v3/rooms/!abc:example.org/state/m.room.encryption HTTP/1.1", put, put]);
    assert!(seen[1].headers.contains("authorization: Bearer syt_hush"));
    let event = seen[1].json();
    let page = offer().url.unwrap();
    assert_eq!(
        event["body"].as_str().unwrap(),
        format!("Disk full on db-1\n\nhttps://alerts.example.org/7\n\n👍 I have it   ✅ Resolved   👎 Not me\n\n{page}")
    );
    let html = event["formatted_body"].as_str().unwrap();
    assert!(html.starts_with("Disk full on db-1<br><br><a href=\"https://alerts.example.org/7\">Open</a>"), "{html}");
    assert_eq!((&event["msgtype"], &event["m.mentions"]), (&json!("m.text"), &json!({})));
    assert!(provider.can_look_up(Channel::Matrix));
    assert_eq!(provider.look_up(&message, message.now).await, Some(Vec::new()));
}

#[tokio::test]
async fn an_alias_leads_to_its_room_and_an_encrypted_room_is_refused() {
    let encrypted = ok(&json!({"algorithm": "m.megolm.v1.aes-sha2"}));
    let service = StandIn::start([ok(&json!({"room_id": "!abc:example.org"})), encrypted]).await;
    assert_eq!(provider(&service).send(&to("#ops:example.org")).await, Report::new(Outcome::BadAddress, "encrypted_room".to_owned()));
    assert_eq!(service.seen()[0].line, "GET /_matrix/client/v3/directory/room/%23ops:example.org HTTP/1.1");
    let service = StandIn::start([ok(&json!({"room_id": "!abc:example.org"})), clear(), Act::Answer(200, "", TAKEN.to_owned())]).await;
    let report = provider(&service).send(&to("#ops:example.org")).await;
    assert_eq!(report, Report { moved_to: Some("!abc:example.org".to_owned()), ..Report::accepted("$made".to_owned()) });
    let service = StandIn::start([clear_of("M_NOT_FOUND")]).await;
    assert_eq!(provider(&service).send(&to("#gone:example.org")).await.outcome, Outcome::BadAddress);
    let service = StandIn::start([Act::Answer(403, "", json!({"errcode": "M_FORBIDDEN", "error": "not in room"}).to_string())]).await;
    assert_eq!(provider(&service).send(&to("!left:example.org")).await, Report::new(Outcome::BadAddress, "M_FORBIDDEN".to_owned()));
    // The homeserver was asked for the room, and said nothing: no message was handed over.
    let service = StandIn::start([Act::Silent]).await;
    assert_eq!(provider(&service).send(&to("!abc:example.org")).await, Report::retry("timeout".to_owned()));
}

fn clear_of(code: &str) -> Act {
    Act::Answer(404, "", json!({ "errcode": code, "error": "x" }).to_string())
}

#[tokio::test]
async fn an_edit_replaces_the_event_under_a_transaction_of_its_own() {
    let service = StandIn::start([clear(), Act::Answer(200, "", TAKEN.to_owned())]).await;
    let Outgoing { content, now, to, .. } = to("!abc:example.org");
    let edit = Edit {
        delivery_id: DeliveryId("01K".to_owned()),
        channel: Channel::Matrix,
        to,
        message_id: "$first".to_owned(),
        content,
        note: "Anna has accepted this".to_owned(),
        now,
    };
    assert_eq!(provider(&service).edit(&edit).await, EditOutcome::Done);
    let seen = service.seen().pop().unwrap();
    assert!(seen.line.contains("/send/m.room.message/01K-"), "{}", seen.line);
    let event = seen.json();
    assert_eq!(event["m.relates_to"], json!({"rel_type": "m.replace", "event_id": "$first"}));
    assert!(event["m.new_content"]["body"].as_str().unwrap().starts_with("Anna has accepted this\n\nDisk full"));
    assert!(event["m.new_content"]["formatted_body"].as_str().unwrap().starts_with("<strong>Anna has accepted this</strong>"));
}

#[test]
fn the_largest_event_fits_and_nothing_in_it_is_markup() {
    let mut message = to("!abc:example.org");
    message.content.text = format!("<b>{}", "\"字".repeat(30_000)).into();
    let event = message::body(&message);
    assert!((50_000..=60_000).contains(&event.to_string().len()));
    assert!(event["formatted_body"].as_str().unwrap().starts_with("&lt;b&gt;&quot;字"));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |after, scope| Outcome::Retry { after, scope };
    let error = |code: &str| json!({"errcode": code, "error": "Disk full"}).to_string();
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("$made".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (403, error("M_FORBIDDEN"), Outcome::BadAddress),
        (404, error("M_NOT_FOUND"), Outcome::BadAddress),
        (401, error("M_UNKNOWN_TOKEN"), Outcome::ProviderDown),
        (401, error("M_MISSING_TOKEN"), Outcome::ProviderDown),
        (404, error("M_UNRECOGNIZED"), Outcome::ProviderDown),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (413, error("M_TOO_LARGE"), Outcome::BadMessage),
        (400, error("M_BAD_JSON"), Outcome::BadMessage),
        (400, error("M_NOT_JSON"), Outcome::BadMessage),
        (429, error("M_LIMIT_EXCEEDED"), retry(None, LimitScope::Provider)),
        (
            429,
            json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2_500}).to_string(),
            retry(Some(at("2026-11-20T08:00:02.500Z")), LimitScope::Provider),
        ),
        (500, error("M_UNKNOWN"), retry(None, LimitScope::Message)),
        (502, "<html>".to_owned(), retry(None, LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify::posted(&answer, now);
        assert_eq!(report.outcome, outcome, "{status} {body}");
        assert!(!report.code.unwrap_or_default().contains("Disk"));
    }
}

struct Silence;

impl Words for Silence {
    fn say(&self, _: Phrase, _: &str, _: Option<&Since>) -> Wording {
        Wording::default()
    }
}

fn reaction(event: &str, sender: &str, about: &str, key: &str) -> Value {
    let relation = json!({"rel_type": "m.annotation", "event_id": about, "key": key});
    json!({"type": "m.reaction", "event_id": event, "sender": sender, "content": {"m.relates_to": relation}})
}

fn reply(event: &str, sender: &str, about: &str, body: &str) -> Value {
    let content = json!({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": about}}});
    json!({"type": "m.room.message", "event_id": event, "sender": sender, "content": content})
}

fn news(next: &str, events: &[Value], invites: &Value) -> Act {
    ok(&json!({"next_batch": next, "rooms": {"join": {"!abc:example.org": {"timeline": {"events": events}}}, "invite": invites}}))
}

fn what(heard: &Heard) -> (String, String, String) {
    let [Notice::Text(text)] = heard.notices.as_slice() else { unreachable!("{heard:?}") };
    let account = text.by.as_ref().unwrap().account.expose().to_owned();
    (text.text.expose().to_owned(), account, text.replies_to.clone().unwrap())
}

#[tokio::test]
async fn reactions_and_replies_to_the_bot_s_own_events_are_answers() {
    let me = || ok(&json!({"user_id": "@bell:example.org"}));
    let mine = || ok(&json!({"sender": "@bell:example.org"}));
    let events = [
        reaction("$1", "@anna:example.org", "$made", "👍🏽"),
        reaction("$2", "@anna:example.org", "$made", "🎉"),
        reaction("$3", "@bell:example.org", "$made", "👍"),
        reply("$4", "@ben:other.example", "$made", "> <@bell:example.org> Disk full\n\nack"),
        reply("$5", "@ben:other.example", "$theirs", "yes"),
        json!({"type": "m.room.message", "event_id": "$6", "sender": "@ben:other.example", "content": {"msgtype": "m.text", "body": "1"}}),
        json!({"type": "m.reaction"}),
    ];
    let theirs = ok(&json!({"sender": "@anna:example.org"}));
    let said = ok(&json!({"event_id": "$reply"}));
    let service =
        StandIn::start([me(), news("s1", &events, &json!({})), news("s2", &events, &json!({})), mine(), mine(), theirs, said]).await;
    let sync = inbound::Sync::new(&settings(&service), &service.common()).unwrap();
    let source = crate::inbound::Inbound::source(&sync, true).unwrap();
    source.open().await.unwrap();
    let first = source.next(None).await.unwrap();
    assert_eq!((first.heard.len(), first.position.as_deref()), (0, Some("s1")), "what was said before is past");
    let second = source.next(Some("s1")).await.unwrap();
    let said: Vec<_> = second.heard.iter().map(what).collect();
    let expected = [("1", "@anna:example.org", "$made"), ("ack", "@ben:other.example", "$made")];
    assert_eq!(said, expected.map(|(text, by, about)| (text.to_owned(), by.to_owned(), about.to_owned())));
    // What is said back is a reply in the room.
    let heard = second.heard.into_iter().next().unwrap();
    let effect = Effect { said: "You have it now.".to_owned(), ..Effect::quiet(crate::inbound::Change::Done) };
    source.reply(heard.reply.give(&[effect], &Silence)).await.unwrap();
    let seen = service.seen();
    assert!(seen[2].line.contains("since=s1&timeout=25000"), "{}", seen[2].line);
    let reply = seen.last().unwrap().json();
    assert_eq!((&reply["body"], &reply["m.relates_to"]["m.in_reply_to"]["event_id"]), (&json!("You have it now."), &json!("$1")));
}

#[tokio::test]
async fn invitations_are_taken_from_the_same_homeserver_alone() {
    let invite = |sender: &str| {
        let event = json!({"type": "m.room.member", "sender": sender, "content": {"membership": "invite"}});
        json!({"invite_state": {"events": [event]}})
    };
    let invites = json!({"!a:example.org": invite("@anna:example.org"), "!b:evil.example": invite("@eve:evil.example"), "!c:x": {}});
    let service = StandIn::start([ok(&json!({"user_id": "@bell:example.org"})), news("s1", &[], &invites), ok(&json!({}))]).await;
    let sync = inbound::Sync::new(&settings(&service), &service.common()).unwrap();
    let source = crate::inbound::Inbound::source(&sync, false).unwrap();
    source.open().await.unwrap();
    source.next(Some("s0")).await.unwrap();
    let seen = service.seen();
    assert_eq!((seen.len(), seen[2].line.as_str()), (3, "POST /_matrix/client/v3/rooms/!a:example.org/join HTTP/1.1"));
}
