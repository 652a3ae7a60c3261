//! People answer where they were told: by a text, in a call, on a page.

use std::time::Duration;

use base64::Engine as _;
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::structured;
use watchbell_tests::on_both;
use watchbell_tests::settings::PUBLIC_URL;
use watchbell_tests::stand_ins::TWILIO_TOKEN;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::twilio_calls::{call_back, text};
use watchbell_tests::wait;

on_both!(
    a_text_accepts_the_one_open_alert,
    several_open_alerts_are_told_apart_by_codes,
    not_me_pulls_the_own_next_step_and_nobody_elses,
    who_opted_out_is_written_to_no_more_until_they_opt_in,
    strangers_are_helped_once_an_hour,
    a_page_shows_and_acts_only_when_it_is_told_to,
    links_that_are_none_change_nothing,
    two_answers_at_once_are_one,
    messages_elsewhere_say_who_has_it,
    a_mail_of_a_category_can_be_turned_off,
    an_account_is_one_users,
);

/// Tells of an alert over HTTP, so that its time is the test's clock's.
async fn raise(bed: &Bed, id: &str, people: &[&Person]) {
    bed.api().post("/watchbell/v1/events", &structured("alert", id, bed.now(), &alert(id, people))).await.expect(202);
    bed.quiet().await;
}

async fn person(bed: &Bed, number: u16, methods: &[(&str, u8)]) -> Person {
    let person = Person::without_telegram(bed.api(), number).await;
    for (method, delay_min) in methods {
        person.high(bed.api(), method, *delay_min).await;
    }
    person
}

async fn a_text_accepts_the_one_open_alert(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("SMS", 0), ("VOICE", 5)]).await;
    let ben = person(bed, 2, &[("SMS", 0), ("VOICE", 5)]).await;
    raise(bed, "A-1", &[&anna, &ben]).await;
    let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert!(sent[0].text.contains("1=I have it 2=resolved 3=not me ("), "{sent:?}");
    let client = bed.nats.client().await;
    let mut answers = client.subscribe("watchbell.out.answered").await.unwrap();
    client.flush().await.unwrap();
    bed.advance(Duration::from_secs(60)).await;
    let reply = text(bed, &anna.phone, " Ja, danke! ", "SM-1").await;
    assert_eq!(reply, "A-1 is on fire: You have it: nobody else is called for it any more.");
    let answer = wait::within("an answer", answers.next()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!((&answer["action"], &answer["user"], &answer["channel"]), (&json!("accept"), &json!(anna.id), &json!("sms")));
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "sent", "cancelled", "cancelled"]);
    let delivery = bed.api().delivery(answer["delivery"].as_str().unwrap()).await;
    assert_eq!((&delivery["answers"][0]["action"], &delivery["answers"][0]["userId"]), (&json!("accept"), &json!(anna.id)));
    let audit = bed.api().get("/watchbell/v1/audit").await.expect(200);
    let lines: Vec<&Value> = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "alert.accept").collect();
    assert_eq!(lines.len(), 1, "{audit}");
    // Twilio hands the same text over again, when something else is open.
    raise(bed, "A-2", &[&anna]).await;
    assert_eq!(text(bed, &anna.phone, " Ja, danke! ", "SM-1").await, reply);
    assert_eq!(bed.api().states("alert=A-2").await, ["sent", "scheduled"]);
    // The other one is told who has it, and can still resolve it.
    bed.advance(Duration::from_secs(120)).await;
    let late = text(bed, &ben.phone, "1", "SM-2").await;
    assert!(late.contains("User001 Test has accepted this alert already: 2 minutes ago."), "{late}");
    assert_eq!(text(bed, &ben.phone, "fixed", "SM-3").await, "A-1 is on fire: The alert is resolved: nobody is called for it any more.");
}

async fn several_open_alerts_are_told_apart_by_codes(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("SMS", 0), ("VOICE", 5)]).await;
    for id in ["A-1", "A-2", "A-3"] {
        raise(bed, id, &[&anna]).await;
        bed.advance(Duration::from_secs(2)).await;
    }
    let code = |alert: &str| watchbell_core::answer_code::code(alert, 1, watchbell_core::UserId(anna.id));
    let list = text(bed, &anna.phone, "ack", "SM-1").await;
    for id in ["A-1", "A-2", "A-3"] {
        assert!(list.contains(&format!("{} {id} is on fire", &code(id)[..2])), "{list}");
    }
    assert_eq!(bed.api().states("state=scheduled").await.len(), 3, "nothing was guessed");
    let one = text(bed, &anna.phone, &format!("1 {}", code("A-2").to_lowercase()), "SM-2").await;
    assert!(one.starts_with("A-2 is on fire: You have it"), "{one}");
    assert_eq!(bed.api().states("alert=A-2").await, ["sent", "cancelled"]);
    assert_eq!(text(bed, &anna.phone, "1 all", "SM-3").await, "Done: all 2 alerts are yours.");
    assert_eq!(bed.api().states("state=scheduled").await, [""; 0]);
}

