//! RFC 8291: a message that only the browser which subscribed can read, in the content coding `aes128gcm` (RFC 8188).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use watchbell_core::Secret;

/// The one record's size, and with it the largest body that push services must take.
const RECORD: u32 = 4096;
/// Salt, record size, length of the key, key.
const HEADER: usize = 16 + 4 + 1 + POINT;
/// An uncompressed point of P-256.
const POINT: usize = 65;
/// What of the record is left for the message: without header, delimiter and tag.
pub const LARGEST_PLAINTEXT: usize = RECORD as usize - HEADER - 1 - 16;
/// Ends the last record's plaintext.
const LAST_RECORD: u8 = 2;

/// The browser's public key and its secret.
pub struct Subscription {
    point: Vec<u8>,
    auth: Vec<u8>,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// So many bytes of a derived key.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Subscription {
    /// From a device's keys, as JSON; None if they are no such keys.
    pub fn read(keys: &Secret) -> Option<Self> {
        let keys: Keys = serde_json::from_str(keys.expose()).ok()?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let (point, auth) = (decode(&keys.p256dh)?, decode(&keys.auth)?);
        (point.len() == POINT && auth.len() == 16).then_some(Self { point, auth })
    }

    /// The body of the request; None if the browser's key is on no curve.
    pub fn encrypt(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
        let mut salt = [0; 16];
        random.fill(&mut salt).ok()?;
        self.encrypt_with(plaintext, ours, salt)
    }

    fn encrypt_with(&self, plaintext: &[u8], ours: EphemeralPrivateKey, salt: [u8; 16]) -> Option<Vec<u8>> {
        let our_point = ours.compute_public_key().ok()?;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &self.point);
        let ikm = agree_ephemeral(ours, &theirs, |shared| input_key(shared, &self.auth, &self.point, our_point.as_ref())).ok()??;
        let (key, nonce) = content_key(&salt, &ikm)?;
        let mut sealed = [plaintext, &[LAST_RECORD]].concat();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
        let mut body = Vec::with_capacity(HEADER + sealed.len());
        body.extend_from_slice(&salt);
        body.extend_from_slice(&RECORD.to_be_bytes());
        body.push(u8::try_from(POINT).ok()?);
        body.extend_from_slice(our_point.as_ref());
        body.extend_from_slice(&sealed);
        Some(body)
    }
}

/// Section 3.4: the shared secret, bound to the browser's secret and to both keys.
fn input_key(shared: &[u8], auth: &[u8], their_point: &[u8], our_point: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let info = [b"WebPush: info\0".as_slice(), their_point, our_point];
    Salt::new(HKDF_SHA256, auth).extract(shared).expand(&info, Length(32)).ok()?.fill(&mut key).ok()?;
    Some(key)
}

/// RFC 8188, section 2.2: the key and nonce of the first record.
fn content_key(salt: &[u8; 16], ikm: &[u8; 32]) -> Option<([u8; 16], [u8; NONCE_LEN])> {
    let derived = Salt::new(HKDF_SHA256, salt).extract(ikm);
    let (mut key, mut nonce) = ([0; 16], [0; NONCE_LEN]);
    derived.expand(&[b"Content-Encoding: aes128gcm\0"], Length(16)).ok()?.fill(&mut key).ok()?;
    derived.expand(&[b"Content-Encoding: nonce\0"], Length(NONCE_LEN)).ok()?.fill(&mut nonce).ok()?;
    Some((key, nonce))
}

/// What a browser does with a body: `private` is the key it subscribed with, `point` its public half.
#[cfg(test)]
pub(crate) fn decrypt(body: &[u8], private: EphemeralPrivateKey, point: &[u8], auth: &[u8]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_first_chunk::<16>()?;
    let (record, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    if u32::from_be_bytes(*record) as usize != RECORD as usize || usize::from(*length) != POINT || body.len() > RECORD as usize {
        return None;
    }
    let (our_point, sealed) = rest.split_at_checked(POINT)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, our_point);
    let ikm = agree_ephemeral(private, &theirs, |shared| input_key(shared, auth, point, our_point)).ok()??;
    let (key, nonce) = content_key(salt, &ikm)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    let mut sealed = sealed.to_vec();
    let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let (last, text) = opened.split_last()?;
    (*last == LAST_RECORD).then(|| text.to_vec())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    /// The keys of RFC 8291's example (appendix A) that do not need a private key of ours.
    #[test]
    fn keys_are_derived_as_in_the_rfc() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let shared = decode("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let auth = decode("BTBZMqHH6r4Tts7J_aSIgg");
        let theirs = decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let ours = decode("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let ikm = input_key(&shared, &auth, &theirs, &ours).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(ikm), "S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg");
        let (key, nonce) = content_key(&decode("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(), &ikm).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key), "oIhVW04MRdy2XN9CiKLxTg");
        assert_eq!(URL_SAFE_NO_PAD.encode(nonce), "4h_95klXJ5E_qnoN");
    }

    #[test]
    fn keys_that_are_none_are_found() {
        let read = |text: &str| Subscription::read(&Secret::new(text));
        let point = URL_SAFE_NO_PAD.encode([4; 65]);
        let auth = URL_SAFE_NO_PAD.encode([1; 16]);
        for bad in ["", "{}", r#"{"p256dh":"BA","auth":"AA"}"#] {
            assert!(read(bad).is_none(), "{bad}");
        }
        let off_curve = read(&format!(r#"{{"p256dh":"{point}","auth":"{auth}=="}}"#)).unwrap();
        assert!(off_curve.encrypt(b"x").is_none());
    }
}
