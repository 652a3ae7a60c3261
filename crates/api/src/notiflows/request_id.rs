//! An id for every request, so that a client and an operator can speak of the same one.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::auth::random_text;
use crate::surface::RequestId;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives a request its id: for errors' bodies, and in a header of every answer.
pub(super) async fn give(mut request: Request, next: Next) -> Response {
    let id = format!("req_{}", random_text::<15>());
    let header = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).await;
    // It is base64url, which every header takes.
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}
