#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{AlertData, DutyData, DutyStatus, EventData, Priority, SubscriptionData, UpdateData, UpdateStatus};
use crate::time::Timestamp;

const NOW: i64 = 1_763_600_000_000;

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn message(kind: &str, headers: &[(&str, &str)], payload: impl Into<Vec<u8>>) -> Original {
    let mut headers = pairs(headers);
    let position = StreamPosition { stream: "WATCHBELL", sequence: 7, stored_at: Timestamp::from_millis(NOW) };
    headers.push((POSITION_HEADER.to_owned(), position.to_header()));
    Original { subject: format!("watchbell.events.{kind}"), headers, payload: payload.into(), received_at: Timestamp::from_millis(NOW) }
}

fn nats(kind: &str, headers: &[(&str, &str)], data: &Value) -> Result<Event, Undecodable> {
    read(message(kind, headers, data.to_string())).map_err(|r| Undecodable::new(r.reason, r.detail))
}

fn read(original: Original) -> Result<Event, Box<Rejected>> {
    from_nats(original, &EventSettings::default())
}

fn http(content_type: &str, headers: &[(&str, &str)], body: &str) -> Result<Vec<Event>, Undecodable> {
    let mut headers = pairs(headers);
    headers.push(("content-type".to_owned(), content_type.to_owned()));
    let request = Request { publisher: "key-3", headers: &headers, body: body.as_bytes(), received_at: Timestamp::from_millis(NOW) };
    from_http(&request, &EventSettings::default())
}

/// What is left of an alert, and how many problems were noted.
fn read_alert(data: &Value) -> (AlertData, usize) {
    let event = nats("alert", &[], data).unwrap();
    let EventData::Alert(alert) = event.data else { panic!("no alert") };
    (alert, event.problems.len())
}

fn alert() -> Value {
    json!({"alertId": "A1", "priority": "HIGH", "summary": "disk full", "responders": [7, "UABCDEFGHIJKL", "anna"]})
}

fn with(mut data: Value, name: &str, value: Value) -> Value {
    data[name] = value;
    data
}

fn without(mut data: Value, name: &str) -> Value {
    data.as_object_mut().unwrap().remove(name);
    data
}

#[test]
fn the_three_encodings_say_the_same() {
    let structured = json!({
        "specversion": "1.0", "id": "e 1", "source": "/grafana", "type": "any", "time": "2025-11-20T00:00:00.5+01:00", "data": alert(),
    });
    let in_base64 = {
        let mut event = without(structured.clone(), "data");
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, alert().to_string());
        event["data_base64"] = json!(encoded);
        event
    };
    let binary = [("CE-SpecVersion", "1.0"), ("ce-id", "e%201"), ("Ce-Source", "/grafana"), ("ce-time", "2025-11-19T23:00:00.5Z")];
    let as_structured = [("Content-Type", "application/cloudevents+json; charset=UTF-8")];
    let events = [
        nats("alert", &binary, &alert()).unwrap(),
        nats("alert", &as_structured, &structured).unwrap(),
        nats("alert", &[], &structured).unwrap(),
        nats("alert", &as_structured, &in_base64).unwrap(),
    ];
    for event in events {
        assert_eq!(event.identity, "ce:nats:8:/grafana:e 1");
        assert_eq!(event.occurrence.sequence, 7);
        assert_eq!(event.occurrence.source, "/grafana");
        assert_eq!(event.occurrence.time.unwrap().to_string(), "2025-11-19T23:00:00.500Z");
        assert_eq!(event.occurrence.received_at, Timestamp::from_millis(NOW));
        assert_eq!(event.problems, Vec::<String>::new());
        let EventData::Alert(data) = event.data else { panic!("no alert") };
        assert_eq!((data.priority, data.responders), (Some(Priority::High), ["7", "UABCDEFGHIJKL", "anna"].map(str::to_owned).to_vec()));
    }
}