async fn not_me_pulls_the_own_next_step_and_nobody_elses(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("SMS", 0), ("VOICE", 5)]).await;
    let ben = person(bed, 2, &[("SMS", 0), ("VOICE", 5)]).await;
    raise(bed, "A-1", &[&anna, &ben]).await;
    bed.advance(Duration::from_secs(30)).await;
    let reply = text(bed, &anna.phone, "nicht ich", "SM-1").await;
    assert!(reply.contains("Noted: not you"), "{reply}");
    bed.quiet().await;
    let called = bed.outbox().expect(1, "call", |sent| sent.channel == Channel::Voice).await;
    assert_eq!(called[0].to, anna.phone);
    assert_eq!(bed.api().states(&format!("user={}&channel=voice", ben.id)).await, ["scheduled"]);
    // Whoever asks why is told so, of her and not of him.
    let explained = async |person: &Person| bed.api().get(&format!("/watchbell/v1/explain?alert=A-1&user={}", person.id)).await.expect(200);
    let of_anna = explained(&anna).await;
    let said = &of_anna["answers"][0];
    assert_eq!(
        (&said["action"], &said["userId"], &said["deliveryId"]),
        (&json!("decline"), &json!(anna.id), &of_anna["steps"][0]["deliveryId"])
    );
    assert_eq!(explained(&ben).await["answers"], json!([]));
    let event = bed.api().get(&format!("/watchbell/v1/events/{}", said["eventId"].as_str().unwrap())).await.expect(200);
    assert_eq!(&event["answer"], said, "{event}");
    // The same again changes nothing, and who has declined may still accept: by the call.
    text(bed, &anna.phone, "nicht ich", "SM-1").await;
    let delivery = called[0].delivery.clone().unwrap();
    let sid = bed.api().delivery(&delivery).await["attemptLog"][0]["messageId"].as_str().unwrap().to_owned();
    let again =
        call_back(bed, &format!("/callbacks/twilio/gather?delivery={delivery}"), &[("CallSid", &sid), ("Digits", "9")], TWILIO_TOKEN).await;
    assert!(again.body.as_str().is_some_and(|body| body.contains("A-1 is on fire") && body.contains("<Gather")), "{}", again.body);
    let taken =
        call_back(bed, &format!("/callbacks/twilio/gather?delivery={delivery}"), &[("CallSid", &sid), ("Digits", "1")], TWILIO_TOKEN).await;
    assert!(taken.body.as_str().is_some_and(|body| body.contains("You have accepted the alert")), "{}", taken.body);
    assert_eq!(bed.api().states(&format!("user={}&channel=voice", ben.id)).await, ["cancelled"]);
}

async fn who_opted_out_is_written_to_no_more_until_they_opt_in(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("SMS", 0)]).await;
    let status = async |bed: &Bed| {
        let contact = format!("/watchbell/v1/users/{}/contacts/{}", anna.id, anna.phone_id);
        bed.api().get(&contact).await.expect(200)["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(text(bed, &anna.phone, "STOP", "SM-1").await, "", "the carrier says so");
    assert_eq!(status(bed).await, "BLACKLISTED");
    raise(bed, "A-1", &[&anna]).await;
    assert_eq!(bed.outbox().matching(|sent| sent.channel == Channel::Sms).len(), 0);
    text(bed, &anna.phone, "start", "SM-2").await;
    assert_eq!(status(bed).await, "OK");
    // What an admin decided, no text message undoes.
    let path = format!("/watchbell/v1/users/{}/contacts/{}/status", anna.id, anna.phone_id);
    bed.api().put(&path, &json!({ "status": "BLACKLISTED" })).await.expect(200);
    text(bed, &anna.phone, "START", "SM-3").await;
    assert_eq!(status(bed).await, "BLACKLISTED");
}

async fn strangers_are_helped_once_an_hour(bed: &mut Bed) {
    bed.start().await;
    let help = text(bed, "+4915199999999", "hello?", "SM-1").await;
    assert!(help.contains("answer an alert with 1"), "{help}");
    assert_eq!(text(bed, "+4915199999999", "hello?", "SM-2").await, "");
    bed.advance(Duration::from_secs(3_600)).await;
    assert_eq!(text(bed, "+4915199999999", "1", "SM-3").await, help);
    assert_eq!(call_back(bed, "/callbacks/twilio/message", &[("From", "+4915199999999"), ("Body", "1")], "wrong").await.status, 403);
}

/// The path of the link in a mail's text.
fn link<'t>(text: &'t str, folder: &str) -> &'t str {
    let start = text.find(&format!("{PUBLIC_URL}/{folder}/")).unwrap_or_else(|| panic!("no link: {text}")) + PUBLIC_URL.len();
    let end = text[start..].find(|c: char| !(c.is_ascii_alphanumeric() || "/-_".contains(c))).map_or(text.len(), |at| start + at);
    &text[start..end]
}

