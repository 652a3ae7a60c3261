//! The cookie of a browser that is on its way to the identity provider.

use axum::http::{HeaderMap, HeaderValue};
use url::form_urlencoded::{byte_serialize, parse};
use watchbell_core::Secret;
use watchbell_oidc::Attempt;

use super::PATH;
use crate::problem::Problem;
use crate::session::cookie::named;

const NAME: &str = "watchbell_sign_on";

/// How long somebody may take to sign in there.
const MAX_AGE_S: i64 = 600;

/// A longer address is not returned to: cookies are short.
const LONGEST_NEXT: usize = 1_024;

/// It comes along when the provider leads the browser back, which is why it is `Lax`, and to nothing else here.
pub(super) fn set(attempt: &Attempt, next: &str, is_https: bool) -> Result<HeaderValue, Problem> {
    let secure = if is_https { "; Secure" } else { "" };
    let next: String = byte_serialize(next.as_bytes()).collect();
    let next = if next.len() > LONGEST_NEXT { "" } else { &next };
    let text = format!("{NAME}={}.{next}; Path={PATH}; Max-Age={MAX_AGE_S}; HttpOnly; SameSite=Lax{secure}", attempt.secret().expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| Problem::internal())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The attempt, and where it is to lead in the end.
pub(super) fn read(headers: &HeaderMap) -> Option<(Attempt, String)> {
    let (secret, next) = named(headers, NAME).find_map(|value| value.split_once('.'))?;
    let next = parse(next.as_bytes()).next().map(|(next, _)| next.into_owned()).unwrap_or_default();
    Some((Attempt::new(Secret::new(secret)), next))
}

pub(super) fn clear() -> HeaderValue {
    HeaderValue::from_static("watchbell_sign_on=; Path=/watchbell/v1/session/sign-on; Max-Age=0; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn what_is_set_is_read() {
        let attempt = Attempt::new(Secret::new("abc-_"));
        for next in ["/", "/alerts/A%201?x=y&z=;,\"", "/é"] {
            let set = set(&attempt, next, true).unwrap();
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let headers = HeaderMap::from_iter([(COOKIE, pair.parse().unwrap())]);
            let (read, found) = read(&headers).unwrap();
            assert_eq!((read.state(), found.as_str()), (attempt.state(), next));
        }
        assert!(clear().to_str().unwrap().contains(PATH));
    }
}
