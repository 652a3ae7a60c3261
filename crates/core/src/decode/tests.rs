#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{EventData, Priority};
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
    from_nats(message(kind, headers, data.to_string())).map_err(|r| Undecodable::new(r.reason, r.detail))
}

fn http(content_type: &str, headers: &[(&str, &str)], body: &str) -> Result<Vec<Event>, Undecodable> {
    from_http(Some(content_type), &pairs(headers), body.as_bytes(), Timestamp::from_millis(NOW))
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
        assert_eq!(event.identity, "ce:8:/grafana:e 1");
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
    assert_eq!(identity(&[], &plain), "json:watchbell.events.alert:x");
    assert_eq!(identity(&[("Nats-Msg-Id", "y")], &plain), "json:watchbell.events.alert:x");
    assert_eq!(identity(&[], &with(alert(), "id", json!(12))), "json:watchbell.events.alert:12");
    assert_eq!(identity(&[("nats-msg-id", "x")], &alert()), "msg:x");
    assert_eq!(identity(&[], &alert()), format!("seq:WATCHBELL:7:{NOW}"));
    // A pair is not only its joined text.
    let pair = |source, id| identity(&[("ce-specversion", "1.0"), ("ce-source", source), ("ce-id", id)], &alert());
    assert_ne!(pair("a", "b:c"), pair("a:b", "c"));
    // What names an event wrongly is noted, and the event is used all the same.
    let event = nats("alert", &[("ce-specversion", "1.0"), ("ce-id", "1"), ("Nats-Msg-Id", "m")], &alert()).unwrap();
    assert_eq!((event.identity.as_str(), event.problems.len()), ("msg:m", 1));
    let event = nats("alert", &[], &with(alert(), "id", json!("x".repeat(256)))).unwrap();
    assert_eq!((event.identity.starts_with("seq:"), event.problems.len()), (true, 1));
}

#[test]
fn what_cannot_be_used_says_why() {
    let update = json!({"alertId": "A1", "status": "accepted"});
    let duty = json!({"dutyId": "D1", "userId": 5, "startsAt": "2026-11-20T08:00:00Z", "endsAt": "2026-11-20T09:00:00+00:00",
        "schedule": "primary", "status": "Scheduled"});
    let subscription = json!({"title": "t", "message": "m", "topic": "news"});
    for (kind, data) in [("alert", alert()), ("update", update.clone()), ("duty", duty.clone()), ("subscription", subscription.clone())] {
        assert_eq!(nats(kind, &[], &data).unwrap().problems, Vec::<String>::new(), "{kind}");
        for name in data.as_object().unwrap().keys() {
            assert_eq!(nats(kind, &[], &without(data.clone(), name)).unwrap_err().reason, Reason::MissingField, "{kind} {name}");
            assert_eq!(nats(kind, &[], &with(data.clone(), name, json!(null))).unwrap_err().reason, Reason::MissingField, "{kind} {name}");
            for wrong in [json!(true), json!({"a": 1}), json!(""), json!(1.5), json!([])] {
                let why = nats(kind, &[], &with(data.clone(), name, wrong.clone())).unwrap_err();
                assert!(matches!(why.reason, Reason::BadField | Reason::MissingField), "{kind} {name} {wrong} {why:?}");
            }
        }
    }
    let table = [
        ("alert", with(alert(), "priority", json!("MEDIUM"))),
        ("alert", with(alert(), "responders", json!([null, "", 1.5, {}]))),
        ("alert", with(alert(), "alertId", json!("x".repeat(256)))),
        ("duty", with(duty.clone(), "endsAt", json!("2026-11-20T08:00:00Z"))),
        ("duty", with(duty, "startsAt", json!(1_763_600_000))),
        ("subscription", with(without(subscription, "topic"), "users", json!([{}]))),
    ];
    for (kind, data) in table {
        assert_eq!(nats(kind, &[], &data).unwrap_err().reason, Reason::BadField, "{data}");
    }
    let raw = |payload: Vec<u8>| from_nats(message("alert", &[], payload)).unwrap_err().reason;
    assert_eq!(raw(b"{".to_vec()), Reason::BadJson);
    assert_eq!(raw(b"[]".to_vec()), Reason::BadJson);
    assert_eq!(raw(vec![]), Reason::BadJson);
    assert_eq!(raw(b"{\"alertId\": \"\xff\"}".to_vec()), Reason::BadEncoding);
    assert_eq!(raw(vec![b' '; MAX_PAYLOAD_BYTES + 1]), Reason::TooLarge);
    assert_eq!(raw([b"{\"labels\":".to_vec(), vec![b'['; 200_000]].concat()), Reason::BadJson);
    let structured = [("content-type", "application/cloudevents+json")];
    assert_eq!(nats("alert", &structured, &json!({"data_base64": "%"})).unwrap_err().reason, Reason::BadEncoding);
    assert_eq!(nats("alert", &structured, &json!({"id": "1"})).unwrap_err().reason, Reason::MissingField);
    assert_eq!(nats("alert", &[("content-type", "application/cloudevents+avro")], &alert()).unwrap_err().reason, Reason::BadEncoding);
    for subject in ["foo", "verification", "alert.more", "Alert", ""] {
        let rejected = from_nats(message(subject, &[], alert().to_string())).unwrap_err();
        assert_eq!((rejected.reason, rejected.kind()), (Reason::UnknownKind, "unknown"));
    }
}

