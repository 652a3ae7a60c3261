//! The cookie of a browser's session.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use watchbell_core::Secret;

use crate::problem::Problem;

const NAME: &str = "watchbell_session";

/// 256 bits as base64url.
const ID_CHARACTERS: usize = 43;

/// The id in a request's cookie; None where there is none, or nothing that could be one.
pub(super) fn read(headers: &HeaderMap) -> Option<Secret> {
    let is_id = |id: &&str| id.len() == ID_CHARACTERS && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    named(headers, NAME).find(is_id).map(Secret::new)
}

/// The values of all cookies of that name: a neighbouring site may have set one beside ours.
pub(super) fn named<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(move |cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// No script reads it, no other site's forms or frames send it, and where the page came by HTTPS it goes by HTTPS alone. It is sent with
/// a link that was followed from elsewhere, as from a chat to an alert.
pub(super) fn set(id: &Secret, max_age_s: i64, is_https: bool) -> Result<HeaderValue, Problem> {
    let secure = if is_https { "; Secure" } else { "" };
    let text = format!("{NAME}={}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}", id.expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| Problem::internal())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn clear() -> HeaderValue {
    HeaderValue::from_static("watchbell_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn what_is_set_is_read() {
        let id = "a".repeat(42) + "-";
        let set = set(&Secret::new(id.as_str()), 60, true).unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let table = [
            (pair.clone(), true),
            (format!("theme=dark; {pair}; lang=en"), true),
            (format!("watchbell_session_old=x; {pair}"), true),
            // One that a neighbouring site has set beside it is no reason to see none.
            (format!("watchbell_session=x; {pair}"), true),
            (format!("other_{pair}"), false),
            (format!("{pair}a"), false),
            ("watchbell_session=".to_owned(), false),
            (String::new(), false),
        ];
        for (cookies, is_read) in table {
            let headers = HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
            assert_eq!(read(&headers).is_some_and(|read| read.expose() == id), is_read, "{cookies}");
        }
    }
}