/// What a page says.
async fn page(bed: &Bed, method: Method, path: &str, form: Option<&str>, status: u16) -> String {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = bed.api().with_key("").try_call(method, path, &headers, form.map(str::to_owned)).await.unwrap().expect(status);
    answer.as_str().expect("a page").to_owned()
}

async fn a_page_shows_and_acts_only_when_it_is_told_to(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("EMAIL", 0), ("VOICE", 5)]).await;
    raise(bed, "A-1", &[&anna]).await;
    let mail = bed.outbox().expect(1, "mail", |sent| sent.is(Channel::Email, &anna.email)).await.remove(0);
    let path = link(&mail.text, "a").to_owned();
    assert!(!path.contains("A-1"), "a link says nothing");
    for _ in 0..2 {
        let shown = page(bed, Method::GET, &format!("{path}?do=resolve"), None, 200).await;
        for part in ["A-1 is on fire", "Nobody has it yet", "value=\"accept\"", "value=\"resolve\" class=\"first\"", "value=\"decline\""] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "scheduled"], "looking changes nothing");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(format!("{}{path}", bed.api().base())).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(
        (header("referrer-policy"), header("cache-control"), header("x-robots-tag")),
        ("no-referrer".into(), "no-store".into(), "noindex, nofollow".into())
    );
    let policy = header("content-security-policy");
    let html = response.text().await.unwrap();
    let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'")), "{policy}");
    let wrong = bed.api().with_key("").try_call(Method::POST, &path, &[], Some("action=explode".to_owned())).await.unwrap().expect(400);
    assert!(wrong["error"]["message"].as_str().is_some_and(|message| message.contains("accept, resolve, decline")), "{wrong}");
    let done = page(bed, Method::POST, &path, Some("action=accept"), 200).await;
    assert!(done.contains("You have it") && done.contains("User001 Test has it: accepted"), "{done}");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "cancelled"]);
    // Pressed again, or loaded again, it is the same answer.
    page(bed, Method::POST, &path, Some("action=accept"), 200).await;
    let later = page(bed, Method::POST, &path, Some("action=decline"), 409).await;
    assert!(later.contains("User001 Test has accepted this alert already"), "{later}");
    assert!(page(bed, Method::POST, &path, Some("action=resolve"), 200).await.contains("The alert is resolved"));
    bed.advance(Duration::from_secs(2 * 86_400 + 1)).await;
    assert!(page(bed, Method::GET, &path, None, 410).await.contains("too long ago"));
    assert!(page(bed, Method::POST, &path, Some("action=accept"), 410).await.contains("too long ago"));
}

async fn links_that_are_none_change_nothing(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("EMAIL", 0)]).await;
    raise(bed, "A-1", &[&anna]).await;
    let mail = bed.outbox().expect(1, "mail", |sent| sent.is(Channel::Email, &anna.email)).await.remove(0);
    let path = link(&mail.text, "a");
    let token = path.strip_prefix("/a/").unwrap();
    let swapped = format!("{}{}", &token[20..], &token[..20]);
    for bad in [&token[..30], &swapped, "x", &"A".repeat(43), &"A".repeat(4_000)] {
        let said = page(bed, Method::GET, &format!("/a/{bad}"), None, 404).await;
        assert!(said.contains("cut off or changed on its way"), "{said}");
        page(bed, Method::POST, &format!("/a/{bad}"), Some("action=accept"), 404).await;
    }
    // A token is for its purpose alone.
    page(bed, Method::POST, &format!("/u/{token}"), Some("List-Unsubscribe=One-Click"), 404).await;
    assert_eq!(bed.api().states("alert=A-1").await, ["sent"]);
}

