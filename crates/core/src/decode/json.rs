//! From bytes to JSON. One bad byte does not cost a page: what can be mended is, and that is noted.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::Problems;
use super::{MAX_PAYLOAD_BYTES, RejectReason, Undecodable};

/// What is nested deeper is left out, as a null; `serde_json` itself stops at 128 levels.
const MOST_LEVELS: usize = 100;

/// Numbers of so many digits may be larger than 64 bits hold, and would lose their last ones.
const MANY_DIGITS: usize = 19;

/// Reads a payload: UTF-8, or UTF-16 as some shells write it.
///
/// # Errors
/// It is too large, or no JSON whatever is mended.
pub(super) fn parse(payload: &[u8], problems: &mut Problems) -> Result<Value, Undecodable> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Undecodable::new(RejectReason::TooLarge, "the payload is larger than 1 MiB"));
    }
    let text = text(payload, problems);
    let first = match (!has_many_digits(&text)).then(|| serde_json::from_str(&text)) {
        Some(Ok(value)) => return Ok(value),
        Some(Err(error)) => Some(error),
        None => None,
    };
    let mended = mended(&text);
    match (serde_json::from_str(&mended), first) {
        (Ok(value), None) => Ok(value),
        (Ok(value), Some(error)) => {
            problems.add(format!("the payload is not quite JSON (line {}, column {}); it was mended", error.line(), error.column()));
            Ok(value)
        }
        (Err(error), first) => {
            // The error's own text may quote the payload.
            let error = first.unwrap_or(error);
            Err(Undecodable::new(
                RejectReason::BadJson,
                format!("the payload is not JSON: line {}, column {}", error.line(), error.column()),
            ))
        }
    }
}

/// The payload's text without what stands around it: a byte order mark, NULs, white space.
fn text<'p>(payload: &'p [u8], problems: &mut Problems) -> Cow<'p, str> {
    if let Ok(text) = std::str::from_utf8(payload)
        && !text.starts_with('\u{feff}')
        && !payload.contains(&0)
    {
        return Cow::Borrowed(text);
    }
    let is_of = |mark: [u8; 2], first: fn(&[u8]) -> bool| payload.starts_with(&mark) || payload.get(..2).is_some_and(first);
    let wide = if is_of([0xff, 0xfe], |pair| pair[0] != 0 && pair[1] == 0) {
        Some(u16::from_le_bytes as fn([u8; 2]) -> u16)
    } else if is_of([0xfe, 0xff], |pair| pair[0] == 0 && pair[1] != 0) {
        Some(u16::from_be_bytes as fn([u8; 2]) -> u16)
    } else {
        None
    };
    let text = match wide {
        Some(unit) => {
            problems.add("the payload is UTF-16; it should be UTF-8");
            let units: Vec<u16> = payload.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        None => String::from_utf8_lossy(payload).into_owned(),
    };
    if wide.is_none() && std::str::from_utf8(payload).is_err() {
        problems.add("the payload is not UTF-8; what cannot be read is U+FFFD");
    }
    let trimmed = text.trim_matches(['\u{feff}', '\0', ' ', '\t', '\r', '\n']);
    if trimmed.len() < text.trim().len() && wide.is_none() {
        problems.add("a byte order mark or NULs around the payload are left out");
    }
    Cow::Owned(trimmed.to_owned())
}

fn has_many_digits(text: &str) -> bool {
    let mut run = 0;
    text.bytes().any(|byte| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run >= MANY_DIGITS
    })
}

/// The JSON with what writers get wrong put right: halves of surrogate pairs, unknown escapes and raw control characters in
/// strings, integers of any length (they become strings), NaN, a comma before a closing bracket, endless nesting.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len() + 16);
    // What lies too deep is read, so that its end is found.
    let mut ignored = String::new();
    let mut levels = 0_usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let out = if levels > MOST_LEVELS { &mut ignored } else { &mut mended };
        let token = match first {
            '"' => string(rest, out),
            '-' | '0'..='9' => number(rest, out),
            'N' | 'I' if rest.starts_with("NaN") || rest.starts_with("Infinity") => {
                out.push_str("null");
                if first == 'N' { 3 } else { 8 }
            }
            ',' if rest[1..].trim_start().starts_with(['}', ']']) => 1,
            '{' | '[' => {
                levels += 1;
                match levels {
                    ..=MOST_LEVELS => mended.push(first),
                    level if level == MOST_LEVELS + 1 => mended.push_str("null"),
                    _ => {}
                }
                1
            }
            '}' | ']' => {
                if levels <= MOST_LEVELS {
                    mended.push(first);
                }
                levels = levels.saturating_sub(1);
                1
            }
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[token..];
        ignored.clear();
    }
    mended
}