#[test]
fn identities_of_different_forms_never_meet() {
    let plain = with(alert(), "id", json!("x"));
    let identity = |headers: &[(&str, &str)], data: &Value| nats("alert", headers, data).unwrap().identity;
    assert_eq!(identity(&[], &plain), "json:nats:watchbell.events.alert:x");
    assert_eq!(identity(&[("Nats-Msg-Id", "y")], &plain), "json:nats:watchbell.events.alert:x");
    assert_eq!(identity(&[], &with(alert(), "id", json!(12))), "json:nats:watchbell.events.alert:12");
    assert_eq!(identity(&[("nats-msg-id", "x")], &alert()), "msg:x");
    assert_eq!(identity(&[], &alert()), format!("seq:WATCHBELL:7:{NOW}"));
    // A pair is not only its joined text.
    let pair = |source, id| identity(&[("ce-specversion", "1.0"), ("ce-source", source), ("ce-id", id)], &alert());
    assert_ne!(pair("a", "b:c"), pair("a:b", "c"));
    // What names an event wrongly is noted, and the event is used all the same.
    let event = nats("alert", &[("ce-specversion", "1.0"), ("ce-id", "1"), ("Nats-Msg-Id", "m")], &alert()).unwrap();
    assert_eq!((event.identity.as_str(), event.problems.len()), ("msg:m", 1));
    let event = nats("alert", &[], &with(alert(), "id", json!("x".repeat(256)))).unwrap();
    assert_eq!((event.identity.starts_with("json:nats:watchbell.events.alert:xxx"), event.problems.len()), (true, 0));
    let longer = nats("alert", &[], &with(alert(), "id", json!("x".repeat(257)))).unwrap();
    assert_ne!(event.identity, longer.identity);
}

#[test]
fn what_cannot_be_used_says_why() {
    let update = json!({"alertId": "A1", "status": "accepted"});
    let duty = json!({"dutyId": "D1", "userId": 5, "startsAt": "2026-11-20T08:00:00Z", "endsAt": "2026-11-20T09:00:00+00:00",
        "schedule": "primary", "status": "Scheduled"});
    let subscription = json!({"title": "t", "message": "m", "topic": "news"});
    for (kind, data) in [("alert", alert()), ("update", update.clone()), ("duty", duty.clone()), ("subscription", subscription.clone())] {
        assert_eq!(nats(kind, &[], &data).unwrap().problems, Vec::<String>::new(), "{kind}");
    }
    let needed = [
        ("alert", alert(), &["responders"][..]),
        ("update", update, &["alertId", "status"]),
        ("duty", duty.clone(), &["userId", "startsAt", "endsAt"]),
        ("subscription", subscription.clone(), &["topic"]),
    ];
    for (kind, data, names) in needed {
        for name in names {
            for missing in [without(data.clone(), name), with(data.clone(), name, json!(null)), with(data.clone(), name, json!(" "))] {
                assert_eq!(nats(kind, &[], &missing).unwrap_err().reason, RejectReason::MissingField, "{kind} {name}");
            }
            for wrong in [json!({"a": 1}), json!([]), json!([{}, []])] {
                let why = nats(kind, &[], &with(data.clone(), name, wrong.clone())).unwrap_err();
                assert!(matches!(why.reason, RejectReason::BadField | RejectReason::MissingField), "{kind} {name} {wrong} {why:?}");
            }
        }
    }
    let table = [
        ("alert", with(alert(), "responders", json!([null, "", true, {}]))),
        ("update", json!({"alertId": "A1", "status": "MAYBE"})),
        ("duty", with(duty.clone(), "endsAt", json!("2026-11-20T08:00:00Z"))),
        ("duty", with(duty.clone(), "status", json!("MAYBE"))),
        ("duty", with(duty, "startsAt", json!("tomorrow"))),
        ("subscription", with(without(subscription, "topic"), "users", json!([{}]))),
    ];
    for (kind, data) in table {
        assert_eq!(nats(kind, &[], &data).unwrap_err().reason, RejectReason::BadField, "{data}");
    }
    let raw = |payload: Vec<u8>| read(message("alert", &[], payload)).unwrap_err().reason;
    assert_eq!(raw(b"{".to_vec()), RejectReason::BadJson);
    assert_eq!(raw(b"[]".to_vec()), RejectReason::BadJson);
    assert_eq!(raw(alert().to_string().repeat(2).into_bytes()), RejectReason::BadJson);
    assert_eq!(raw(format!("[{0},{0}]", alert()).into_bytes()), RejectReason::BadJson);
    assert_eq!(raw(vec![]), RejectReason::BadJson);
    assert_eq!(raw(vec![b' '; MAX_PAYLOAD_BYTES + 1]), RejectReason::TooLarge);
    assert_eq!(raw([b"{\"labels\":".to_vec(), vec![b'['; 200_000]].concat()), RejectReason::BadJson);
    let structured = [("content-type", "application/cloudevents+json")];
    assert_eq!(nats("alert", &structured, &json!({"data_base64": "%"})).unwrap_err().reason, RejectReason::BadEncoding);
    assert_eq!(nats("alert", &structured, &json!({"id": "1"})).unwrap_err().reason, RejectReason::MissingField);
    let avro = message("alert", &[("content-type", "application/cloudevents+avro")], b"Obj\x01".to_vec());
    assert_eq!(read(avro).unwrap_err().reason, RejectReason::BadEncoding);
    for subject in ["foo", "verification", "alert.more", "Alert", ""] {
        let rejected = read(message(subject, &[], alert().to_string())).unwrap_err();
        assert_eq!((rejected.reason, rejected.kind()), (RejectReason::UnknownKind, "unknown"));
    }
}

