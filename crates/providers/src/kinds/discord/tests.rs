#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use serde_json::json;
use watchbell_core::{DeliveryId, ManualClock, Secret};

use super::*;
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

const TAKEN: &str = r#"{"id":"1176543210987654321","channel_id":"7","content":"x"}"#;
const HOOK: &str = "https://discord.com/api/webhooks/42/hu-sh_1";

fn provider(service: &StandIn) -> Arc<dyn Provider> {
    let settings = Settings { base_url: format!("{}/api/v10", service.url) };
    settings.check(&service.common()).unwrap();
    settings.build("discord", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap()
}

fn to(target: &str) -> Outgoing {
    outgoing(Channel::Discord, Address::Other(Secret::new(target)))
}

fn edit(target: &str) -> Edit {
    let Outgoing { content, now, to, .. } = to(target);
    let note = "Anna has accepted this".to_owned();
    Edit { delivery_id: DeliveryId("01K".to_owned()), channel: Channel::Discord, to, message_id: "117".to_owned(), content, note, now }
}

#[tokio::test]
async fn one_line_and_an_embed_with_a_link_to_where_it_is_answered() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    let message = Outgoing { answer: Some(offer()), ..to(HOOK) };
    assert_eq!(provider(&service).send(&message).await, Report::accepted("1176543210987654321".to_owned()));
    let seen = service.only();
    assert_eq!(seen.line, "POST /api/v10/webhooks/42/hu-sh_1?wait=true HTTP/1.1");
    let links = format!("[Open](https://alerts.example.org/7)  ·  [I have it / Resolved / Not me]({})", offer().url.unwrap());
    assert_eq!(
        seen.json(),
        json!({
            "content": "\\[HIGH\\] Disk full on db-1",
            "embeds": [{"description": format!("Disk full on db-1\n\n{links}")}],
            "allowed_mentions": {"parse": []},
        })
    );
}

#[tokio::test]
async fn a_thread_is_written_to_as_the_contact_names_it() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    provider(&service).send(&to(&format!("{HOOK}?thread_id=77"))).await;
    assert_eq!(service.only().line, "POST /api/v10/webhooks/42/hu-sh_1?wait=true&thread_id=77 HTTP/1.1");
}

#[test]
fn only_discord_s_own_webhooks_are_called() {
    for target in ["https://evil.example/api/webhooks/42/x", "https://discord.com/api/webhooks/42", "C1"] {
        assert!(Hook::of(&Address::Other(Secret::new(target))).is_none(), "{target}");
    }
    assert!(!format!("{:?}", Hook::of(&to(HOOK).to)).contains("hu-sh"));
}

#[test]
fn long_texts_are_cut_within_discord_s_limits() {
    let mut message = Outgoing { answer: Some(offer()), ..to(HOOK) };
    message.content.subject = "*".repeat(600);
    message.content.text = "@everyone <@1> 😀 ".repeat(3_000).into();
    let body = message::body(&message);
    let (line, text) = (body["content"].as_str().unwrap(), body["embeds"][0]["description"].as_str().unwrap());
    assert!(line.encode_utf16().count() <= 256 && line.ends_with('…'), "{line}");
    assert!((3_900..=4_096).contains(&text.encode_utf16().count()), "{}", text.len());
    assert!(text.ends_with(&format!("({})", offer().url.unwrap())), "the link stays whole");
    assert!(!text.contains("@everyone") && !text.contains(" <@1>"));
}

#[tokio::test]
async fn an_edit_says_who_has_it_and_drops_the_link() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned()), Act::Answer(404, "", r#"{"code":10008}"#.to_owned())]).await;
    let provider = provider(&service);
    assert_eq!(provider.edit(&edit(&format!("{HOOK}?thread_id=77"))).await, EditOutcome::Done);
    let seen = service.only();
    assert_eq!(seen.line, "PATCH /api/v10/webhooks/42/hu-sh_1/messages/117?thread_id=77 HTTP/1.1");
    assert_eq!(seen.json()["content"], "**Anna has accepted this**\n\\[HIGH\\] Disk full on db-1");
    assert!(!seen.body.contains("bell.example.org"));
    assert_eq!(provider.edit(&edit(HOOK)).await, EditOutcome::Cannot);
}

#[tokio::test]
async fn a_webhook_whose_limit_is_used_up_is_not_called_again_until_it_is_not() {
    let left = "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: 1.25\r\n";
    let service = StandIn::start([Act::Answer(200, left, TAKEN.to_owned()), Act::Answer(200, "", TAKEN.to_owned())]).await;
    let provider = provider(&service);
    let message = to(HOOK);
    assert!(matches!(provider.send(&message).await.outcome, Outcome::Accepted { .. }));
    let after = Some(at("2026-11-20T08:00:01.250Z"));
    let waits = Report::new(Outcome::Retry { after, scope: LimitScope::Recipient }, "used_up".to_owned());
    assert_eq!(provider.send(&message).await, waits);
    assert_eq!(service.seen().len(), 1);
    let later = Outgoing { now: at("2026-11-20T08:00:01.250Z"), ..message };
    assert!(matches!(provider.send(&later).await.outcome, Outcome::Accepted { .. }));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let error = |code: i64| format!(r#"{{"message":"Disk full","code":{code}}}"#);
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("1176543210987654321".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (404, error(10_015), Outcome::BadAddress),
        (404, error(10_003), Outcome::BadAddress),
        (401, error(50_027), Outcome::BadAddress),
        (403, error(50_013), Outcome::BadAddress),
        (403, error(50_007), Outcome::BadAddress),
        (400, error(50_006), Outcome::BadMessage),
        (400, error(50_035), Outcome::BadMessage),
        (413, error(40_005), Outcome::BadMessage),
        (403, "<html>a proxy".to_owned(), Outcome::ProviderDown),
        (404, "<html>a proxy".to_owned(), Outcome::ProviderDown),
        (500, error(0), retry(LimitScope::Message)),
        (502, "<html>".to_owned(), retry(LimitScope::Message)),
        (429, "<html>the network before it".to_owned(), retry(LimitScope::Provider)),
        (
            429,
            r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#.to_owned(),
            Outcome::Retry { after: Some(at("2026-11-20T08:01:04.570Z")), scope: LimitScope::Recipient },
        ),
        (
            429,
            r#"{"message":"x","retry_after":1,"global":true}"#.to_owned(),
            Outcome::Retry { after: Some(at("2026-11-20T08:00:01Z")), scope: LimitScope::Provider },
        ),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify::posted(&answer, now);
        assert_eq!(report.outcome, outcome, "{status} {body}");
        assert!(!report.code.unwrap_or_default().contains("Disk"));
    }
}
