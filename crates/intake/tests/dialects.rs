//! What each tool's payloads become, as tables: payloads in the shape of what the tools publish of them.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use serde_json::{Value, json};
use watchbell_intake::{Dialect, Found, Intake, Question, Reading, Report, Request, Settings, State, Taken, What};

fn intake(settings: Value) -> Intake {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Intake::new("tool", &settings).unwrap()
}

fn of_kind(kind: &str) -> Intake {
    intake(json!({ "kind": kind, "default_responders": ["7"] }))
}

/// A POST of a JSON body.
fn post<'a>(path: &'a str, body: &'a [u8]) -> Request<'a> {
    Request { method: "POST", path, query: &[], media_type: "application/json", body, id: "r1" }
}

fn put<'a>(path: &'a str, body: &'a [u8]) -> Request<'a> {
    Request { method: "PUT", ..post(path, body) }
}

fn reports(intake: &Intake, path: &str, body: &Value) -> (Vec<Report>, Value, Vec<String>) {
    match intake.read(&post(path, body.to_string().as_bytes())).unwrap() {
        Reading::Reports { reports, payload, unreadable } => (reports, payload, unreadable),
        other => panic!("no reports: {other:?}"),
    }
}

/// The events that a payload becomes.
fn events(intake: &Intake, path: &str, body: &Value) -> Vec<Value> {
    let (reports, payload, _) = reports(intake, path, body);
    intake.mapping.events(&reports, &payload, "r1").events
}

fn group() -> Value {
    json!({
        "version": "4",
        "groupKey": "{}:{alertname=\"DiskFull\"}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "team\\.a",
        "commonLabels": { "alertname": "DiskFull", "severity": "critical" },
        "commonAnnotations": { "summary": "disk full" },
        "externalURL": "http://am.example.org",
        "alerts": [
            {
                "status": "firing",
                "labels": { "alertname": "DiskFull", "severity": "critical", "instance": "db1" },
                "annotations": { "summary": "disk of db1 full", "description": "95 %" },
                "startsAt": "2026-11-20T08:00:00.5Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prom.example.org/graph",
                "fingerprint": "c0ffee",
            },
            {
                "status": "resolved",
                "labels": { "alertname": "DiskFull", "instance": "db2" },
                "annotations": {},
                "startsAt": "2026-11-20T07:00:00Z",
                "endsAt": "2026-11-20T08:01:00Z",
                "fingerprint": "beef",
            },
        ],
    })
}

#[test]
fn a_group_of_alertmanager_is_each_of_its_alerts() {
    let events = events(&of_kind("alertmanager"), "", &group());
    assert_eq!(events[0]["type"], "watchbell.events.alert");
    assert_eq!(events[0]["time"], "2026-11-20T08:00:00.5Z");
    assert_eq!(
        events[0]["data"],
        json!({
            "alertId": "c0ffee-2026-11-20T08:00:00.5Z",
            "priority": "critical",
            "summary": "disk of db1 full",
            "details": "95 %",
            "url": "http://prom.example.org/graph",
            "responders": ["7"],
            "labels": { "alertname": "DiskFull", "severity": "critical", "instance": "db1" },
        })
    );
    // The group still fires; this alert of it does not. What all have in common holds for it as well.
    assert_eq!((&events[1]["type"], &events[1]["time"]), (&json!("watchbell.events.update"), &json!("2026-11-20T08:01:00Z")));
    assert_eq!(events[1]["data"], json!({ "alertId": "beef-2026-11-20T07:00:00Z", "status": "RESOLVED" }));
}

#[test]
fn the_same_notification_is_the_same_events_and_another_is_not() {
    let intake = of_kind("alertmanager");
    let ids = |body: &Value, request: &str| -> Vec<Value> {
        let (reports, payload, _) = reports(&intake, "", body);
        intake.mapping.events(&reports, &payload, request).events.into_iter().map(|event| event["id"].clone()).collect()
    };
    assert_eq!(ids(&group(), "r1"), ids(&group(), "r2"), "both of a pair of Alertmanagers send it");
    let mut changed = group();
    changed["alerts"][0]["annotations"]["summary"] = "disk of db1 is fuller".into();
    assert_ne!(ids(&group(), "r1")[0], ids(&changed, "r1")[0]);
    let mut again = group();
    again["alerts"][0]["startsAt"] = "2026-11-20T09:00:00Z".into();
    assert_ne!(ids(&group(), "r1")[0], ids(&again, "r1")[0], "it fires again");
}

