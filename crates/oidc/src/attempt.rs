//! One browser's way to the provider and back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use watchbell_core::Secret;

/// 256 random bits, which nobody but the browser keeps. What is sent about is derived from them, each for its purpose.
#[derive(Clone, Debug)]
pub struct Attempt(Secret);

impl Attempt {
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// What the provider hands back with the code: it shows that this browser set out.
    pub fn state(&self) -> String {
        self.derive("state")
    }

    /// What the provider writes into the ID token: it shows that the token was made for this attempt.
    pub(crate) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    /// What shows to the provider that the code comes from who asked for it (RFC 7636): 43 characters.
    pub(crate) fn verifier(&self) -> String {
        self.derive("verifier")
    }

    fn derive(&self, purpose: &str) -> String {
        let digest = Sha256::new().chain_update(purpose).chain_update(":").chain_update(self.0.expose()).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_sent_tells_anything_else() {
        let attempt = Attempt::new(Secret::new("s"));
        let all = [attempt.state(), attempt.nonce(), attempt.verifier()];
        for (at, one) in all.iter().enumerate() {
            assert!(one.len() == 43 && !all[..at].contains(one), "{one}");
        }
        assert_eq!(attempt.state(), Attempt::new(Secret::new("s")).state());
        assert_ne!(attempt.state(), Attempt::new(Secret::new("t")).state());
    }
}
