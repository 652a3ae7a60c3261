//! Where Pushover calls for one message: a path that only we can have made, so that nobody else can make us ask for receipts, and that
//! says whose key the message was for without saying the key, which is an address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use watchbell_core::{DeliveryId, Secret};

use crate::thread;

/// `token` is the application's.
pub fn place(token: &Secret, user: &str, delivery: &DeliveryId) -> String {
    let whose = thread::digest(user);
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key(token), content(&whose, delivery).as_bytes()));
    format!("{whose}.{tag}")
}

/// Stands for the key that the message was for; None where we did not make that place for this delivery.
pub fn whose<'p>(token: &Secret, place: &'p str, delivery: &DeliveryId) -> Option<&'p str> {
    let (whose, tag) = place.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    // Compares in constant time.
    hmac::verify(&key(token), content(whose, delivery).as_bytes(), &tag).ok().map(|()| whose)
}

/// Whether a user's key is the one that stands there.
pub fn is_theirs(whose: &str, user: &str) -> bool {
    thread::digest(user) == whose
}

fn key(token: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes())
}

fn content(whose: &str, delivery: &DeliveryId) -> String {
    format!("watchbell.receipt.{whose}.{delivery}")
}
