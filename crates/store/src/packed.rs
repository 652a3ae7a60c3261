//! Payloads as texts, small where they can be: a list of ten thousand names takes a tenth of its length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::StoreError;

/// Shorter ones are kept as they are.
const LEAST_BYTES: usize = 1_024;

/// The fastest level: what is kept for the rare look need not be the smallest.
const LEVEL: u8 = 1;

/// What no packed text may become more than, in bytes, whatever is in the database.
const MOST_BYTES: usize = 64 << 20;

/// Stands before what is deflated; base64 has no such letter.
const DEFLATED: &str = "z:";

/// Bytes of any kind as base64, deflated where that is shorter.
pub(crate) fn pack(bytes: &[u8]) -> String {
    let deflated = (bytes.len() >= LEAST_BYTES).then(|| compress_to_vec(bytes, LEVEL)).filter(|deflated| deflated.len() < bytes.len());
    match deflated {
        Some(deflated) => format!("{DEFLATED}{}", STANDARD.encode(deflated)),
        None => STANDARD.encode(bytes),
    }
}

pub(crate) fn unpack(text: &str) -> Result<Vec<u8>, StoreError> {
    let corrupt = || StoreError::Corrupt("a dead letter's payload cannot be unpacked".to_owned());
    let (is_deflated, text) = text.strip_prefix(DEFLATED).map_or((false, text), |rest| (true, rest));
    let bytes = STANDARD.decode(text).map_err(|_| corrupt())?;
    if is_deflated { decompress_to_vec_with_limit(&bytes, MOST_BYTES).map_err(|_| corrupt()) } else { Ok(bytes) }
}

/// Headers, which stay readable unless they are long.
pub(crate) fn headers(json: String) -> String {
    if json.len() < LEAST_BYTES { json } else { format!("{DEFLATED}{}", pack(json.as_bytes())) }
}

/// The JSON of headers that are packed; None of those that are readable as they are.
pub(crate) fn of_headers(text: &str) -> Option<Result<Vec<u8>, StoreError>> {
    text.strip_prefix(DEFLATED).map(unpack)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn whatever_is_packed_comes_back() {
        let names: Vec<String> = (0..10_000).map(|n| format!("no-such-person-{n}@example.org")).collect();
        let names = serde_json::to_vec(&names).unwrap();
        // What looks like nothing gets no smaller.
        let noise: Vec<u8> = (0..5_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
        let same = vec![b'x'; 1_000_000];
        for bytes in [&b""[..], b"\0\xff", &same, &noise, &names] {
            let text = pack(bytes);
            assert_eq!(unpack(&text).unwrap(), bytes);
            assert!(text.len() <= bytes.len().div_ceil(3) * 4, "never longer than base64");
        }
        assert!(pack(&names).len() * 4 < names.len(), "{} of {}", pack(&names).len(), names.len());
        for bad in ["z:", "z:AAAA", "?", "z:?"] {
            assert!(unpack(bad).is_err(), "{bad}");
        }
        // As it was kept before anything was packed.
        assert_eq!(unpack("eA==").unwrap(), b"x");
        let long = format!("[[\"a\",\"{}\"]]", "x".repeat(5_000));
        let packed = headers(long.clone());
        assert_eq!(of_headers(&packed).unwrap().unwrap(), long.into_bytes());
        assert!(of_headers(&headers("[]".to_owned())).is_none());
    }
}
