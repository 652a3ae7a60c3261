//! ilert's own document: every operation answers what it declares, and nothing else is allowed on its paths.

use serde_json::{Value, json};

use crate::harness::{ADMIN, World, world};

fn document() -> Value {
    serde_json::from_str(include_str!("../ilert-openapi.json")).unwrap()
}

/// A small reading of JSON Schema: `$ref`, types, enums, properties, items. `oneOf` is read as `anyOf` (a known defect of the
/// document), and a null matches nothing.
fn conforms(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return conforms(document, &document["components"]["schemas"][name], value);
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{value} is none of {allowed:?}"));
    }
    if let Some(any) = schema["oneOf"].as_array()
        && !any.iter().any(|schema| conforms(document, schema, value).is_ok())
    {
        return Err(format!("{value} matches nothing of oneOf"));
    }
    match schema["type"].as_str() {
        Some("integer") if value.as_i64().is_none() => Err(format!("{value} is no integer")),
        Some("string") if !value.is_string() => Err(format!("{value} is no string")),
        Some("boolean") if !value.is_boolean() => Err(format!("{value} is no boolean")),
        Some("array") => {
            let items = value.as_array().ok_or("no array")?;
            items.iter().try_for_each(|item| conforms(document, &schema["items"], item))
        }
        Some("object") => {
            let members = value.as_object().ok_or("no object")?;
            members.iter().try_for_each(|(name, value)| match &schema["properties"][name] {
                // The contact of a rule has its properties in oneOf.
                Value::Null if schema["oneOf"].is_array() => Ok(()),
                Value::Null => Err(format!("{name} is not declared")),
                schema => conforms(document, schema, value).map_err(|why| format!("{name}: {why}")),
            })
        }
        _ => Ok(()),
    }
}

/// A body that an operation takes, and another for replacing.
async fn bodies(world: &World, path: &str) -> [Value; 2] {
    let contact = json!({ "id": world.email().await });
    match path.rsplit("/users/{user-id}/").next().unwrap().trim_end_matches("/{id}") {
        "contacts/emails" => [json!({ "target": "second@example.org" }), json!({ "target": "third@example.org" })],
        "contacts/phone-numbers" => [
            json!({ "target": "0151 12345678", "regionCode": "DE", "primary": true }),
            json!({ "target": "+1 415 555 2671", "regionCode": "US" }),
        ],
        "notification-preferences/alerts" => [
            json!({ "method": "EMAIL", "contact": contact, "delayMin": 5, "type": "HIGH_PRIORITY" }),
            json!({ "method": "PUSH", "type": "LOW_PRIORITY" }),
        ],
        "notification-preferences/duties" => [
            json!({ "method": "EMAIL", "contact": contact, "beforeMin": 15, "type": "ON_CALL" }),
            json!({ "method": "PUSH", "beforeMin": 0, "type": "ON_CALL" }),
        ],
        "notification-preferences/updates" => [
            json!({ "method": "EMAIL", "contact": contact, "type": "ALERT_ACCEPTED" }),
            json!({ "method": "PUSH", "type": "ALERT_ESCALATED" }),
        ],
        "notification-preferences/subscriptions" => {
            [json!({ "method": "EMAIL", "contact": contact }), json!({ "method": "PUSH", "contact": null })]
        }
        other => panic!("no body for {other}"),
    }
}

#[tokio::test]
async fn every_operation_answers_as_it_is_declared() {
    let document = document();
    let world = world().await;
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path.ends_with("/{id}") {
            continue;
        }
        let [made, replaced] = bodies(&world, path).await;
        let all = format!("/api{}", path.replace("{user-id}", &world.anna.to_string()));
        let created = world.call(ADMIN, "POST", &all, &made).await.expect(201);
        let one = format!("{all}/{}", created["id"]);
        let one_item = &document["paths"][format!("{path}/{{id}}")];
        let in_order = [
            (item, "post", &all, Some(created)),
            (item, "get", &all, None),
            (one_item, "get", &one, None),
            (one_item, "put", &one, None),
            (one_item, "delete", &one, None),
        ];
        for (item, method, target, answered) in in_order {
            let operation = &item[method];
            let (status, declared) = operation["responses"].as_object().unwrap().iter().next().unwrap();
            let body = match (answered, method) {
                (Some(body), _) => body,
                (None, "put") => world.call(ADMIN, "PUT", target, &replaced).await.expect(status.parse().unwrap()),
                (None, _) => world.raw(ADMIN, &method.to_uppercase(), target, "").await.expect(status.parse().unwrap()),
            };
            let schema = &declared["content"]["application/json"]["schema"];
            let conforming = conforms(&document, schema, &body);
            assert!(conforming.is_ok(), "{method} {path}: {conforming:?} in {body}");
            operations += 1;
        }
        world.get(ADMIN, &one).await.expect(404);
    }
    assert_eq!(operations, 30);
}

#[tokio::test]
async fn what_is_written_is_what_is_read() {
    let world = world().await;
    for path in document()["paths"].as_object().unwrap().keys().filter(|path| !path.ends_with("/{id}")) {
        let [made, replaced] = bodies(&world, path).await;
        let all = format!("/api{}", path.replace("{user-id}", "current"));
        let all = all.replace("current", &world.anna.to_string());
        let mut created = world.call(ADMIN, "POST", &all, &made).await.expect(201);
        let one = format!("{all}/{}", created["id"]);
        assert_eq!(world.get(ADMIN, &one).await.expect(200), created);
        assert!(world.get(ADMIN, &all).await.expect(200).as_array().unwrap().contains(&created));
        // A client may send back what it read.
        created["unknown"] = json!({ "ignored": true });
        world.call(ADMIN, "PUT", &one, &created).await.expect(200);
        let replaced = world.call(ADMIN, "PUT", &one, &replaced).await.expect(200);
        assert_eq!(world.get(ADMIN, &one).await.expect(200), replaced);
        world.raw(ADMIN, "DELETE", &one, "").await.expect(204);
        world.raw(ADMIN, "DELETE", &one, "").await.expect(404);
    }
}

#[test]
fn the_check_itself_finds_what_is_wrong() {
    let document = document();
    let schema = json!({ "$ref": "#/components/schemas/NotificationPreferencesAlert" });
    let table = [
        (json!({ "id": 1, "method": "SMS", "delayMin": 0, "type": "LOW_PRIORITY", "contact": { "id": 1, "status": "OK" } }), true),
        (json!({ "id": "1" }), false),
        (json!({ "method": "FAX" }), false),
        (json!({ "contact": null }), false),
        (json!({ "contact": { "status": "GOOD" } }), false),
        (json!({ "surprise": 1 }), false),
    ];
    for (value, conforming) in table {
        assert_eq!(conforms(&document, &schema, &value).is_ok(), conforming, "{value}");
    }
}
