//! What stands for a thread where messages about the same thing replace each other or are shown together.
//!
//! Each service allows a length of its own, and an alert's id may be longer than any of them. What is too long is hashed, everywhere
//! in the same way, so that no two threads become one because they begin alike.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// 192 bits in base64url: 32 characters, as much as the narrowest service allows (`Topic` of Web Push, RFC 8030).
pub fn digest(thread: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(thread)[..24])
}

/// The thread's own name where it has at most so many bytes and could stand in a header, else its digest.
pub fn key(thread: &str, longest: usize) -> Cow<'_, str> {
    let is_fit = (1..=longest).contains(&thread.len()) && thread.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fit { thread.into() } else { digest(thread).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_a_service_or_unfit_for_a_header_is_hashed() {
        let long = |end: &str| format!("{}{end}", "alert-".repeat(20));
        assert_eq!(key("A-17", 64), "A-17");
        assert_eq!(key(&"x".repeat(64), 64), "x".repeat(64));
        for thread in [long("1").as_str(), "Störung 7", "two words", "line\nend", "", &"x".repeat(65)] {
            let key = key(thread, 64);
            assert_eq!((key.len(), key.as_ref()), (32, digest(thread).as_str()), "{thread}");
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        }
        assert_ne!(key(&long("1"), 64), key(&long("2"), 64));
    }
}