#[test]
fn an_alert_that_says_whom_to_tell_is_told() {
    let id = |value: Value| read_alert(&with(alert(), "alertId", value)).0.alert_id;
    assert_eq!(id(json!(4711)), "4711");
    assert_eq!(id(json!(4711.0)), "4711");
    assert_eq!(id(json!(-7)), "-7");
    assert_eq!(id(json!(1.5)), "1.5");
    assert_eq!(id(json!(true)), "true");
    assert_eq!(id(json!(" A1\r\n")), "A1");
    assert_eq!(id(json!("A1\u{0}\u{0}")), "A1");
    assert_eq!(id(json!("A\u{0}1")), "A\u{fffd}1");
    assert_eq!(id(json!(["A1"])), "A1");
    // Whoever writes such an id, writes it again in the update.
    let long = |last: char| format!("{}{last}", "x".repeat(300));
    assert_ne!(id(json!(long('a'))), id(json!(long('b'))));
    let resolved = nats("update", &[], &json!({"alertId": long('a'), "status": "RESOLVED"})).unwrap().data;
    assert!(matches!(resolved, EventData::Update(UpdateData { alert_id, .. }) if alert_id == id(json!(long('a')))));
    let big = br#"{"alertId": 123456789012345678901234567890, "responders": [7]}"#.to_vec();
    let EventData::Alert(data) = read(message("alert", &[], big)).unwrap().data else { panic!("no alert") };
    assert_eq!(data.alert_id, "123456789012345678901234567890");
    // Two alerts without an id are two alerts.
    let nameless = |id: i64| read_alert(&with(json!({"responders": 7}), "id", json!(id))).0.alert_id;
    assert_eq!(nameless(1), nameless(1));
    assert_ne!(nameless(1), nameless(2));

    for (priority, expected, notes) in [
        (json!("HIGH"), Priority::High, 0),
        (json!(" high "), Priority::High, 0),
        (json!("low\n"), Priority::Low, 0),
        (json!("CRITICAL"), Priority::High, 2),
        (json!(5), Priority::High, 2),
        (json!(["LOW"]), Priority::High, 2),
        (json!(null), Priority::High, 1),
        (json!(""), Priority::High, 1),
    ] {
        let (data, noted) = read_alert(&with(alert(), "priority", priority.clone()));
        assert_eq!((data.priority, noted), (Some(expected), notes), "{priority}");
    }
    for (summary, expected, notes) in [
        (json!(null), "A1", 1),
        (json!(" "), "A1", 1),
        (json!(503), "503", 1),
        (json!({"text": "full"}), r#"{"text":"full"}"#, 1),
        (json!("disk full\u{0}"), "disk full", 0),
    ] {
        let (data, noted) = read_alert(&with(alert(), "summary", summary.clone()));
        assert_eq!((data.summary.as_str(), noted), (expected, notes), "{summary}");
    }
    for (responders, expected, notes) in [
        (json!("7"), "7", 1),
        (json!(7), "7", 1),
        (json!(7.0), "7", 1),
        (json!([" 7 "]), "7", 1),
        (json!("[\"7\"]"), "7", 1),
        (json!({"id": 7, "name": "Anna"}), "7", 2),
        (json!([{"externalId": "anna"}, true]), "anna", 2),
    ] {
        let (data, noted) = read_alert(&with(alert(), "responders", responders.clone()));
        assert_eq!((data.responders, noted), (vec![expected.to_owned()], notes), "{responders}");
    }
    // Lists within the list, and more names in one text than a name is long.
    let many: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    let named = |responders: serde_json::Value| read_alert(&with(alert(), "responders", responders));
    let (data, noted) = named(json!(["Duty: primary, user:7; anna", "topic:ops", "a,b", "duty:"]));
    assert_eq!((data.responders, noted), (["duty:primary", "user:7", "anna", "topic:ops", "a,b", "duty:"].map(str::to_owned).to_vec(), 2));
    let (data, noted) = named(json!((0..30).map(|at| format!("topic:{at}")).collect::<Vec<_>>()));
    assert_eq!((data.responders.len(), noted), (20, 1));
    for (responders, expected) in
        [(json!([["7", "8"], "anna"]), vec!["7", "8", "anna"]), (json!([many.join(", ")]), many.iter().map(String::as_str).collect())]
    {
        assert_eq!(read_alert(&with(alert(), "responders", responders)).0.responders, expected);
    }
    // Nothing but whom to tell, and that under another spelling.
    let (data, noted) = read_alert(&json!({"Responders": ["anna"], "alert_id": "A1"}));
    assert_eq!((data.alert_id.as_str(), data.summary.as_str(), data.priority, noted), ("A1", "A1", Some(Priority::High), 4));
}

#[test]
fn data_in_an_odd_wrapping_are_read() {
    let structured = |name: &str, value: Value| with(json!({"specversion": "1.0", "id": "1", "source": "s"}), name, value);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, with(alert(), "summary", json!("ö?>~")).to_string());
    let wrapped = encoded.as_bytes().chunks(19).map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\r\n");
    let for_urls = encoded.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    let members = with(with(alert(), "specversion", json!("1.0")), "source", json!("s"));
    let declared = [("content-type", "application/cloudevents+json")];
    let table: [(&[(&str, &str)], Value); 7] = [
        (&[], structured("data_base64", json!(wrapped))),
        (&[], structured("data_base64", json!(for_urls))),
        (&[], structured("data", json!(alert().to_string()))),
        (&[], structured("data", json!([alert()]))),
        (&[], with(structured("data_base64", json!(encoded)), "data", json!(null))),
        (&declared, with(members, "id", json!("1"))),
        (&[("ce-id", "1"), ("ce-source", "s"), ("ce-specversion", "1.0")], structured("data", alert())),
    ];
    for (headers, payload) in table {
        let event = nats("alert", headers, &payload).map_err(|why| format!("{payload} {why}")).unwrap();
        assert_eq!(event.identity, "ce:nats:1:s:1", "{payload}");
        assert!(matches!(event.data, EventData::Alert(data) if data.responders.len() == 3), "{payload}");
    }
}