/// Copies a string that begins `text`; how many bytes it has there.
fn string(text: &str, out: &mut String) -> usize {
    out.push('"');
    let mut rest = &text[1..];
    while let Some(first) = rest.chars().next() {
        let escape = rest.as_bytes().get(1).copied();
        let token = match (first, escape) {
            ('"', _) => {
                out.push('"');
                return text.len() - rest.len() + 1;
            }
            ('\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                out.push_str(&rest[..2]);
                2
            }
            ('\\', Some(b'u')) => unit(rest, out),
            ('\\', Some(b'\'')) => {
                out.push('\'');
                2
            }
            // An escape that there is not: a backslash that was meant as one.
            ('\\', _) => {
                out.push_str("\\\\");
                1
            }
            (control, _) if control < ' ' => {
                out.extend(["\\u", &format!("{:04x}", u32::from(control))]);
                1
            }
            (other, _) => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[token..];
    }
    text.len()
}

/// Copies a `\u` escape, with its second half where it has one; a half alone is U+FFFD.
fn unit(text: &str, out: &mut String) -> usize {
    let code = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    match code(text) {
        None => {
            out.push_str("\\\\");
            1
        }
        Some(0xd800..=0xdbff) if matches!(code(&text[6..]), Some(0xdc00..=0xdfff)) => {
            out.push_str(&text[..12]);
            12
        }
        Some(0xd800..=0xdfff) => {
            out.push_str("\\ufffd");
            6
        }
        Some(_) => {
            out.push_str(&text[..6]);
            6
        }
    }
}

/// Copies a number; an integer that is too long for one, or that begins with a zero, is a string of its digits.
fn number(text: &str, out: &mut String) -> usize {
    if text.starts_with("-Infinity") {
        out.push_str("null");
        return 9;
    }
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(text.len());
    let token = &text[..end];
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_integer = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_integer && (digits.len() >= MANY_DIGITS || (digits.len() > 1 && digits.starts_with('0'))) {
        out.extend(["\"", token, "\""]);
    } else {
        out.push_str(token);
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(payload: &[u8]) -> (Option<Value>, usize) {
        let mut problems = Problems::default();
        let value = parse(payload, &mut problems).ok();
        (value, problems.into_sentences().len())
    }

    #[test]
    fn one_bad_byte_is_mended_and_noted() {
        let wide =
            |bytes: fn(u16) -> [u8; 2], mark: &[u8]| [mark, &"{\"a\":\"ä\"}".encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat();
        let table: Vec<(Vec<u8>, Value, usize)> = vec![
            (b" {\"a\": 1}\r\n".to_vec(), json!({"a": 1}), 0),
            (b"\xef\xbb\xbf{\"a\":1}".to_vec(), json!({"a": 1}), 1),
            (b"{\"a\":1}\0\0".to_vec(), json!({"a": 1}), 1),
            (b"{\"a\":1}\n\0\n".to_vec(), json!({"a": 1}), 1),
            (b"{\"a\":\"\xff!\"}".to_vec(), json!({"a": "\u{fffd}!"}), 1),
            (wide(u16::to_le_bytes, b"\xff\xfe"), json!({"a": "ä"}), 1),
            (wide(u16::to_be_bytes, b"\xfe\xff"), json!({"a": "ä"}), 1),
            (wide(u16::to_le_bytes, b""), json!({"a": "ä"}), 1),
            (wide(u16::to_be_bytes, b""), json!({"a": "ä"}), 1),
            (br#"{"a":"x\ud800y"}"#.to_vec(), json!({"a": "x\u{fffd}y"}), 1),
            (br#"{"a":"\udc00\ud83d\ude00\ud83d"}"#.to_vec(), json!({"a": "\u{fffd}😀\u{fffd}"}), 1),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#.to_vec(), json!({"a": "\u{fffd}😀"}), 1),
            (br#"{"a":"C:\disk\u12 it\'s"}"#.to_vec(), json!({"a": "C:\\disk\\u12 it's"}), 1),
            (b"{\"a\":\"two\nlines\ttab\"}".to_vec(), json!({"a": "two\nlines\ttab"}), 1),
            (b"{\"a\":[NaN,Infinity,-Infinity,-1.5e3,],}".to_vec(), json!({"a": [null, null, null, -1500.0]}), 1),
            (b"{\"a\":123456789012345678901234}".to_vec(), json!({"a": "123456789012345678901234"}), 0),
            (
                b"{\"a\":-9223372036854775809,\"b\":18446744073709551615}".to_vec(),
                json!({"a": "-9223372036854775809", "b": "18446744073709551615"}),
                0,
            ),
            (b"{\"a\":007}".to_vec(), json!({"a": "007"}), 1),
            (b"{\"a\":0.1234567890123456789012}".to_vec(), json!({"a": 0.123_456_789_012_345_68}), 0),
        ];
        for (payload, value, notes) in table {
            assert_eq!(read(&payload), (Some(value), notes), "{}", String::from_utf8_lossy(&payload));
        }
        let deep = format!("{{\"deep\":{}\"}}]\"{},\"a\":1}}", "[1,".repeat(500), "]".repeat(500));
        assert_eq!(read(deep.as_bytes()).0.map(|value| value["a"].clone()), Some(json!(1)));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for payload in [&b"{"[..], b"", b"\0", b"\xff\xfe", b"<alert/>", b"{\"a\":}", b"{\"a\":\"\\", b"{'a':1}", b"alert", b"{\"a\":1}}"] {
            assert_eq!(read(payload).0, None, "{}", String::from_utf8_lossy(payload));
        }
    }

    proptest! {
        /// What is JSON already is the same after mending, but for numbers that would have lost digits.
        #[test]
        fn mending_changes_nothing_that_is_right(texts in proptest::collection::vec(any::<String>(), 0..5), number in -999_999_999_i64..999_999_999) {
            let value = json!({ "texts": texts, "number": number, "deep": [[{"a": [number, null, true, 1.5]}]] });
            let text = value.to_string();
            prop_assert_eq!(serde_json::from_str::<Value>(&mended(&text)).ok(), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(payload in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'u'), Just(b'd'), Just(b'"')], 0..80)) {
            let _ = read(&payload);
        }
    }
}
