//! A browser that has subscribed: it alone reads what it is sent (RFC 8291, RFC 8188).

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

const AUTH: [u8; 16] = [7; 16];

pub struct Browser {
    /// It opens one message.
    private: RefCell<Option<EphemeralPrivateKey>>,
    point: Vec<u8>,
}

/// So many bytes of a derived key.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Browser {
    pub fn new() -> Self {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let point = private.compute_public_key().unwrap().as_ref().to_vec();
        Self { private: RefCell::new(Some(private)), point }
    }

    /// What it tells the page that subscribes.
    pub fn keys(&self) -> Value {
        json!({ "p256dh": URL_SAFE_NO_PAD.encode(&self.point), "auth": URL_SAFE_NO_PAD.encode(AUTH) })
    }

    /// Salt, the record's size, the sender's point and its length, and one record.
    pub fn open(&self, body: &[u8]) -> Vec<u8> {
        let (salt, point, sealed) = (&body[..16], &body[21..86], &body[86..]);
        let private = self.private.borrow_mut().take().expect("one message is opened");
        let info = [b"WebPush: info\0".as_slice(), &self.point, point].concat();
        let key = agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, point), |shared| derive(&AUTH, shared, &info, 32)).unwrap();
        let content = derive(salt, &key, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = derive(salt, &key, b"Content-Encoding: nonce\0", 12);
        let content = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content).unwrap());
        let mut sealed = sealed.to_vec();
        let opened = content.open_in_place(Nonce::try_assume_unique_for_key(&nonce).unwrap(), Aad::empty(), &mut sealed).unwrap();
        // The last byte ends the record.
        opened[..opened.len() - 1].to_vec()
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut key = vec![0; length];
    Salt::new(HKDF_SHA256, salt).extract(secret).expand(&[info], Length(length)).unwrap().fill(&mut key).unwrap();
    key
}