#[test]
fn updates_duties_and_news_are_repaired_alike() {
    let data = json!({"alertId": 4711, "status": " resolved ", "actor": {}, "responders": "anna", "notify": [null, 7]});
    let event = nats("update", &[], &data).unwrap();
    let EventData::Update(update) = event.data else { panic!("no update") };
    assert_eq!((update.alert_id.as_str(), update.status, update.actor), ("4711", UpdateStatus::Resolved, None));
    assert_eq!((update.responders, update.notify, event.problems.len()), (vec!["anna".to_owned()], vec!["7".to_owned()], 3));

    let duty = |starts_at: Value, ends_at: Value| {
        nats("duty", &[], &json!({"userId": 5.0, "startsAt": starts_at, "endsAt": ends_at, "status": "canceled"}))
    };
    for (starts_at, notes) in [
        (json!("2026-11-20T08:00:00Z"), 2),
        (json!(" 2026-11-20 08:00:00Z "), 2),
        (json!("2026-11-20T08:00:00"), 3),
        (json!("2026-11-20 08:00"), 3),
        (json!(1_795_161_600), 3),
        (json!(1_795_161_600_000_i64), 3),
        (json!("1795161600"), 3),
        (json!(1_795_161_600.25), 3),
    ] {
        let event = duty(starts_at.clone(), json!("2026-11-20T16:00:00+00:00")).unwrap();
        let EventData::Duty(DutyData { duty_id, user_id, starts_at: read, schedule, status, .. }) = event.data else { panic!("no duty") };
        assert_eq!((read.as_millis() / 1000, user_id.as_str(), status), (1_795_161_600, "5", DutyStatus::Cancelled), "{starts_at}");
        assert_eq!((duty_id == schedule, event.problems.len()), (true, notes), "{starts_at} {:?}", event.problems);
    }
    for never in [json!("2026-11-20"), json!(-5), json!(1e30), json!("+10000-01-01T00:00:00Z"), json!("1969-12-31T23:59:59Z"), json!(true)]
    {
        assert_eq!(duty(never.clone(), json!("2026-11-20T16:00:00Z")).unwrap_err().reason, RejectReason::BadField, "{never}");
    }

    let news = |data: Value| match nats("subscription", &[], &data).unwrap().data {
        EventData::Subscription(SubscriptionData { title, message, users, topic, .. }) => (title, message, users.join(","), topic),
        other => panic!("{other:?}"),
    };
    let told = ("t".to_owned(), "t\nmore".to_owned(), "7".to_owned(), None);
    assert_eq!(news(json!({"message": "t\nmore", "users": 7, "topic": ""})), told);
    assert_eq!(news(json!({"title": 5, "topic": 9})), ("5".to_owned(), "5".to_owned(), String::new(), Some("9".to_owned())));
}

