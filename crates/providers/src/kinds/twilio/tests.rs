#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use serde_json::json;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{ManualClock, Timestamp};

use super::*;
use crate::http::Answer;
use crate::kinds::stand_in::{Act, Seen, StandIn, at, outgoing};

const TO: &str = "+4915112345678";

fn settings(base_url: &str) -> Settings {
    let text = json!({
        "base_url": base_url, "account_sid": "AC123", "auth_token": "s3cret",
        "sms_from": "+15005550006", "voice_from": "+15005550007", "whatsapp_from": "+15005550008",
    });
    serde_json::from_value(text).unwrap()
}

async fn send_with(change: impl FnOnce(&mut Settings, &mut Outgoing), channel: Channel, answer: Act) -> (Report, Option<Seen>) {
    let service = StandIn::start([answer]).await;
    let mut settings = settings(&format!("{}/proxy/", service.url));
    let mut message = outgoing(channel, Address::Phone(TO.to_owned()));
    change(&mut settings, &mut message);
    let provider = settings.build("twilio", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!format!("{provider:?}").contains("s3cret"));
    (provider.send(&message).await, service.seen().pop())
}

fn taken() -> Act {
    Act::Answer(201, "", r#"{"sid":"SM9","status":"queued","error_code":null}"#.to_owned())
}

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn an_sms() {
    let (report, seen) = send_with(|_, _| {}, Channel::Sms, taken()).await;
    assert_eq!(report, Report::accepted("SM9".to_owned()));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /proxy/2010-04-01/Accounts/AC123/Messages.json HTTP/1.1");
    // AC123:s3cret
    assert!(seen.headers.contains("authorization: Basic QUMxMjM6czNjcmV0"), "{}", seen.headers);
    assert!(seen.headers.contains("content-type: application/x-www-form-urlencoded"));
    assert_eq!(
        seen.form(),
        form(&[
            ("To", TO),
            ("From", "+15005550006"),
            ("Body", "HIGH: Disk full on db-1"),
            ("StatusCallback", "https://bell.example.org/wb/callbacks/twilio?delivery=01KAFX8M00ABCDEFGHJKMNPQRS"),
            ("ValidityPeriod", "3600"),
        ])
    );
}

#[tokio::test]
async fn an_sms_through_a_messaging_service_without_callbacks() {
    let change = |settings: &mut Settings, message: &mut Outgoing| {
        settings.sms_from = None;
        settings.messaging_service_sid = Some("MG1".to_owned());
        message.callback_base = None;
        message.expires_at = Some(Timestamp::MAX);
        message.content.short = "ä".repeat(2_000).into();
    };
    let (_, seen) = send_with(change, Channel::Sms, taken()).await;
    let fields = seen.unwrap().form();
    assert_eq!(fields[1], ("MessagingServiceSid".to_owned(), "MG1".to_owned()));
    assert_eq!(fields[2].1.chars().count(), 1_600);
    assert_eq!(fields[3..], form(&[("ValidityPeriod", "36000")]));
}

#[tokio::test]
async fn a_whatsapp_message_free_and_by_template() {
    let (_, seen) = send_with(|_, _| {}, Channel::Whatsapp, taken()).await;
    let fields = seen.unwrap().form();
    assert_eq!(
        fields[..3],
        form(&[("To", "whatsapp:+4915112345678"), ("From", "whatsapp:+15005550008"), ("Body", "HIGH: Disk full on db-1")])
    );
    let template = |settings: &mut Settings, message: &mut Outgoing| {
        settings.whatsapp_content_sid = Some("HX5".to_owned());
        message.content.short = "one\ntwo".into();
    };
    let (_, seen) = send_with(template, Channel::Whatsapp, taken()).await;
    let fields = seen.unwrap().form();
    assert_eq!(fields[2..4], form(&[("ContentSid", "HX5"), ("ContentVariables", r#"{"1":"[HIGH] Disk full on db-1","2":"one two"}"#)]));
}

#[tokio::test]
async fn a_call_that_waits_for_a_key() {
    let (report, seen) = send_with(|_, _| {}, Channel::Voice, taken()).await;
    assert_eq!(report, Report::accepted("SM9".to_owned()));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /proxy/2010-04-01/Accounts/AC123/Calls.json HTTP/1.1");
    let twiml = "<Response><Gather numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\" \
        action=\"https://bell.example.org/wb/callbacks/twilio/gather?delivery=01KAFX8M00ABCDEFGHJKMNPQRS\">\
        <Say language=\"en-US\" loop=\"2\">High priority alert. Disk full on &lt;db&gt; &amp; co. Press 1 to accept the alert.</Say></Gather></Response>";
    assert_eq!(
        seen.form(),
        form(&[
            ("To", TO),
            ("From", "+15005550007"),
            ("Twiml", twiml),
            ("Timeout", "30"),
            ("MachineDetection", "Enable"),
            ("StatusCallback", "https://bell.example.org/wb/callbacks/twilio?delivery=01KAFX8M00ABCDEFGHJKMNPQRS"),
            ("StatusCallbackEvent", "completed"),
        ])
    );
}

/// Where there is nothing to accept, no key is announced and none is waited for; and what can be pressed is never cut.
#[tokio::test]
async fn a_call_announces_what_works() {
    let (_, seen) = send_with(|_, message| message.content.menu.clear(), Channel::Voice, taken()).await;
    let twiml = seen.unwrap().form()[2].1.clone();
    assert!(!twiml.contains("<Gather") && twiml.contains("co.</Say>"), "{twiml}");
    let (_, seen) = send_with(|_, message| message.content.speech = "Disk & ".repeat(1_000).into(), Channel::Voice, taken()).await;
    let twiml = seen.unwrap().form()[2].1.clone();
    assert!(
        (3_900..=4_000).contains(&twiml.chars().count()) && twiml.ends_with("… Press 1 to accept the alert.</Say></Gather></Response>"),
        "{twiml}"
    );
}

#[tokio::test]
async fn a_long_call_without_callbacks_stays_whole_xml() {
    let change = |_: &mut Settings, message: &mut Outgoing| {
        message.callback_base = None;
        message.content.locale = "de-AT".to_owned();
        message.content.speech = "&\u{7}".repeat(4_000).into();
    };
    let (_, seen) = send_with(change, Channel::Voice, taken()).await;
    let fields = seen.unwrap().form();
    let twiml = &fields[2].1;
    assert!(twiml.chars().count() <= 4_000);
    assert!(twiml.starts_with("<Response><Say language=\"de-DE\" loop=\"2\">&amp; &amp;") && twiml.ends_with("</Say></Response>"));
    assert!(fields.iter().all(|(key, _)| key != "StatusCallback"));
}

#[tokio::test]
async fn a_channel_without_a_sender_asks_nothing() {
    let (report, seen) = send_with(|settings, _| settings.voice_from = None, Channel::Voice, taken()).await;
    assert_eq!((report.outcome, seen.is_none()), (Outcome::ProviderDown, true));
}

#[tokio::test]
async fn refusals_faults_and_silence() {
    let refused = Act::Answer(400, "", r#"{"code":21211,"message":"no","status":400}"#.to_owned());
    let (report, _) = send_with(|_, _| {}, Channel::Sms, refused).await;
    assert_eq!(report, Report::new(Outcome::BadAddress, "21211".to_owned()));
    let busy = Act::Answer(429, "Retry-After: 7\r\n", r#"{"code":20429,"message":"no","status":429}"#.to_owned());
    let (report, _) = send_with(|_, _| {}, Channel::Sms, busy).await;
    let after = Some(at("2026-11-20T08:00:07Z"));
    assert_eq!(report.outcome, Outcome::Retry { after, scope: LimitScope::Provider });
    let (report, _) = send_with(|_, _| {}, Channel::Sms, Act::Silent).await;
    assert_eq!(report.outcome, Outcome::Unknown);
}

#[test]
fn every_listed_code_has_its_class() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let midnight = Outcome::Retry { after: Some(at("2026-11-21T00:00:00Z")), scope: LimitScope::Provider };
    let table: &[(&[u32], Outcome)] = &[
        (&[20429, 30001, 63018, 30022, 10004, 14107], retry(LimitScope::Provider)),
        (&[30003, 30008], retry(LimitScope::Message)),
        (&[63038], midnight),
        (&[21211, 21612, 21614, 30005, 30006, 21610, 63024, 21214, 21217, 63003, 13223, 13224], Outcome::BadAddress),
        (&[30004, 30007, 30018, 30450, 21408, 21202, 21203, 21215, 21216, 13225, 13227], Outcome::BadRoute),
        (&[63016, 21602, 21617, 21619], Outcome::BadMessage),
        (&[20003, 30002, 21608, 20005, 20006, 20008, 20404, 21219, 21210, 21212, 21603, 21606, 21609, 63007], Outcome::ProviderDown),
    ];
    for (codes, outcome) in table {
        for code in *codes {
            assert_eq!(classify::by_code(*code, now).as_ref(), Some(outcome), "{code}");
        }
    }
    assert_eq!(classify::by_code(99_999, now), None);
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let midnight = Outcome::Retry { after: Some(at("2026-11-21T00:00:00Z")), scope: LimitScope::Provider };
    let table = [
        (201, r#"{"sid":"SM1","status":"queued"}"#, Outcome::Accepted { message_id: Some("SM1".to_owned()) }, None),
        (201, r#"{"sid":"SM1","status":"failed","error_code":30005}"#, Outcome::BadAddress, Some("30005")),
        (201, r#"{"sid":"SM1","status":"failed","error_code":30003}"#, retry(LimitScope::Message), Some("30003")),
        (201, r#"{"sid":"SM1","status":"failed"}"#, Outcome::BadMessage, None),
        (201, "{}", Outcome::Unknown, Some("broken_answer")),
        (200, "<html>", Outcome::Unknown, Some("broken_answer")),
        (400, r#"{"code":99999}"#, Outcome::BadMessage, Some("99999")),
        (400, r#"{"code":20429}"#, retry(LimitScope::Provider), Some("20429")),
        (400, "<html>", Outcome::BadMessage, Some("http_400")),
        (401, r#"{"code":20003}"#, Outcome::ProviderDown, Some("20003")),
        (401, "", Outcome::ProviderDown, Some("http_401")),
        (403, "", Outcome::ProviderDown, Some("http_403")),
        (404, r#"{"code":20404}"#, Outcome::ProviderDown, Some("20404")),
        (404, "<html>", Outcome::ProviderDown, Some("http_404")),
        (429, r#"{"code":63038}"#, midnight, Some("63038")),
        (429, "", retry(LimitScope::Provider), Some("http_429")),
        (500, "", retry(LimitScope::Message), Some("http_500")),
        (503, r#"{"code":20503}"#, retry(LimitScope::Message), Some("20503")),
        // What passes is never made permanent by a code.
        (500, r#"{"code":21211}"#, retry(LimitScope::Message), Some("21211")),
        (429, r#"{"code":20003}"#, retry(LimitScope::Provider), Some("20003")),
        (302, "", Outcome::ProviderDown, Some("http_302")),
    ];
    for (status, body, outcome, code) in table {
        let answer = Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() };
        let report = classify::by_answer(&answer, now);
        assert_eq!(report, Report::new(outcome, code.map(str::to_owned)), "{status} {body}");
    }
}

/// Twilio repeats the message's text; whatever became of that on the way, the message was taken.
#[test]
fn a_letter_in_the_wrong_encoding_makes_no_success_a_failure() {
    let now = at("2026-11-20T08:00:00Z");
    let table: [(u16, &[u8], Report); 4] = [
        (201, b"{\"body\":\"\xfcber\",\"sid\":\"SM1\",\"status\":\"queued\"}", Report::accepted("SM1".to_owned())),
        (201, br#"{"body":"\ud83d","sid":"SM1","status":"queued","error_code":"0x"}"#, Report::accepted("SM1".to_owned())),
        (400, b"{\"code\":21211,\"message\":\"ung\xfcltig\"}", Report::new(Outcome::BadAddress, "21211".to_owned())),
        (400, br#"{"code":"21211"}"#, Report::new(Outcome::BadAddress, "21211".to_owned())),
    ];
    for (status, body, expected) in table {
        let answer = Answer { status, body: body.to_vec(), ..Answer::default() };
        assert_eq!(classify::by_answer(&answer, now), expected, "{}", body.escape_ascii());
    }
}

#[test]
fn settings_are_checked() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = settings("https://api.twilio.com");
        change(&mut settings);
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(check(|s| s.sms_from = Some("Watchbell".to_owned())), Ok(()));
    assert_eq!(check(|s| s.sms_from = Some("+1".to_owned())), Err("sms_from".to_owned()));
    assert_eq!(check(|s| s.messaging_service_sid = Some("MG1".to_owned())), Err("sms_from".to_owned()));
    assert_eq!(check(|s| s.voice_from = Some("Watchbell".to_owned())), Err("voice_from".to_owned()));
    assert_eq!(check(|s| s.auth_token = Secret::new("a\n")), Err("auth_token".to_owned()));
    let no_sender = |s: &mut Settings| (s.sms_from, s.voice_from, s.whatsapp_from) = (None, None, None);
    assert_eq!(check(no_sender), Err("sms_from".to_owned()));
}

/// When the message without an answer was handed over.
const SINCE: &str = "2026-11-20T08:00:00Z";

/// An entry of Twilio's list, with what differs from the message that the tests send.
fn entry(differs: &serde_json::Value) -> serde_json::Value {
    let mut entry = json!({
        "sid": "SM1", "to": TO, "from": "+15005550006", "body": "HIGH: Disk full on db-1", "status": "queued", "error_code": null,
        "messaging_service_sid": null, "date_created": "Fri, 20 Nov 2026 08:00:01 +0000", "date_sent": null,
    });
    for (key, value) in differs.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

async fn look_up(channel: Channel, answers: Vec<Act>) -> (Option<Vec<Found>>, Vec<Seen>) {
    let service = StandIn::start(answers).await;
    let message = outgoing(channel, Address::Phone(TO.to_owned()));
    let provider = settings(&service.url).build("twilio", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    (provider.look_up(&message, at(SINCE)).await, service.seen())
}

fn list(key: &str, entries: &[serde_json::Value]) -> Act {
    Act::Answer(200, "", json!({ key: entries }).to_string())
}

#[tokio::test]
async fn a_message_is_known_by_whom_it_goes_to_what_it_says_and_when_it_was_created() {
    let accepted = |sid: &str| vec![Found { message_id: sid.to_owned(), report: Report::accepted(sid.to_owned()) }];
    let failed = |outcome, code: &str| vec![Found { message_id: "SM1".to_owned(), report: Report::new(outcome, code.to_owned()) }];
    let retry = Outcome::Retry { after: None, scope: LimitScope::Message };
    let table = [
        (json!({}), accepted("SM1")),
        (json!({ "status": "delivered" }), accepted("SM1")),
        // Our clock is ahead of theirs; a trial account's prefix; what newer parts of the API write.
        (json!({ "date_created": "Fri, 20 Nov 2026 07:59:10 +0000" }), accepted("SM1")),
        (json!({ "body": "Sent from your Twilio trial account - HIGH: Disk full on db-1" }), accepted("SM1")),
        (json!({ "date_created": "2026-11-20T08:00:03Z", "from": null }), accepted("SM1")),
        // Another number's, another sender's, another text, an earlier one, none that can be placed.
        (json!({ "to": "+4915112345679" }), vec![]),
        (json!({ "from": "+15005550009" }), vec![]),
        (json!({ "body": "HIGH: Disk full on db-2" }), vec![]),
        (json!({ "body": null }), vec![]),
        (json!({ "date_created": "Fri, 20 Nov 2026 07:58:50 +0000" }), vec![]),
        (json!({ "date_created": "yesterday" }), vec![]),
        (json!({ "status": "undelivered", "error_code": 30003 }), failed(retry, "30003")),
        (json!({ "status": "undelivered", "error_code": 30005 }), failed(Outcome::BadAddress, "30005")),
        (json!({ "status": "failed", "error_code": 30007 }), failed(Outcome::BadRoute, "30007")),
        (json!({ "status": "failed" }), failed(Outcome::BadMessage, "failed")),
    ];
    for (differs, expected) in table {
        let (found, seen) = look_up(Channel::Sms, vec![list("messages", &[entry(&differs)])]).await;
        assert_eq!(found, Some(expected), "{differs}");
        let line = "GET /2010-04-01/Accounts/AC123/Messages.json?To=%2B4915112345678&From=%2B15005550006&PageSize=50 HTTP/1.1";
        assert_eq!(seen[0].line, line);
        assert!(seen[0].headers.contains("authorization: Basic QUMxMjM6czNjcmV0"));
    }
    let other = entry(&json!({ "sid": "SM2" }));
    let (found, _) = look_up(Channel::Sms, vec![list("messages", &[entry(&json!({})), other])]).await;
    assert_eq!(found.unwrap().len(), 2, "which of two equal ones it is, the caller finds out");
}

#[tokio::test]
async fn a_call_is_known_by_its_number_and_time_and_one_that_reached_nobody_is_made_again() {
    for (status, reached) in
        [("queued", true), ("in-progress", true), ("completed", true), ("busy", false), ("no-answer", false), ("failed", false)]
    {
        let call =
            json!({ "sid": "CA1", "to": TO, "from": "+15005550007", "status": status, "date_created": "Fri, 20 Nov 2026 08:00:01 +0000" });
        let (found, seen) = look_up(Channel::Voice, vec![list("calls", &[call])]).await;
        let report = if reached { Report::accepted("CA1".to_owned()) } else { Report::retry(status.to_owned()) };
        assert_eq!(found, Some(vec![Found { message_id: "CA1".to_owned(), report }]));
        assert!(seen[0].line.contains("/Calls.json?To=%2B4915112345678&From=%2B15005550007&PageSize=50 "), "{}", seen[0].line);
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_is_narrowed_by_date_once() {
    let newer = vec![entry(&json!({ "body": "another" })); 50];
    let answers = vec![list("messages", &newer), list("messages", &[entry(&json!({}))])];
    let (found, seen) = look_up(Channel::Sms, answers).await;
    assert_eq!(found.unwrap().len(), 1);
    assert!(seen[1].line.contains("&DateSent%3E=2026-11-20&PageSize=50 "), "{}", seen[1].line);
    let (found, _) = look_up(Channel::Sms, vec![list("messages", &newer), list("messages", &newer)]).await;
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_look_up_that_fails_says_nothing() {
    let rubbish = [
        Act::Answer(500, "", String::new()),
        Act::Answer(401, "", r#"{"code":20003}"#.to_owned()),
        Act::Answer(200, "", "<html>".to_owned()),
        Act::Answer(200, "", "{}".to_owned()),
        Act::Answer(200, "", r#"{"messages":[{"sid":7}]}"#.to_owned()),
        Act::Answer(200, "", "x".repeat(600_000)),
        Act::HalfClose,
        Act::CloseUnread,
        Act::Silent,
    ];
    for act in rubbish {
        assert_eq!(look_up(Channel::Sms, vec![act]).await.0, None);
    }
}