#[test]
fn what_alertmanager_leaves_out_is_made_up_for() {
    let intake = of_kind("alertmanager");
    let mut cut = group();
    cut["truncatedAlerts"] = 3.into();
    assert_eq!(events(&intake, "", &cut)[0]["data"]["summary"], "disk of db1 full (and 3 more of its group that were not sent)");
    let bare = json!({ "alerts": [{ "labels": { "alertname": "Down", "instance": "web1" } }, 5] });
    let (found, _, unreadable) = reports(&intake, "", &bare);
    assert_eq!((found.len(), unreadable), (1, vec!["alerts[1] is no object".to_owned()]));
    assert_eq!((found[0].what, found[0].summary.as_deref()), (What::Fired, Some("Down on web1")), "what is uncertain is not over");
    for bad in ["", "{", "[]", "{}", r#"{"alerts":[]}"#, r#"{"alerts":[1,"x"]}"#, "null"] {
        assert!(intake.read(&post("", bad.as_bytes())).is_err(), "{bad}");
    }
}

#[test]
fn grafana_s_alert_is_its_fingerprint() {
    let body = json!({
        "version": "1",
        "status": "firing",
        "title": "[FIRING:1]",
        "alerts": [{
            "status": "firing",
            "labels": { "alertname": "CPU" },
            "annotations": { "summary": "hot" },
            "startsAt": "2026-11-20T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "f1",
            "panelURL": "",
            "dashboardURL": "https://grafana.example.org/d/1",
            "generatorURL": "https://grafana.example.org/alerting/1",
            "valueString": "[ var='A' value=97 ]",
            "values": { "A": 97 },
        }],
    });
    let event = &events(&of_kind("grafana"), "", &body)[0];
    assert_eq!(event["data"]["alertId"], "f1");
    assert_eq!(event["data"]["url"], "https://grafana.example.org/d/1");
    assert_eq!(event["data"]["details"], "[ var='A' value=97 ]");
    assert_eq!(event["data"]["priority"], Value::Null);
}