#[test]
fn a_clock_is_believed_within_bounds() {
    let received = "2025-11-20T00:53:20Z";
    let time = |text: &str| {
        let headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("ce-time", text)];
        let event = nats("alert", &headers, &alert()).unwrap();
        (event.occurrence.base_at().to_string().replace(".000Z", "Z"), event.problems.len())
    };
    let table = [
        ("2025-11-20T00:53:19Z", "2025-11-20T00:53:19Z", 0),
        ("2025-11-19T00:53:20Z", "2025-11-19T00:53:20Z", 0),
        ("2025-11-19T00:53:19.999Z", received, 1),
        ("1970-01-01T00:00:00Z", received, 1),
        ("1969-12-31T23:59:59Z", received, 1),
        ("-000001-01-01T00:00:00Z", received, 1),
        ("0001-01-01T00:00:00Z", received, 1),
        ("2025-11-20T02:53:20Z", received, 0),
        ("9999-12-30T20:00:00Z", received, 0),
        ("+10000-01-01T00:00:00Z", received, 1),
        ("2025-11-20T00:53:19", "2025-11-20T00:53:19Z", 1),
        ("1763599999", "2025-11-20T00:53:19Z", 1),
        ("1763599999000", "2025-11-20T00:53:19Z", 1),
        ("yesterday", received, 1),
    ];
    for (text, base_at, notes) in table {
        assert_eq!(time(text), (base_at.to_owned(), notes), "{text}");
    }
    // Of a structured event it may be a number.
    let structured = json!({"specversion": "1.0", "id": "1", "source": "s", "time": 1_763_599_999, "data": alert()});
    assert_eq!(nats("alert", &[], &structured).unwrap().occurrence.base_at().as_millis(), 1_763_599_999_000);
}

