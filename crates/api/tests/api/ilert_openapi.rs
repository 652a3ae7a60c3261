//! ilert's part of our document against ilert's own: the same operations and schemas, word for word; additions are declared
//! errors, the users' paths and searches that clients use, and how to delete a contact that is in use.

use serde_json::{Map, Value, json};

/// As the contract says to read it: a rule's `contact` fits both schemas, so it is `anyOf`.
fn original() -> Value {
    serde_json::from_str(&include_str!("../ilert-openapi.json").replace("\"oneOf\"", "\"anyOf\"")).unwrap()
}

const ADDED: [&str; 5] = [
    "/users",
    "/users/{user-id}",
    "/users/search-email",
    "/users/{user-id}/contacts/emails/search-target",
    "/users/{user-id}/contacts/phone-numbers/search-target",
];

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

#[test]
fn every_schema_is_the_original_s() {
    let (original, ours) = (original(), watchbell_api::openapi::document());
    for (name, schema) in members(&original["components"]["schemas"]) {
        assert_eq!(&ours["components"]["schemas"][name], schema, "{name}");
    }
    assert_eq!(members(&original["components"]["schemas"]).len(), 22);
    let (theirs, our) = (&original["components"]["securitySchemes"]["apiKey"], &ours["components"]["securitySchemes"]["apiKey"]);
    for member in ["type", "name", "in"] {
        assert_eq!(our[member], theirs[member]);
    }
}

#[test]
fn every_operation_is_the_original_s() {
    let (original, ours) = (original(), watchbell_api::openapi::document());
    let mut compared = 0;
    for (path, item) in members(&original["paths"]) {
        let our_item = &ours["paths"][format!("/api{path}")];
        assert_eq!(members(our_item).keys().collect::<Vec<_>>(), members(item).keys().collect::<Vec<_>>(), "{path}");
        for (method, operation) in members(item) {
            compare(&format!("{method} {path}"), operation, &our_item[method]);
            compared += 1;
        }
    }
    assert_eq!(compared, 30);
    for path in members(&ours["paths"]).keys().filter_map(|path| path.strip_prefix("/api")).filter(|path| !path.starts_with("/v1/")) {
        assert!(original["paths"].get(path).is_some() || ADDED.contains(&path), "{path} is not ilert's");
    }
}

fn compare(name: &str, original: &Value, ours: &Value) {
    assert_eq!(ours["summary"], original["summary"], "{name}");
    assert_eq!(ours["tags"], original["tags"], "{name}");
    assert!(ours["security"].as_array().unwrap().contains(&json!({ "apiKey": [] })), "{name}");
    for parameter in original["parameters"].as_array().unwrap() {
        let mut found = ours["parameters"].as_array().unwrap().iter().find(|ours| ours["name"] == parameter["name"]).unwrap().clone();
        found.as_object_mut().unwrap().remove("example");
        assert_eq!(&found, parameter, "{name}");
    }
    let known = |name: &Value| original["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == *name);
    for added in ours["parameters"].as_array().unwrap().iter().filter(|parameter| !known(&parameter["name"])) {
        assert_eq!((&added["name"], &added["required"]), (&json!("force"), &json!(false)), "{name}");
    }
    let (body, our_body) = (&original["requestBody"], &ours["requestBody"]);
    assert_eq!(our_body["required"], body["required"], "{name}");
    assert_eq!(our_body["content"]["application/json"]["schema"], body["content"]["application/json"]["schema"], "{name}");
    for (status, response) in members(&original["responses"]) {
        let answered = &ours["responses"][status];
        assert_eq!(answered["description"], response["description"], "{name} {status}");
        assert_eq!(answered["content"]["application/json"]["schema"], response["content"]["application/json"]["schema"], "{name} {status}");
    }
    for status in members(&ours["responses"]).keys() {
        assert!(original["responses"].get(status).is_some() || status.as_str() >= "400", "{name} {status}");
    }
}
