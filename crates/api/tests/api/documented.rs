//! The operations of the document, and requests made from them.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::harness::{ADMIN, PUBLIC_KEY, SECRET_KEY, USER, World};

pub const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The user that the examples are about, where they name one by their public id.
pub const ANNA: &str = "U4DNY931HHJS5";

pub struct Operation {
    pub method: String,
    pub path: String,
    pub body: Value,
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let document = watchbell_api::openapi::document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS.iter().filter(|method| item[**method].is_object()) {
            found.push(Operation { method: (*method).to_owned(), path: path.clone(), body: item[*method].clone() });
        }
    }
    found
}

impl Operation {
    fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.body["parameters"].as_array().into_iter().flatten()
    }

    /// The bodies that it says it takes.
    pub fn examples(&self) -> Vec<(String, Value)> {
        let content = self.body["requestBody"]["content"].as_object();
        content.into_iter().flatten().map(|(media_type, content)| (media_type.clone(), content["example"].clone())).collect()
    }

    pub fn succeeds(&self, status: u16) -> bool {
        (200..300).contains(&status) && self.body["responses"].get(status.to_string()).is_some()
    }

    /// The path with Anna and the examples in it, but for `{id}`.
    pub fn filled(&self, world: &World) -> String {
        let mut path = self.path.clone();
        let mut query = Vec::new();
        for parameter in self.parameters() {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["example"].as_str().map_or_else(|| parameter["example"].to_string(), str::to_owned);
            match parameter["in"].as_str().unwrap() {
                "path" if name == "id" => {}
                "path" if name == "user" || name == "user-id" => path = path.replace(&format!("{{{name}}}"), &world.anna.to_string()),
                "path" => path = path.replace(&format!("{{{name}}}"), &example),
                "query" if parameter["required"] == true => query.push(format!("{name}={example}")),
                _ => {}
            }
        }
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    pub async fn request(&self, world: &World, path: &str, media_type: &str, example: &Value) -> Request<Body> {
        let mut request = Request::builder().method(self.method.to_ascii_uppercase().as_str()).uri(path).header("content-type", media_type);
        for scheme in self.body["security"][0].as_object().into_iter().flat_map(|schemes| schemes.keys()) {
            request = match scheme.as_str() {
                "notiflowsApiKey" => request.header("x-notiflows-api-key", PUBLIC_KEY),
                "notiflowsSecretKey" => request.header("x-notiflows-secret-key", SECRET_KEY),
                "oncallToken" => request.header("authorization", ADMIN),
                // These are a user's own.
                "bearer" if path.starts_with("/v1/messaging") => request.header("authorization", format!("Bearer {USER}")),
                _ => request.header("authorization", format!("Bearer {ADMIN}")),
            };
        }
        let shown = world.get(ADMIN, &format!("/watchbell/v1/users/{}", world.anna)).await.expect(200);
        let body = if media_type.contains("json") { example.to_string() } else { form(example) };
        request.body(body.replace(ANNA, shown["publicId"].as_str().unwrap()).into()).unwrap()
    }
}

/// No example has a character that would have to be encoded.
fn form(example: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = example.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", text(value)));
    pairs.collect::<Vec<_>>().join("&")
}