#[test]
fn what_an_event_says_is_what_tells_it_from_others() {
    let digest = |data: &Value| nats("alert", &[], data).unwrap().digest();
    let written_otherwise: Value =
        serde_json::from_str(r#"{"responders":["7","UABCDEFGHIJKL","anna"], "summary":"disk full","priority":"high" ,"alertId":"A1"}"#)
            .unwrap();
    assert_eq!(digest(&alert()), digest(&written_otherwise));
    assert_eq!(digest(&alert()), digest(&with(alert(), "id", json!("x"))));
    for (name, value) in
        [("summary", json!("disk fuller")), ("priority", json!("LOW")), ("responders", json!([7])), ("labels", json!({"a": 1}))]
    {
        assert_ne!(digest(&alert()), digest(&with(alert(), name, value)), "{name}");
    }
    let event = nats("alert", &[], &alert()).unwrap();
    assert_eq!(event.clone().told_apart().digest(), event.digest());
    assert_ne!(event.clone().told_apart().id(), event.id());
}

#[test]
fn what_is_usable_is_used() {
    let mut data = with(alert(), "responders", json!([7, null, "", "anna", [], "n\u{0}l"]));
    data["extra"] = json!("ignored");
    data["summary"] = json!("ä".repeat(4_001));
    data["details"] = json!(format!("a{}", "€".repeat(64 * 1024)));
    data["url"] = json!("javascript:alert(1)");
    data["category"] = json!({});
    data["labels"] = json!({"a\u{0}": ["b\u{0}"]});
    let event = nats("alert", &[("ce-specversion", "0.3"), ("ce-id", "1"), ("ce-source", "s"), ("ce-time", "yesterday")], &data).unwrap();
    assert_eq!(event.occurrence.time, None);
    assert_eq!(event.problems.len(), 7, "{:?}", event.problems);
    assert!(!event.problems.iter().any(|problem| problem.contains("javascript")));
    let EventData::Alert(data) = event.data else { panic!("no alert") };
    assert_eq!(data.responders, ["7", "anna", "n\u{fffd}l"]);
    assert_eq!(data.summary.chars().count(), 4_000);
    assert_eq!(data.details.unwrap().len(), 64 * 1024);
    assert_eq!((data.url, data.category), (None, None));
    assert_eq!(Value::Object(data.labels), json!({"a\u{fffd}": ["b\u{fffd}"]}));

    let many = with(alert(), "responders", json!((0..100_050).collect::<Vec<_>>()));
    let event = nats("alert", &[], &many).unwrap();
    let EventData::Alert(data) = event.data else { panic!("no alert") };
    assert_eq!((data.responders.len(), event.problems.len()), (100_000, 1));
    let wrong: Vec<Value> = std::iter::repeat_n(json!(null), 1_000).chain([json!(7)]).collect();
    assert_eq!(nats("alert", &[], &with(alert(), "responders", json!(wrong))).unwrap().problems.len(), 21);
}

#[test]
fn addresses_are_web_addresses() {
    let table = [
        ("https://grafana.example/d/1?a=b#c", true),
        ("HTTP://[::1]:3000/", true),
        ("ftp://example.org", false),
        ("https://", false),
        ("https:///path", false),
        ("https://a b", false),
        ("https://a b/c", false),
        ("mailto:a@example.org", false),
    ];
    for (url, usable) in table {
        let (data, noted) = read_alert(&with(alert(), "url", json!(url)));
        assert_eq!((data.url.is_some(), noted), (usable, usize::from(!usable)), "{url}");
    }
    let encoded = [
        ("https://a/\"onclick=", "https://a/%22onclick=", 1),
        (" https://a/b\n", "https://a/b", 0),
        ("https://a/d?q=disk full\t<95 %>", "https://a/d?q=disk%20full%09%3C95%20%%3E", 1),
        ("https://a/\\b\u{a0}c", "https://a/%5Cb%C2%A0c", 1),
    ];
    for (url, right, notes) in encoded {
        assert_eq!(
            (read_alert(&with(alert(), "url", json!(url))), url),
            ((AlertData { url: Some(right.to_owned()), ..read_alert(&alert()).0 }, notes), url)
        );
    }
    // What is empty was never given.
    let empty = json!({"details": "", "url": " ", "category": "", "labels": null});
    let data = empty.as_object().unwrap().iter().fold(alert(), |data, (name, value)| with(data, name, value.clone()));
    assert_eq!(read_alert(&data), read_alert(&alert()));
}

#[test]
fn over_http_the_type_decides_and_an_id_is_needed() {
    let plain = with(with(alert(), "id", json!("x")), "type", json!("watchbell.events.alert"));
    let events = http("application/json", &[("Authorization", "Bearer secret"), ("ce", "x")], &plain.to_string()).unwrap();
    assert_eq!(events[0].identity, "json:key-3:watchbell.events.alert:x");
    assert_eq!(events[0].original.headers, pairs(&[("content-type", "application/json"), (PUBLISHER_HEADER, "key-3")]));
    let binary =
        [("ce-specversion", "1.0"), ("ce-type", "watchbell.events.alert"), ("ce-source", "s"), ("ce-id", "1"), ("authorization", "x")];
    let events = http("application/json", &binary, &alert().to_string()).unwrap();
    assert_eq!((events[0].identity.as_str(), events[0].original.headers.len()), ("ce:key-3:1:s:1", 6));

    let structured = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "watchbell.events.alert", "data": alert()});
    let batch = json!([structured, with(structured.clone(), "id", json!("2"))]).to_string();
    let mut events = http("application/cloudevents-batch+json", &[], &batch).unwrap();
    assert_eq!(events.iter().map(|event| event.identity.as_str()).collect::<Vec<_>>(), ["ce:key-3:1:s:1", "ce:key-3:1:s:2"]);
    assert_eq!(http("application/cloudevents-batch+json", &[], "[]").unwrap(), []);
    assert!(events[1].occurrence.is_after(&events[0].occurrence));
    // Any array is a batch, whatever is in it.
    let mixed = json!([structured, with(plain.clone(), "id", json!("3"))]).to_string();
    for content_type in ["application/json", "application/cloudevents+json", ""] {
        let mixed = http(content_type, &[], &mixed).unwrap();
        let identities: Vec<&str> = mixed.iter().map(|event| event.identity.as_str()).collect();
        assert_eq!(identities, ["ce:key-3:1:s:1", "json:key-3:watchbell.events.alert:3"]);
        events.extend(mixed);
    }
    assert_eq!(http("application/json", &[], "[]").unwrap_err().reason, RejectReason::BadJson);
    // One that is mistaken for a batch, and a batch that is mistaken for one.
    events.extend(http("application/cloudevents-batch+json", &[], &structured.to_string()).unwrap());
    events.extend(http("application/json", &binary, &json!([alert()]).to_string()).unwrap());
    // Headers that are not percent-encoded, and an event without a source.
    let with_source = |source| [("ce-specversion", "1.0"), ("ce-type", "watchbell.events.alert"), ("ce-source", source), ("ce-id", "1")];
    for source in ["/Überwachung", "/%C3%9Cberwachung", "/\u{dc}berwachung"] {
        let found = http("application/json", &with_source(source), &alert().to_string()).unwrap();
        assert_eq!(found[0].identity, "ce:key-3:13:/Überwachung:1");
    }
    let sourceless = http("application/cloudevents+json", &[], &without(structured.clone(), "source").to_string()).unwrap();
    assert_eq!((sourceless[0].identity.as_str(), sourceless[0].problems.len()), ("json:key-3:watchbell.events.alert:1", 1));
    events.extend(sourceless);
    // What was kept reads the same again.
    for event in events {
        let mut again = read(event.original.clone()).unwrap();
        again.occurrence.sequence = event.occurrence.sequence;
        assert_eq!(again, event);
    }

    let refused = |content_type, body: &Value| http(content_type, &[], &body.to_string()).unwrap_err();
    assert_eq!(refused("application/json", &without(plain.clone(), "id")).detail, "id is missing");
    assert_eq!(refused("application/json", &without(plain.clone(), "type")).detail, "type is missing");
    assert_eq!(refused("application/json", &with(plain.clone(), "type", json!("alert"))).reason, RejectReason::UnknownKind);
    assert_eq!(refused("application/json", &with(plain, "type", json!("watchbell.events.verification"))).reason, RejectReason::UnknownKind);
    let nothing = http("application/json", &binary, &json!([alert(), alert()]).to_string());
    assert_eq!(nothing.unwrap_err().detail, "event 0 of the batch: type is missing");
    let structured_type = "application/cloudevents+json";
    assert_eq!(refused(structured_type, &without(structured.clone(), "id")).detail, "id is missing");
    assert_eq!(refused(structured_type, &with(structured.clone(), "id", json!({}))).detail, "id must be a string");
    let why = refused("application/cloudevents-batch+json", &json!([structured, 5]));
    assert!(why.detail.starts_with("event 1 of the batch: "), "{why}");
    assert_eq!(refused("application/cloudevents-batch+json", &json!(5)).reason, RejectReason::BadJson);
}