#[test]
fn what_is_usable_is_used() {
    let mut data = with(alert(), "responders", json!([7, null, "", "anna", [], "n\u{0}l"]));
    data["summary"] = json!("ä".repeat(4_001));
    data["details"] = json!(format!("a{}", "€".repeat(64 * 1024)));
    data["url"] = json!("javascript:alert(1)");
    data["category"] = json!(5);
    data["labels"] = json!({"a\u{0}": ["b\u{0}"]});
    data["unknown"] = json!("ignored");
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
        ("https://a/\"onclick=", false),
        ("mailto:a@example.org", false),
    ];
    for (url, usable) in table {
        let EventData::Alert(data) = nats("alert", &[], &with(alert(), "url", json!(url))).unwrap().data else { panic!("no alert") };
        assert_eq!(data.url.is_some(), usable, "{url}");
    }
}

#[test]
fn over_http_the_type_decides_and_an_id_is_needed() {
    let plain = with(with(alert(), "id", json!("x")), "type", json!("watchbell.events.alert"));
    let events = http("application/json", &[("Authorization", "Bearer secret"), ("ce", "x")], &plain.to_string()).unwrap();
    assert_eq!(events[0].identity, "json:watchbell.events.alert:x");
    assert_eq!(events[0].original.headers, pairs(&[("content-type", "application/json")]));
    let binary =
        [("ce-specversion", "1.0"), ("ce-type", "watchbell.events.alert"), ("ce-source", "s"), ("ce-id", "1"), ("authorization", "x")];
    let events = http("application/json", &binary, &alert().to_string()).unwrap();
    assert_eq!((events[0].identity.as_str(), events[0].original.headers.len()), ("ce:1:s:1", 5));

    let structured = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "watchbell.events.alert", "data": alert()});
    let batch = json!([structured, with(structured.clone(), "id", json!("2"))]).to_string();
    let events = http("application/cloudevents-batch+json", &[], &batch).unwrap();
    assert_eq!(events.iter().map(|event| event.identity.as_str()).collect::<Vec<_>>(), ["ce:1:s:1", "ce:1:s:2"]);
    assert_eq!(http("application/cloudevents-batch+json", &[], "[]").unwrap(), []);
    // What was kept reads the same again.
    for event in events {
        let again = from_nats(event.original.clone()).unwrap();
        assert_eq!(again, event);
    }

    let refused = |content_type, body: &Value| http(content_type, &[], &body.to_string()).unwrap_err();
    assert_eq!(refused("application/json", &without(plain.clone(), "id")).detail, "id is missing");
    assert_eq!(refused("application/json", &without(plain.clone(), "type")).detail, "type is missing");
    assert_eq!(refused("application/json", &with(plain.clone(), "type", json!("alert"))).reason, Reason::UnknownKind);
    assert_eq!(refused("application/json", &with(plain, "type", json!("watchbell.events.verification"))).reason, Reason::UnknownKind);
    let structured_type = "application/cloudevents+json";
    assert_eq!(refused(structured_type, &without(structured.clone(), "source")).detail, "source is missing");
    assert_eq!(refused(structured_type, &with(structured.clone(), "id", json!({}))).detail, "id must be a string");
    let why = refused("application/cloudevents-batch+json", &json!([structured, 5]));
    assert!(why.detail.starts_with("event 1 of the batch: "), "{why}");
    assert_eq!(refused("application/cloudevents-batch+json", &json!({})).reason, Reason::BadJson);
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
        let _ = from_http(None, &headers, &payload, Timestamp::from_millis(NOW));
        let original = Original { subject: format!("watchbell.events.{subject}"), headers, payload, received_at: Timestamp::from_millis(NOW) };
        let _ = from_nats(original);
    }

    #[test]
    fn no_json_makes_it_panic_or_lets_a_nul_through(body in any_json(), headers in any_headers(), kind in 0..4_usize) {
        let payload = body.to_string().into_bytes();
        let _ = from_http(Some("application/json"), &headers, &payload, Timestamp::from_millis(NOW));
        let subject = format!("{EVENTS_PREFIX}{}", PUBLISHED_KINDS[kind]);
        let original = Original { subject, headers, payload, received_at: Timestamp::from_millis(NOW) };
        if let Ok(event) = from_nats(original) {
            prop_assert!(!serde_json::to_string(&event.data).unwrap().contains("\\u0000"));
            prop_assert!(!event.identity.contains('\0'));
            prop_assert_eq!(event.data.kind(), PUBLISHED_KINDS[kind]);
        }
    }
}
