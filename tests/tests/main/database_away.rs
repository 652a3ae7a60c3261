//! The database is away: every surface says so in its own form, and when to come again.

use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use watchbell_tests::bed::{Bed, with_database};
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::postgres_server::PostgresServer;
use watchbell_tests::team::Person;
use watchbell_tests::wait;

/// What clients of each surface call, and a body for those that write.
const CALLS: [(Method, &str, Option<&str>); 6] = [
    (Method::GET, "/watchbell/v1/deliveries", None),
    (Method::PUT, "/watchbell/v1/topics/checkout/users/1", Some("null")),
    (
        Method::POST,
        "/watchbell/v1/events",
        Some(r#"{"id":"1","type":"watchbell.events.alert","alertId":"A-1","summary":"x","priority":"HIGH","responders":[1]}"#),
    ),
    (Method::GET, "/api/users", None),
    (Method::POST, "/api/users", Some(r#"{"username":"ben","firstName":"Ben","lastName":"B","email":"ben@example.org"}"#)),
    (Method::GET, "/-/ready", None),
];

#[test]
fn while_the_database_is_away_every_surface_answers_503_with_retry_after() {
    with_database(Kind::Sqlite, async |_| {
        let mut server = PostgresServer::start().await;
        let mut bed = Bed::new(Arc::new(Database::on_server(&server.url()).await)).await;
        bed.start().await;
        let anna = Person::without_telegram(bed.api(), 1).await;
        bed.api().put(&format!("/watchbell/v1/topics/checkout/users/{}", anna.id), &json!(null)).await.expect(204);
        server.kill().await;
        let asked = CALLS.map(|(method, path, body)| {
            let api = bed.api().clone();
            async move {
                let answer = wait::within(path, api.try_call(method.clone(), path, &[], body.map(str::to_owned))).await;
                (path, answer.expect("the server must answer"))
            }
        });
        for (path, answer) in futures::future::join_all(asked).await {
            let text = answer.body.to_string();
            assert_eq!(answer.status.as_u16(), 503, "{path}: {text}");
            assert!(!text.contains("sqlx") && !text.contains("127.0.0.1"), "nothing of the inside: {path}: {text}");
            if path.starts_with("/-/") {
                continue;
            }
            assert_eq!(answer.retry_after_s, Some(2), "{path}: {text}");
            assert!(text.contains("the database does not answer; nothing was changed; try again"), "{path}: {text}");
        }
        server.up().await;
        wait::until("the API to be back", async || bed.api().get("/watchbell/v1/deliveries").await.status == 200).await;
        bed.api().get("/api/users").await.expect(200);
        bed.stop().await;
    });
}