/// Any JSON, often with the fields that the decoder looks for.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,12}", Just("HIGH".to_owned()), Just("2026-11-20T08:00:00Z".to_owned()), Just("1.0".to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    let name = prop_oneof![
        proptest::sample::select(vec![
            "id",
            "type",
            "source",
            "time",
            "specversion",
            "data",
            "data_base64",
            "alertId",
            "priority",
            "summary",
            "responders",
            "status",
            "dutyId",
            "userId",
            "startsAt",
            "endsAt",
            "schedule",
            "title",
            "message",
            "users",
            "topic",
            "url",
            "labels",
        ])
        .prop_map(str::to_owned),
        ".{0,5}",
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..12).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        proptest::sample::select(vec!["ce-id", "CE-Source", "ce-time", "ce-type", "ce-specversion", "Content-Type", "Nats-Msg-Id"])
            .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let value = prop_oneof![
        Just("application/cloudevents+json".to_owned()),
        Just("application/cloudevents-batch+json".to_owned()),
        "[%\"\\\\a-f0-9é]{0,12}"
    ];
    proptest::collection::vec((name, value), 0..5)
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..200), headers in any_headers(), kind in 0..5_usize) {
        let subject = ["alert", "update", "duty", "subscription", "x"][kind];
        let received_at = Timestamp::from_millis(NOW);
        let _ = from_http(&Request { publisher: "key-1", headers: &headers, body: &payload, received_at }, &EventSettings::default());
        let original = Original { subject: format!("watchbell.events.{subject}"), headers, payload, received_at };
        let _ = read(original);
    }

    #[test]
    fn no_json_makes_it_panic_or_lets_a_nul_through(body in any_json(), headers in any_headers(), kind in 0..4_usize) {
        let payload = body.to_string().into_bytes();
        let received_at = Timestamp::from_millis(NOW);
        let _ = from_http(&Request { publisher: "key-1", headers: &headers, body: &payload, received_at }, &EventSettings::default());
        let subject = format!("{EVENTS_PREFIX}{}", PUBLISHED_KINDS[kind]);
        let original = Original { subject, headers, payload, received_at };
        if let Ok(event) = read(original) {
            prop_assert!(event.occurrence.base_at() <= received_at);
            prop_assert!(!serde_json::to_string(&event.data).unwrap().contains("\\u0000"));
            prop_assert!(!event.identity.contains('\0'));
            prop_assert_eq!(event.data.kind(), PUBLISHED_KINDS[kind]);
        }
    }
}

