//! Header names in any case, and the percent-encoding of CloudEvents header values.

use std::borrow::Cow;

use crate::trace::TraceContext;

/// What carries a trace context: a header over HTTP and NATS, and an attribute of CloudEvents.
pub(super) const TRACEPARENT: &str = "traceparent";

/// The trace context that a message's or request's headers carry.
pub(super) fn trace(headers: &[(String, String)]) -> Option<TraceContext> {
    get(headers, TRACEPARENT)?.parse().ok()
}

/// The first value of the header of that name, in any case.
pub(super) fn get<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The first value of the CloudEvents attribute of that name, still encoded.
pub(super) fn attribute<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| attribute_name(key).is_some_and(|key| key.eq_ignore_ascii_case(name))).map(|(_, value)| value.as_str())
}

/// The name of the CloudEvents attribute that a header carries, if it carries one.
pub(super) fn attribute_name(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(3)?;
    prefix.eq_ignore_ascii_case("ce-").then_some(name)
}

/// The media type that the content type names, in lower case and without parameters; empty when there is none.
pub(super) fn media_type(headers: &[(String, String)]) -> String {
    let value = get(headers, "content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Undoes what section 3.1.3.2 of the CloudEvents HTTP binding (and the NATS binding with it) does to a header's value:
/// one level of double quotes, then percent-encoding. A value whose codes are no UTF-8 stands for itself.
pub(super) fn decode(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    let unquoted = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => Cow::Owned(unescape(inner)),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(value),
    };
    match unquoted {
        Cow::Borrowed(text) => percent_decode(text).unwrap_or(Cow::Borrowed(text)),
        Cow::Owned(text) => Cow::Owned(percent_decode(&text).map_or_else(|| text.clone(), Cow::into_owned)),
    }
}

/// The text of a header's value. What is no UTF-8 is Latin-1, as it was for HTTP before RFC 7230; then no two values are the
/// same text.
pub fn text_of_header(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// Replaces percent-codes by the bytes they stand for. A `%` that begins no code stands for itself.
///
/// None when the bytes are no UTF-8.
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok()
}

fn unescape(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_decoded_as_the_binding_says() {
        let table = [
            ("plain", "plain"),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("\"quoted \\\" and %25\"", "quoted \" and %"),
            ("100% of 5%", "100% of 5%"),
            ("%zz%4", "%zz%4"),
            ("%ff", "%ff"),
            ("/Überwachung", "/Überwachung"),
            ("\"", "\""),
            ("", ""),
        ];
        for (value, decoded) in table {
            assert_eq!(decode(value), decoded, "{value}");
        }
        assert_eq!(text_of_header("/Über".as_bytes()), "/Über");
        assert_eq!(text_of_header(b"/\xdcber"), "/Über");
    }

    #[test]
    fn header_names_are_found_in_any_case() {
        let headers = [("CE-Source".to_owned(), "s".to_owned()), ("Content-TYPE".to_owned(), "Application/JSON; x=y".to_owned())];
        assert_eq!(attribute(&headers, "source"), Some("s"));
        assert_eq!(attribute(&headers, "id"), None);
        assert_eq!(media_type(&headers), "application/json");
        assert_eq!(attribute_name("c€-id"), None);
    }
}