async fn two_answers_at_once_are_one(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[("SMS", 0), ("VOICE", 5)]).await;
    let ben = person(bed, 2, &[("SMS", 0), ("VOICE", 5)]).await;
    raise(bed, "A-1", &[&anna, &ben]).await;
    let (one, other) = tokio::join!(text(bed, &anna.phone, "1", "SM-1"), text(bed, &ben.phone, "1", "SM-2"));
    let has_it = |said: &String| said.contains("You have it");
    let is_late = |said: &String| said.contains("has accepted this alert already");
    assert!((has_it(&one) && is_late(&other)) || (is_late(&one) && has_it(&other)), "{one} / {other}");
}

async fn messages_elsewhere_say_who_has_it(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    anna.high(bed.api(), "TELEGRAM", 0).await;
    let ben = person(bed, 2, &[("SMS", 0)]).await;
    raise(bed, "A-1", &[&anna, &ben]).await;
    bed.outbox().expect(1, "chat message", |sent| sent.channel == Channel::Telegram).await;
    text(bed, &ben.phone, "1", "SM-1").await;
    wait::until("the chat message to be edited", async || {
        bed.clock.advance(Duration::from_secs(2));
        !bed.stand_ins.http.chats("POST", "/editMessageText").is_empty()
    })
    .await;
    let edit = bed.stand_ins.http.chats("POST", "/editMessageText").remove(0).json();
    assert!(
        edit["text"].as_str().is_some_and(|text| text.contains("A-1 is on fire") && text.contains("User002 Test has accepted this")),
        "{edit}"
    );
    assert!(!edit.to_string().contains("callback_data"), "the buttons are gone: {edit}");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "sent"]);
}

async fn a_mail_of_a_category_can_be_turned_off(bed: &mut Bed) {
    bed.start().await;
    let anna = person(bed, 1, &[]).await;
    anna.rule(bed.api(), "subscriptions", json!({ "method": "EMAIL" })).await;
    let news = |id: &str| json!({ "title": format!("News {id}"), "message": "m", "users": [anna.id], "category": "releases" });
    bed.publish("subscription", "1", &news("1")).await;
    let mail = bed.outbox().expect(1, "mail", |sent| sent.is(Channel::Email, &anna.email)).await.remove(0);
    let unfolded = mail.text.replace("\r\n ", "");
    assert!(unfolded.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{unfolded}");
    let path = link(&unfolded, "u").to_owned();
    assert!(page(bed, Method::GET, &path, None, 200).await.contains("releases"));
    bed.publish("subscription", "2", &news("2")).await;
    bed.outbox().expect(2, "mails: asking changes nothing", |sent| sent.channel == Channel::Email).await;
    assert!(page(bed, Method::POST, &path, Some("List-Unsubscribe=One-Click"), 200).await.contains("no more mails"));
    bed.publish("subscription", "3", &news("3")).await;
    assert_eq!(bed.outbox().matching(|sent| sent.channel == Channel::Email).len(), 2);
}

async fn an_account_is_one_users(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (person(bed, 1, &[]).await, person(bed, 2, &[]).await);
    let of = |person: &Person, service: &str| format!("/watchbell/v1/users/{}/accounts/{service}", person.id);
    let made = bed.api().put(&of(&anna, "slack"), &json!({ "account": "U024BE7LH" })).await.expect(200);
    assert_eq!((&made["service"], &made["account"]), (&json!("slack"), &json!("U024BE7LH")));
    bed.api().put(&of(&ben, "slack"), &json!({ "account": "U024BE7LH" })).await.expect(409);
    bed.api().put(&of(&ben, "email"), &json!({ "account": "x" })).await.expect(400);
    bed.api().put(&of(&ben, "slack"), &json!({ "account": "x", "more": 1 })).await.expect(400);
    bed.api().get(&of(&ben, "slack")).await.expect(404);
    let list = bed.api().get(&format!("/watchbell/v1/users/{}/accounts", anna.id)).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    bed.api().delete(&of(&anna, "slack")).await.expect(204);
    bed.api().put(&of(&ben, "slack"), &json!({ "account": "U024BE7LH" })).await.expect(200);
}