#[test]
fn an_event_s_trace_is_its_own_attribute_or_else_its_carrier_s_header() {
    type Told<'a> = (&'a [(&'a str, &'a str)], Value, Option<&'a str>);
    const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const CARRIER: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00";
    let trace = |event: &Event| event.trace.map(|trace| trace.to_string());
    let structured = json!({"specversion": "1.0", "id": "1", "source": "s", "traceparent": OWN, "data": alert()});
    let binary = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "s"), ("traceparent", CARRIER)];
    let table: [Told<'_>; 6] = [
        (&[], alert(), None),
        (&[("Traceparent", CARRIER)], alert(), Some(CARRIER)),
        (&[("traceparent", CARRIER)], structured.clone(), Some(OWN)),
        (&[("traceparent", CARRIER)], with(structured, "traceparent", json!(7)), Some(CARRIER)),
        (&binary, alert(), Some(CARRIER)),
        (&[("traceparent", "rubbish")], alert(), None),
    ];
    for (headers, data, expected) in table {
        let event = nats("alert", headers, &data).unwrap();
        assert_eq!((trace(&event).as_deref(), event.problems.len()), (expected, 0), "{headers:?}");
    }
    let own = nats("alert", &[&binary[..], &[("ce-traceparent", OWN)]].concat(), &alert()).unwrap();
    assert_eq!(trace(&own).as_deref(), Some(OWN));
    // Each event of a batch is its request's, and so is what is read again from a dead letter.
    let event = with(with(alert(), "id", json!("1")), "type", json!("watchbell.events.alert"));
    let batch = http("application/json", &[("traceparent", CARRIER)], &json!([event, event]).to_string()).unwrap();
    assert_eq!(batch.iter().filter_map(trace).collect::<Vec<_>>(), [CARRIER, CARRIER]);
    assert_eq!(trace(&read(batch[0].original.clone()).unwrap()).as_deref(), Some(CARRIER));
}
