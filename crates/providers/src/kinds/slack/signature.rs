//! Slack's signature `v0`: HMAC-SHA256 with the app's signing secret over the version, the time and the body as it came.

use ring::hmac;
use watchbell_core::{Secret, Timestamp};

use crate::inbound::{Refusal, Request};

pub const HEADER: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
/// What is signed at another time than now by so many seconds is somebody's copy of it, by Slack's own advice.
const LONGEST_OFF_S: i64 = 5 * 60;

/// # Errors
/// It was not signed by Slack for this app, or not now.
pub fn check(secret: &Secret, request: &Request<'_>) -> Result<(), Refusal> {
    const FORBIDDEN: Refusal = Refusal::Forbidden("X-Slack-Signature is not Slack's for this app and this moment");
    let signed_at = request.header(TIMESTAMP).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or(FORBIDDEN)?;
    let is_now = signed_at.parse().is_ok_and(|at: i64| is_near(at, request.now));
    let tag = request.header(HEADER).and_then(|text| hex::decode(text.strip_prefix("v0=")?).ok()).ok_or(FORBIDDEN)?;
    let mut content = format!("v0:{signed_at}:").into_bytes();
    content.extend_from_slice(request.body);
    // Compares in constant time.
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let is_right = hmac::verify(&key, &content, &tag).is_ok();
    if is_right && is_now { Ok(()) } else { Err(FORBIDDEN) }
}

fn is_near(at_s: i64, now: Timestamp) -> bool {
    now.as_millis().div_euclid(1000).abs_diff(at_s) <= LONGEST_OFF_S.unsigned_abs()
}