#[test]
fn pagerduty_s_events() {
    let intake = of_kind("pagerduty");
    let trigger = json!({
        "routing_key": "k",
        "event_action": "trigger",
        "dedup_key": "db1",
        "links": [{ "href": "https://runbook.example.org" }],
        "payload": { "summary": "db1 down", "source": "db1", "severity": "error", "custom_details": { "load": 7, "note": "hot" } },
    });
    let event = &events(&intake, "v2/enqueue", &trigger)[0];
    assert_eq!((&event["data"]["alertId"], &event["data"]["summary"]), (&json!("db1"), &json!("db1 down")));
    assert_eq!((&event["data"]["priority"], &event["data"]["url"]), (&json!("error"), &json!("https://runbook.example.org")));
    assert_eq!(event["data"]["details"], "load: 7\nnote: hot");
    // The same may come again after it was resolved, and is told again then.
    assert!(event["id"].as_str().unwrap().starts_with("r1"));
    for (action, status) in [("acknowledge", "ACCEPTED"), ("resolve", "RESOLVED")] {
        let body = json!({ "routing_key": "k", "event_action": action, "dedup_key": "db1", "payload": { "summary": "x" } });
        assert_eq!(events(&intake, "", &body)[0]["data"], json!({ "alertId": "db1", "status": status }));
    }
    let v1 = json!({ "service_key": "k", "event_type": "trigger", "incident_key": "i1", "description": "d", "details": { "a": "b" } });
    let event = &events(&intake, "generic/2010-04-15/create_event.json", &v1)[0];
    assert_eq!(
        (&event["data"]["alertId"], &event["data"]["summary"], &event["data"]["details"]),
        (&json!("i1"), &json!("d"), &json!("a: b"))
    );
    assert_eq!(Dialect::PagerDuty.key_in_body(trigger.to_string().as_bytes()).as_deref(), Some("k"));
    assert_eq!(Dialect::PagerDuty.key_in_body(v1.to_string().as_bytes()).as_deref(), Some("k"));
    let change = intake.read(&post("v2/change/enqueue", br#"{"routing_key":"k","payload":{"summary":"deploy"}}"#)).unwrap();
    assert_eq!(change, Reading::Nothing);
}

#[test]
fn pagerduty_s_clients_are_answered_as_they_are_used_to() {
    let taken = [Taken { alert_id: "db1".to_owned(), event_id: "E".to_owned(), duplicate: false, planned: 1 }];
    let answer = Dialect::PagerDuty.accept(&post("v2/enqueue", b""), &taken, &[]);
    assert_eq!((answer.status, answer.body), (202, json!({ "status": "success", "message": "Event processed", "dedup_key": "db1" })));
    let answer = Dialect::PagerDuty.accept(&post("generic/2010-04-15/create_event.json", b""), &taken, &[]);
    assert_eq!((answer.status, &answer.body["incident_key"]), (200, &json!("db1")));
    let intake = of_kind("pagerduty");
    let table = [
        ("{", "JSON parse error"),
        ("{}", "'event_action' is missing or blank"),
        (r#"{"event_action":"fire"}"#, "'event_action' must be one of trigger, acknowledge, resolve"),
        (r#"{"event_action":"resolve"}"#, "'dedup_key' is missing or blank"),
    ];
    for (body, why) in table {
        let refused = intake.read(&post("v2/enqueue", body.as_bytes())).unwrap_err();
        assert_eq!(refused.detail, why);
        let answer = Dialect::PagerDuty.refuse(400, &refused.detail, "r1").unwrap();
        assert_eq!((answer.status, &answer.body["errors"]), (400, &json!([why])));
    }
    // Nothing but whom to tell is needed to tell it.
    let bare = &events(&intake, "v2/enqueue", &json!({ "event_action": "trigger" }))[0];
    assert_eq!((&bare["data"]["alertId"], &bare["data"]["responders"]), (&json!("r1"), &json!(["7"])));
}

#[test]
fn opsgenie_s_calls() {
    let intake = of_kind("opsgenie");
    let create = json!({
        "message": "db1 down",
        "alias": "a/1: x",
        "description": "all of it",
        "priority": "P1",
        "details": { "team": "db", "url": "https://runbook.example.org" },
        "tags": ["prod", "db"],
        "source": "zabbix",
    });
    for path in ["v2/alerts", "alerts"] {
        let event = &events(&intake, path, &create)[0];
        assert_eq!((&event["data"]["alertId"], &event["data"]["priority"]), (&json!("a/1: x"), &json!("P1")));
        assert_eq!((&event["data"]["labels"]["tags"], &event["data"]["url"]), (&json!("prod, db"), &json!("https://runbook.example.org")));
    }
    let table = [("close", "RESOLVED"), ("acknowledge", "ACCEPTED"), ("unacknowledge", "ESCALATED")];
    for (action, status) in table {
        let event = &events(&intake, &format!("v2/alerts/a/1: x/{action}"), &json!({ "user": "anna" }))[0];
        assert_eq!((&event["data"]["alertId"], &event["data"]["status"]), (&json!("a/1: x"), &json!(status)));
    }
    assert!(matches!(intake.read(&post("v2/alerts/1/close", b"")), Ok(Reading::Reports { .. })), "a body is not needed");
    assert_eq!(intake.read(&post("v2/alerts/1/notes", br#"{"note":"n"}"#)), Ok(Reading::Nothing));
    let named = json!({ "message": "m", "responders": [
        { "type": "user", "username": "anna@example.org" }, { "type": "schedule", "name": "primary" }, { "type": "team", "name": "db" },
        { "type": "escalation", "name": "db" }, { "name": "ben" }, {},
    ] });
    let event = &events(&intake, "v2/alerts", &named)[0];
    assert_eq!(event["data"]["responders"], json!(["anna@example.org", "duty:primary", "topic:db", "escalation:db", "ben"]));
    let table = [
        ("responders", json!({ "responder": { "type": "schedule", "name": "second" } }), json!(["duty:second"])),
        ("escalate", json!({ "escalation": { "name": "db" } }), json!(["escalation:db"])),
        ("assign", json!({ "owner": { "username": "anna" } }), json!(["anna"])),
    ];
    for (action, body, called) in table {
        let event = &events(&intake, &format!("v2/alerts/1/{action}"), &body)[0];
        assert_eq!((&event["data"]["status"], &event["data"]["responders"]), (&json!("ESCALATED"), &called), "{action}");
        assert!(intake.read(&post(&format!("v2/alerts/1/{action}"), b"{}")).is_err(), "{action}");
    }
    let changed = |path: &str, body: &[u8]| match intake.read(&put(path, body)) {
        Ok(Reading::Reports { reports, payload, .. }) => intake.mapping.events(&reports, &payload, "r1").events[0]["data"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(changed("v2/alerts/1/priority", br#"{"priority":"P5"}"#), json!({ "alertId": "1", "priority": "P5" }));
    assert_eq!(changed("v2/alerts/1/message", br#"{"message":"m"}"#), json!({ "alertId": "1", "summary": "m" }));
    assert_eq!(changed("v2/alerts/1/description", br#"{"description":"d"}"#), json!({ "alertId": "1", "details": "d" }));
    assert!(intake.read(&put("v2/alerts/1/priority", b"{}")).is_err());
    assert!(intake.read(&post("v2/alerts/1/dance", b"{}")).is_err());
    let get = |path| Request { method: "GET", ..post(path, b"") };
    assert_eq!(intake.read(&get("v2/alerts/requests/r-9")), Ok(Reading::Asks(Question::Request("r-9".to_owned()))));
    assert_eq!(intake.read(&get("v2/alerts/a b")), Ok(Reading::Asks(Question::Alert("a b".to_owned()))));
}

#[test]
fn opsgenie_s_clients_find_their_request_again() {
    let taken = [Taken { alert_id: "a".to_owned(), event_id: "01M8PKT2EE9YZZGS6NTQYR3742".to_owned(), duplicate: false, planned: 1 }];
    let answer = Dialect::Opsgenie.accept(&post("v2/alerts", b""), &taken, &[]);
    let id = answer.body["requestId"].as_str().unwrap();
    assert_eq!((answer.status, id.len()), (202, 36));
    assert_eq!(Dialect::event_of(id).as_deref(), Some("01M8PKT2EE9YZZGS6NTQYR3742"));
    let question = Question::Request(id.to_owned());
    let found = Found { alert_id: "a".to_owned(), is_update: true, state: State::Closed, ..Found::default() };
    let told = Dialect::tell(&question, Some(&found), "r2");
    assert_eq!((told.status, &told.body["data"]["success"], &told.body["data"]["action"]), (200, &json!(true), &json!("Close")));
    let unknown = Dialect::tell(&question, None, "r2");
    assert_eq!(unknown.status, 404);
    assert!(unknown.headers.contains(&("X-Opsgenie-Errortype", "RequestNotProcessed".to_owned())));
}

#[test]
fn anything_by_templates() {
    let kuma = intake(json!({
        "kind": "generic",
        "default_responders": ["7"],
        "when": "alert.heartbeat",
        "alert_id": "kuma-{{ alert.monitor.id }}",
        "status": "{{ 'up' if alert.heartbeat.status == 1 else 'down' }}",
        "summary": "{{ alert.monitor.name }}: {{ alert.msg }}",
    }));
    let down = json!({ "heartbeat": { "status": 0 }, "monitor": { "id": 3, "name": "shop" }, "msg": "timeout" });
    let event = &events(&kuma, "", &down)[0];
    assert_eq!((&event["data"]["alertId"], &event["data"]["summary"]), (&json!("kuma-3"), &json!("shop: timeout")));
    let up = json!({ "heartbeat": { "status": 1 }, "monitor": { "id": 3 } });
    assert_eq!(events(&kuma, "", &up)[0]["data"], json!({ "alertId": "kuma-3", "status": "RESOLVED" }));
    let test = json!({ "heartbeat": null, "msg": "test" });
    assert_eq!(kuma.read(&post("", test.to_string().as_bytes())), Ok(Reading::Nothing));
    // The same as a form, and in a query.
    let form = format!("data=1&heartbeat=%7B%22status%22%3A0%7D&monitor={}", "%7B%22id%22%3A3%7D");
    let request = Request { media_type: "application/x-www-form-urlencoded", ..post("", form.as_bytes()) };
    let Ok(Reading::Reports { reports, .. }) = kuma.read(&request) else { panic!("a form is read") };
    assert_eq!(reports[0].alert_id, "kuma-3");

    let list = intake(json!({ "kind": "generic", "default_responders": ["7"], "alerts": "data.items", "alert_id": "{{ alert.id }}" }));
    let (found, _, unreadable) = reports_of(&list, &json!({ "data": { "items": [{ "id": "a" }, { "name": "no id" }, { "id": "b" }] } }));
    assert_eq!(found.iter().map(|report| report.alert_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(unreadable, ["alert 1 has no id: the template alert_id gives nothing for it"]);
    assert!(list.read(&post("", b"{}")).is_err(), "the list is not there");
}

fn reports_of(intake: &Intake, body: &Value) -> (Vec<Report>, Value, Vec<String>) {
    reports(intake, "", body)
}

#[test]
fn whom_an_alert_is_for() {
    let intake = intake(json!({
        "kind": "alertmanager",
        "default_responders": ["7"],
        "responders": ["{{ labels.owner }}", "{% if labels.team == 'db' %}anna, ben{% endif %}"],
        "priority": "{{ labels.urgency }}",
        "alert_id": "prod-{{ alert_id }}",
        "summary": "{{ annotations.summary | int }}",
    }));
    let with = |labels: Value| {
        let (reports, payload, _) =
            reports(&intake, "", &json!({ "alerts": [{ "fingerprint": "f", "labels": labels, "annotations": { "summary": "s" } }] }));
        intake.mapping.events(&reports, &payload, "r1")
    };
    let table = [
        (json!({}), json!(["7"])),
        (json!({ "team": "web" }), json!(["7"])),
        (json!({ "team": "db" }), json!(["anna", "ben"])),
        (json!({ "team": "db", "owner": "carl" }), json!(["carl", "anna", "ben"])),
        (json!({ "team": "db", "watchbell_responders": "dora , 9" }), json!(["dora", "9"])),
        (json!({ "watchbell_responders": " , " }), json!(["7"])),
    ];
    for (labels, expected) in table {
        let made = with(labels.clone());
        assert_eq!(made.events[0]["data"]["responders"], expected, "{labels}");
        // A template that fails holds nothing up.
        assert_eq!((&made.events[0]["data"]["summary"], made.failed.len()), (&json!("s"), 1));
        assert_eq!(made.events[0]["data"]["alertId"], "prod-f");
    }
    let made = with(json!({ "team": "db", "urgency": "P2" }));
    assert_eq!(made.events[0]["data"]["priority"], "P2");
    let to_default = intake.mapping.to_default_responders(&made.events[0]).unwrap();
    assert_eq!(to_default["data"]["responders"], json!(["7"]));
    assert_ne!(to_default["id"], made.events[0]["id"]);
    assert_eq!(intake.mapping.to_default_responders(&to_default), None);
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let table = [
        (json!({ "kind": "grafana", "default_responders": [] }), "default_responders"),
        (json!({ "kind": "grafana", "default_responders": [" "] }), "default_responders"),
        (json!({ "kind": "grafana", "default_responders": ["7"], "summary": "{{ oops" }), "summary"),
        (json!({ "kind": "grafana", "default_responders": ["7"], "url": "{{ url | shorten }}" }), "url"),
        (json!({ "kind": "grafana", "default_responders": ["7"], "responders": ["ok", "{% if %}"] }), "responders"),
        (json!({ "kind": "grafana", "default_responders": ["7"], "when": "true" }), "when"),
        (json!({ "kind": "generic", "default_responders": ["7"] }), "alert_id"),
        (json!({ "kind": "generic", "default_responders": ["7"], "alert_id": "{{ a }}", "when": "a ==" }), "when"),
        (json!({ "kind": "generic", "default_responders": ["7"], "alert_id": "{{ a }}", "status": "{{" }), "status"),
    ];
    for (settings, key) in table {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        assert_eq!(Intake::new("tool", &settings).unwrap_err().key, key);
    }
}

#[test]
fn a_mail_is_an_alert_of_its_thread() {
    let read = |intake: &Intake, mail: &str| intake.read(&Request { media_type: "message/rfc822", ..post("", mail.as_bytes()) });
    let plain = of_kind("email");
    // Subject, and what stands below it; what is the alert, what became of it, how urgent it is.
    let table = [
        ("Subject: Disk full\r\nMessage-ID: <1@x>\r\n\r\nbody", "1@x", What::Fired, None),
        ("Subject: [RESOLVED] Disk full\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\nbody", "1@x", What::Resolved, None),
        ("Subject: ** RECOVERY Service Alert: db/disk is OK **\r\nReferences: <1@x>\r\n <1b@x>\r\n\r\n", "1@x", What::Resolved, None),
        ("Subject: AW: Resolved in 3m: Disk\r\nReferences: <1@x>\r\n\r\n", "1@x", What::Resolved, None),
        // "OK" and the like are not certain enough.
        ("Subject: OK to restart?\r\nMessage-ID: <3@x>\r\n\r\n", "3@x", What::Fired, None),
        ("Subject: Not resolved\r\nMessage-ID: <4@x>\r\nImportance: High\r\n\r\n", "4@x", What::Fired, Some("HIGH")),
        ("Subject: Backup\r\nMessage-ID: <5@x>\r\nX-Priority: 5 (Lowest)\r\n\r\n", "5@x", What::Fired, Some("LOW")),
    ];
    for (mail, alert_id, what, priority) in table {
        let Ok(Reading::Reports { reports, .. }) = read(&plain, mail) else { panic!("{mail}") };
        assert_eq!((reports[0].alert_id.as_str(), reports[0].what, reports[0].priority.as_deref()), (alert_id, what, priority), "{mail}");
    }
    // Whoever sends threads of its own says what is what.
    let by_templates = intake(json!({
        "kind": "email",
        "default_responders": ["7"],
        "alert_id": "{{ alert.subject | replace('UP: ', '') | replace('DOWN: ', '') }}",
        "status": "{{ 'up' if 'UP: ' in alert.subject else 'down' }}",
        "when": "'uptime' in alert.from",
    }));
    let said = |mail: &str| match read(&by_templates, mail).unwrap() {
        Reading::Reports { reports, payload, .. } => {
            let event = &by_templates.mapping.events(&reports, &payload, "r").events[0];
            format!("{} {}", event["type"].as_str().unwrap(), event["data"]["alertId"].as_str().unwrap())
        }
        other => format!("{other:?}"),
    };
    assert_eq!(said("From: uptime@x\r\nSubject: DOWN: web\r\n\r\n"), "watchbell.events.alert web");
    assert_eq!(said("From: uptime@x\r\nSubject: UP: web\r\n\r\n"), "watchbell.events.update web");
    assert_eq!(said("From: news@x\r\nSubject: DOWN: web\r\n\r\n"), "Nothing");
    // Nothing at all, and bytes that are nobody's mail.
    for nothing in ["", "\r\n\r\n", "From: a@x\r\n\r\n  \r\n"] {
        assert!(read(&plain, nothing).is_err(), "{nothing:?}");
    }
    // It quotes nobody, ends where the signature begins, and is bounded.
    let long = format!("Subject: s\r\nMessage-ID: <9@x>\r\n\r\n> old\r\nfirst\r\n{}-- \r\nAnna\r\n", "line\r\n".repeat(10_000));
    let Ok(Reading::Reports { reports, .. }) = read(&plain, &long) else { panic!("a long mail") };
    let details = reports[0].details.clone().unwrap();
    assert!(details.starts_with("first\nline") && details.len() < 1_000 && !details.contains("Anna"), "{details}");
}
