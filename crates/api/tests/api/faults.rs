//! Faults of our own: the surface's form, and nothing of the inside.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt;
use watchbell_api::Api;
use watchbell_api::problem::Problem;
use watchbell_api::surface::Surface;
use watchbell_store::{StoreError, VerificationError};

use crate::harness::world;

fn form(problem: &Problem) -> Value {
    json!({ "message": problem.message, "field": problem.field, "retry": problem.retry_s() })
}

static SURFACE: Surface = Surface::open(form);

async fn panics() {
    assert!(std::env::args().next().is_none(), "secret text");
}

async fn corrupt() -> Problem {
    StoreError::Corrupt("secret text".to_owned()).into()
}

async fn too_soon() -> Problem {
    StoreError::Verification(VerificationError::TooSoon { retry_s: 0 }).into()
}

#[tokio::test]
async fn a_panic_and_a_fault_are_500_without_internal_text() {
    let world = world().await;
    let routes: Router<Api> = Router::new().route("/panics", get(panics)).route("/corrupt", get(corrupt)).route("/too-soon", get(too_soon));
    let served: Router = SURFACE.wrap(&world.api, routes).with_state(world.api.clone());
    for (path, status) in [("/panics", 500), ("/corrupt", 500), ("/too-soon", 429), ("/none", 404)] {
        let response = served.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers().contains_key("retry-after"), status == 429);
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(body["message"].as_str().is_some_and(|text| !text.contains("secret")), "{path}: {body}");
    }
}
