//! The document of all surfaces is the router's: no route without an operation, no operation without a route, and every
//! example is accepted.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::documented::{ANNA, METHODS, Operation, operations};
use crate::harness::{ADMIN, World, world, world_with};

/// A path without its parameters' names and without a slash at the end.
fn shape(path: &str) -> String {
    let parts = path.trim_end_matches('/').split('/');
    parts.map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// The router's paths, read from what it shows of itself to developers.
fn routed(world: &World) -> Vec<String> {
    let shown = format!("{:?}", watchbell_api::router(&world.api));
    let after_id =
        |text: &str| text.split_once("): \"").filter(|(id, _)| id.bytes().all(|b| b.is_ascii_digit())).map(|(_, rest)| rest.to_owned());
    let paths = shown.split("RouteId(").filter_map(after_id).filter_map(|rest| rest.split_once('"').map(|(path, _)| path.to_owned()));
    paths.collect()
}

async fn answer(world: &World, method: &str, path: &str) -> axum::http::response::Parts {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {ADMIN}"));
    let request = request.body(Body::empty()).unwrap();
    // Only the head is looked at: a stream's body has no end.
    watchbell_api::router(&world.api).oneshot(request).await.unwrap().into_parts().0
}

#[tokio::test]
async fn every_route_is_in_the_document() {
    let world = world().await;
    let routed = routed(&world);
    assert!(routed.len() > 60, "the router does not show its paths in this form any more: {routed:?}");
    let documented: BTreeSet<String> = operations().iter().map(|operation| shape(&operation.path)).collect();
    for path in &routed {
        // What is mounted twice is documented once; roots of mounts are routes that answer 404.
        let is_documented = documented.contains(&shape(path)) || documented.contains(&shape(path).replace("/admin/v1/", "/admin/"));
        assert!(is_documented || answer(&world, "GET", path).await.status == 404, "{path} is not in the document");
    }
    let routed: BTreeSet<String> = routed.iter().map(|path| shape(path)).collect();
    for path in documented {
        assert!(routed.contains(&path), "{path} is in the document and not in the router");
    }
}

#[tokio::test]
async fn documented_verbs_are_allowed_and_others_are_not() {
    let world = world().await;
    let mut by_path: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in operations() {
        by_path.entry(operation.path).or_default().insert(operation.method.to_ascii_uppercase());
    }
    for (path, documented) in by_path {
        let path = path.replace(['{', '}'], "");
        for method in METHODS.iter().map(|method| method.to_ascii_uppercase()) {
            let answer = answer(&world, &method, &path).await;
            if documented.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            // Who calls is asked first where a key is needed that this is not.
            if matches!(answer.status.as_u16(), 401 | 403) {
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer.headers.get("allow").unwrap().to_str().unwrap();
            let allowed: BTreeSet<String> =
                allow.split(',').map(|verb| verb.trim().to_owned()).filter(|verb| !matches!(verb.as_str(), "HEAD" | "OPTIONS")).collect();
            assert_eq!(allowed, documented, "{path}");
        }
    }
}

/// What an example alone cannot do: it needs a code or a link that is sent, a provider or its signature, or an intake that is
/// configured.
const NEED_MORE: [&str; 10] = [
    "/watchbell/v1/session",
    "/verification/confirm",
    "/a/{token}",
    "/providers/{name}/test",
    "/u/{token}",
    "/callbacks/{provider}",
    "/callbacks/{provider}/{rest}",
    "/signing-secret",
    "/intake/{name}",
    "/intake/{name}/{rest}",
];

#[tokio::test]
async fn every_example_is_accepted() {
    let mut tried = 0;
    for operation in operations() {
        if NEED_MORE.iter().any(|end| operation.path.ends_with(end)) {
            continue;
        }
        for (media_type, example) in operation.examples() {
            let world = world().await.with_categories().await;
            let path = prepare(&world, &operation).await;
            let answer = world.send(operation.request(&world, &path, &media_type, &example).await).await;
            assert!(operation.succeeds(answer.status.as_u16()), "{} {path}: {} {}", operation.method, answer.status, answer.text);
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

/// Makes what the operation is about, and fills its path.
async fn prepare(world: &World, operation: &Operation) -> String {
    let mut path = operation.filled(world);
    if !path.contains("{id}") && !path.contains("search-target") {
        return path;
    }
    let id = if path.contains("/phone-numbers") {
        world.phone("+4915112345678").await.to_string()
    } else if path.starts_with("/watchbell/v1/alerts/") {
        let data = json!({ "alertId": "disk-1", "priority": "HIGH", "summary": "s", "responders": [world.anna] });
        world.publish("alert", "1", data).await;
        "disk-1".to_owned()
    } else if path.contains("/contacts/") {
        world.email().await.to_string()
    } else {
        // Another of its kind is made by the list's own example.
        let list = operation.path.split("/{id}").next().unwrap().to_owned();
        let made = operations().into_iter().find(|made| made.method == "post" && made.path.trim_end_matches('/') == list);
        let made = made.unwrap_or_else(|| panic!("nothing makes what {path} is about"));
        let (media_type, example) = made.examples().remove(0);
        let request = made.request(world, &made.filled(world), &media_type, &example).await;
        let id = world.send(request).await.json()["id"].clone();
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    };
    path = path.replace("{id}", &id);
    path
}

#[tokio::test]
async fn the_documents_are_served_to_everybody() {
    let world = world().await;
    assert_eq!(world.get("", "/openapi.json").await.expect(200), watchbell_api::openapi::document());
    assert_eq!(world.get("", "/asyncapi.json").await.expect(200), watchbell_api::asyncapi::document());
    let page = world.get("", "/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "the page needs nothing from elsewhere");
}

#[test]
fn every_operation_says_how_it_fails() {
    for operation in operations() {
        let answers: BTreeSet<&str> = operation.body["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(answers.iter().any(|status| status.starts_with('2')), "{} {}", operation.method, operation.path);
        if operation.body["security"] != json!([]) {
            assert!(answers.contains("403"), "{} {}: {answers:?}", operation.method, operation.path);
        }
        let is_named = operation.body["summary"].as_str().is_some_and(|text| !text.is_empty()) && operation.body["tags"][0].is_string();
        assert!(is_named, "{} {}", operation.method, operation.path);
    }
    let ids: BTreeSet<String> = operations().iter().map(|operation| operation.body["operationId"].to_string()).collect();
    assert_eq!(ids.len(), operations().len(), "ids are unique");
    assert!(!ANNA.is_empty());
}

/// What clients are made from by other people's programs, which stumble over these.
#[test]
fn the_document_is_one_that_makers_of_clients_can_read() {
    fn bare_objects(at: &str, value: &Value, found: &mut Vec<String>) {
        let is_bare = value["type"] == "object"
            && ["properties", "additionalProperties", "anyOf", "allOf", "oneOf"].iter().all(|member| value.get(*member).is_none());
        if is_bare {
            found.push(at.to_owned());
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            bare_objects(&format!("{at}/{name}"), inner, found);
        }
        for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
            bare_objects(&format!("{at}/{index}"), inner, found);
        }
    }
    let mut bare = Vec::new();
    bare_objects("", &watchbell_api::openapi::document(), &mut bare);
    assert_eq!(bare, [""; 0], "an object without members is what they make of it; say which it has, or that it is a map");
    for operation in operations() {
        // Only Grafana OnCall's paths end with a slash, as its clients send it.
        assert!(!operation.path.ends_with('/') || operation.path.starts_with("/api/v1/") || operation.path == "/", "{}", operation.path);
        // Providers alone call with one or another.
        let media_types = operation.examples().len();
        assert!(media_types <= 1 || operation.path.starts_with("/callbacks/"), "{} {}", operation.method, operation.path);
    }
}

/// The committed copies, for reading and for diffs. `UPDATE_SNAPSHOTS=1` writes them anew.
#[test]
fn the_committed_documents_are_fresh() {
    for (name, document) in [("openapi.json", watchbell_api::openapi::document()), ("asyncapi.json", watchbell_api::asyncapi::document())] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
        }
        let committed: Value = std::fs::read(&path).map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        assert!(committed == document, "docs/{name} is stale: run the tests once with UPDATE_SNAPSHOTS=1");
    }
}

#[tokio::test]
async fn links_in_errors_lead_somewhere() {
    let world = world().await;
    for (path, link, code) in
        [("/v1/messaging/preferences", "doc_url", "invalid_credentials"), ("/admin/users/nobody", "type", "unauthenticated")]
    {
        let error = world.get("", path).await.expect(401)["error"].clone();
        let link = error[link].as_str().unwrap();
        assert_eq!(link, format!("https://bell.example.org/errors/{code}"));
        let page = world.get("", link.strip_prefix("https://bell.example.org").unwrap()).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text.contains(code), "{}", page.text);
    }
    world.get("", "/errors/no_such_code").await.expect(404);
    assert!(world.get("", "/errors").await.text.contains("id=\"validation_failed\""));
    let elsewhere = world_with(|settings| settings.errors_url = Some("https://docs.example.org/wb".to_owned())).await;
    let error = elsewhere.get("", "/v1/messaging/preferences").await.expect(401)["error"].clone();
    assert_eq!(error["doc_url"], "https://docs.example.org/wb/invalid_credentials");
    let relative = world_with(|settings| settings.public_url = None).await;
    let error = relative.get("", "/admin/users/nobody").await.expect(401)["error"].clone();
    assert_eq!(error["type"], "/errors/unauthenticated");
}
