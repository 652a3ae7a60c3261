//! `multipart/form-data` (RFC 7578) as far as texts go. Files are passed over: no field here is one.

use crate::problem::Problem;

/// The texts of a body, by name.
pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let boundary = content_type.split(';').skip(1).find_map(|parameter| value_of(parameter, "boundary"));
    let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len())).ok_or_else(|| broken("no valid boundary"))?;
    let delimiter = format!("\r\n--{boundary}");
    // Before the first delimiter there need be no line.
    let body = [b"\r\n", body].concat();
    let mut parts = split(&body, delimiter.as_bytes()).into_iter().skip(1);
    let mut texts = Vec::new();
    for part in &mut parts {
        if part.starts_with(b"--") {
            return Ok(texts);
        }
        texts.extend(text(part)?);
    }
    Err(broken("the body does not end with its boundary"))
}

/// A part's name and value; none of a file.
fn text(part: &[u8]) -> Result<Option<(String, String)>, Problem> {
    let [head, value] = split_once(part, b"\r\n\r\n").ok_or_else(|| broken("a part has no head"))?;
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.to_owned())
    });
    let disposition = disposition.ok_or_else(|| broken("a part has no name"))?;
    let parameters = || disposition.split(';').skip(1);
    if parameters().any(|parameter| value_of(parameter, "filename").is_some()) {
        return Ok(None);
    }
    let name = parameters().find_map(|parameter| value_of(parameter, "name")).ok_or_else(|| broken("a part has no name"))?;
    Ok(Some((name.to_owned(), String::from_utf8_lossy(value).into_owned())))
}

/// The value of a parameter such as `name="x"`.
fn value_of<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = parameter.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
}

fn split<'a>(mut rest: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some([part, after]) = split_once(rest, by) {
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

fn split_once<'a>(bytes: &'a [u8], by: &[u8]) -> Option<[&'a [u8]; 2]> {
    let at = bytes.windows(by.len()).position(|window| window == by)?;
    Some([&bytes[..at], &bytes[at + by.len()..]])
}

fn broken(why: &str) -> Problem {
    Problem::bad_request(format!("Multipart form parse error - {why}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"b-1\"";

    #[test]
    fn texts_are_read_and_files_passed_over() {
        let body = "--b-1\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nwait\r\n\
                    --b-1\r\ncontent-disposition: form-data; name=\"x\"; filename=\"y\"\r\nContent-Type: text/plain\r\n\r\n--\r\n\
                    --b-1\r\nContent-Disposition: form-data; name=position\r\n\r\n\r\n--b-1--\r\n";
        let texts = read(TYPE, body.as_bytes()).unwrap();
        assert_eq!(texts, [("type".to_owned(), "wait".to_owned()), ("position".to_owned(), String::new())]);
        assert_eq!(read(TYPE, b"--b-1--").unwrap(), []);
    }

    #[test]
    fn what_is_broken_says_why() {
        let table = [
            ("multipart/form-data", "--b-1--", "boundary"),
            ("multipart/form-data; boundary=", "--b-1--", "boundary"),
            (TYPE, "", "does not end"),
            (TYPE, "--b-1\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nwait", "does not end"),
            (TYPE, "--b-1\r\nwait\r\n--b-1--", "no head"),
            (TYPE, "--b-1\r\nA: b\r\n\r\nwait\r\n--b-1--", "no name"),
            (TYPE, "--b-1\r\nContent-Disposition: form-data\r\n\r\nwait\r\n--b-1--", "no name"),
        ];
        for (content_type, body, why) in table {
            let message = read(content_type, body.as_bytes()).unwrap_err().message;
            assert!(message.contains(why), "{body}: {message}");
        }
    }
}
