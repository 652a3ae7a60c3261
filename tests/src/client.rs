//! A client of the REST API.

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Calls one server with one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// An answer, as far as tests look at it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// When to come again, of an answer that says so.
    pub retry_after_s: Option<u64>,
    pub body: Value,
}

impl Answer {
    /// The body of an answer of that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl Client {
    pub fn new(base: impl Into<String>, key: &str) -> Self {
        // Fails only if a provider is installed already, which then does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: base.into(), key: key.to_owned() }
    }

    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// Calls; None when there is no connection.
    pub async fn try_call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Option<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let retry_after_s = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Answer { status, retry_after_s, body })
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(method, path, &[], body.map(Value::to_string)).await.expect("the server must answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// All deliveries that match a query such as `alert=A-1&state=sent`, newest first.
    pub async fn deliveries(&self, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(&format!("/watchbell/v1/deliveries?limit=500&{query}{cursor}")).await.expect(200);
            all.extend(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The states of those deliveries, in order of due time.
    pub async fn states(&self, query: &str) -> Vec<String> {
        let mut all = self.deliveries(query).await;
        all.sort_by_key(|delivery| delivery["dueAt"].to_string());
        all.iter().map(|delivery| delivery["state"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A delivery with its attempts.
    pub async fn delivery(&self, id: &str) -> Value {
        self.get(&format!("/watchbell/v1/deliveries/{id}")).await.expect(200)
    }
}
