//! Bodies: media types, syntax, forms.

use serde_json::{Value, json};

use crate::harness::{ADMIN, RULES, path, world};

#[tokio::test]
async fn a_body_that_is_no_object_says_what_it_is() {
    let world = world().await;
    let rule = world.made(&json!({ "type": "wait" })).await;
    let whole = |wrong: &str| json!({ "non_field_errors": [wrong] });
    let table = [
        ("[]", whole("Invalid data. Expected a dictionary, but got list.")),
        (r#"[{"type":"wait"}]"#, whole("Invalid data. Expected a dictionary, but got list.")),
        (r#""wait""#, whole("Invalid data. Expected a dictionary, but got str.")),
        ("1", whole("Invalid data. Expected a dictionary, but got int.")),
        ("1.5", whole("Invalid data. Expected a dictionary, but got float.")),
        ("true", whole("Invalid data. Expected a dictionary, but got bool.")),
        ("null", whole("No data provided")),
    ];
    for (body, expected) in table {
        for (method, path) in [("POST", RULES.to_owned()), ("PUT", path(&rule)), ("PATCH", path(&rule))] {
            let answer = world.raw(ADMIN, method, &path, "application/json", body).await;
            assert_eq!(answer.expect(400), expected, "{method} {body}");
        }
    }
}

#[tokio::test]
async fn broken_json_is_a_parse_error() {
    let world = world().await;
    let rule = world.made(&json!({ "type": "wait" })).await;
    let deep = "[".repeat(50_000);
    let bodies: Vec<&[u8]> = vec![b"{", b" ", b"{}}", b"{'a':1}", b"\xff", b"{\"a\":NaN}", b"{\"a\":\"\\u0000\"}", b"\0", deep.as_bytes()];
    for body in bodies {
        for (method, path) in [("POST", RULES.to_owned()), ("PUT", path(&rule)), ("PATCH", path(&rule))] {
            let answer = world.raw(ADMIN, method, &path, "application/json", body.to_vec()).await.expect(400);
            assert_eq!(answer.as_object().unwrap().len(), 1);
            assert!(answer["detail"].as_str().unwrap().starts_with("JSON parse error - "), "{answer}");
        }
    }
    let answer = world.raw(ADMIN, "POST", RULES, "application/json", vec![b' '; (1 << 20) + 1]).await;
    assert!(answer.expect(413)["detail"].is_string());
}

#[tokio::test]
async fn another_media_type_is_415_unless_there_is_no_body() {
    let world = world().await;
    let rule = world.made(&json!({ "type": "wait" })).await;
    let body = json!({ "user_id": world.anna.public_id, "type": "wait" }).to_string();
    for media_type in ["text/plain", "application/xml", "text/plain; charset=utf-8", "nonsense", "application/jsonp"] {
        for (method, path) in [("POST", RULES.to_owned()), ("PUT", path(&rule)), ("PATCH", path(&rule))] {
            let answer = world.raw(ADMIN, method, &path, media_type, body.clone()).await;
            assert_eq!(answer.expect(415), json!({ "detail": format!("Unsupported media type \"{media_type}\" in request.") }), "{method}");
        }
    }
    let answer = world.raw(ADMIN, "POST", RULES, "text/plain", "").await;
    assert_eq!(answer.expect(400), json!({ "user_id": ["This field is required."] }));
    assert_eq!(world.raw(ADMIN, "PUT", &path(&rule), "text/plain", "").await.expect(200), rule);
    // What is not there is not found, whatever is sent to it.
    world.raw(ADMIN, "PUT", &format!("{RULES}/NOPE/"), "text/plain", "x").await.expect(404);
    for media_type in ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", ""] {
        world.raw(ADMIN, "POST", RULES, media_type, body.clone()).await.expect(201);
    }
    // Nothing is read of what is not wanted.
    world.raw(ADMIN, "GET", RULES, "text/plain", "x").await.expect(200);
    world.raw(ADMIN, "DELETE", &path(&rule), "text/plain", "x").await.expect(204);
}

#[tokio::test]
async fn forms_are_read() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let world = world().await;
    let user = &world.anna.public_id;
    let body = format!("user_id={user}&type=wait&duration=0%3A15%3A00&important=on&position=3&x=%00");
    let made = world.raw(ADMIN, "POST", &format!("{RULES}/"), FORM, body).await.expect(201);
    let id = made["id"].clone();
    let expected = json!({ "id": id, "user_id": user, "position": 3, "important": true, "type": "wait", "duration": 900 });
    assert_eq!(made, expected);
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"position\"\r\n\r\n7\r\n--b--\r\n";
    let changed = world.raw(ADMIN, "PATCH", &path(&made), "multipart/form-data; boundary=b", multipart).await.expect(200);
    assert_eq!(changed["position"], 7);
    let table = [
        (format!("user_id={user}"), json!({ "type": "Type is required" })),
        (format!("user_id={user}&type="), json!({ "type": "Type is required" })),
        ("type=wait".to_owned(), json!({ "user_id": ["This field is required."] })),
        ("user_id=&type=wait".to_owned(), json!({ "user_id": ["This field may not be blank."] })),
        ("user_id=%00&type=wait".to_owned(), json!({ "detail": "User does not exist" })),
        (format!("user_id={user}&type=wait&duration=300"), json!({ "detail": "Invalid duration format" })),
        (format!("user_id={user}&type=wait&duration="), json!({ "detail": "Invalid duration format" })),
        (format!("user_id={user}&type=wait&position=x"), json!({ "position": ["A valid integer is required."] })),
        (format!("user_id={user}&type=%ff"), json!({ "type": "Invalid type" })),
    ];
    for (body, expected) in table {
        assert_eq!(world.raw(ADMIN, "POST", RULES, FORM, body.clone()).await.expect(400), expected, "{body}");
    }
    // What is left empty is not filled in.
    let body = format!("user_id=x&user_id={user}&type=wait&position=&important=&manual_order=");
    let made = world.raw(ADMIN, "POST", RULES, FORM, body).await.expect(201);
    assert_eq!((&made["position"], &made["important"]), (&json!(0), &json!(false)));
    let broken = world.raw(ADMIN, "POST", RULES, "multipart/form-data", "x").await.expect(400);
    assert!(broken["detail"].as_str().unwrap().starts_with("Multipart form parse error - "), "{broken}");
}

#[tokio::test]
async fn what_nobody_knows_is_ignored() {
    let world = world().await;
    let body = json!({ "type": "wait", "id": "NOTHING", "unknown": { "a": [1] }, "notify_by": 3, "team_id": null });
    let made = world.made(&body).await;
    assert_ne!(made["id"], "NOTHING");
    let changed: Value = world.patch(&made, &body).await.expect(200);
    assert_eq!(changed, made);
}
