//! AWS Signature Version 4: how a request shows Amazon whose it is.
//!
//! Nothing of the secret goes over the wire: it signs the method, the URL, the headers and the body's hash, and the time, from which
//! Amazon's clock may be off by five minutes. A pure function; the rules are those of "Create a signed AWS API request".

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use ring::{digest, hmac};
use url::Url;
use watchbell_core::{Secret, Timestamp};

use super::encode;

/// Whose requests they are.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
    pub region: String,
    /// What Amazon calls the service in signatures, such as `ses`.
    pub service: String,
}

/// The time as the header `x-amz-date` has it: `20150830T123600Z`.
pub fn date(now: Timestamp) -> String {
    let text = now.to_string();
    let digits = text.chars().take_while(|letter| *letter != '.').filter(|letter| letter.is_ascii_digit() || *letter == 'T');
    digits.chain(['Z']).collect()
}

/// What goes into the header `authorization`. `headers` are all that are signed, `host` and `x-amz-date` among them, with names in
/// lower case; `date` is what the latter says.
pub fn authorization(credentials: &Credentials, method: &str, url: &Url, headers: &[(&str, &str)], body: &[u8], date: &str) -> String {
    let (request, signed_headers) = canonical_request(method, url, headers, body);
    let day = &date[..date.len().min(8)];
    let scope = format!("{day}/{}/{}/aws4_request", credentials.region, credentials.service);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(request.as_bytes()));
    let first = format!("AWS4{}", credentials.secret_access_key.expose());
    let parts = [day, &credentials.region, &credentials.service, "aws4_request"];
    let key = parts.into_iter().fold(first.into_bytes(), |key, part| sign(&key, part));
    let signature = hex::encode(sign(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}", credentials.access_key_id)
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// The request as it is signed, and the names of the headers in it.
fn canonical_request(method: &str, url: &Url, headers: &[(&str, &str)], body: &[u8]) -> (String, String) {
    // The path as it is sent is encoded once more, as all services but S3 have it.
    let mut path = String::new();
    for (at, segment) in url.path().split('/').enumerate() {
        if at > 0 {
            path.push('/');
        }
        encode(&mut path, segment);
    }
    let mut query: Vec<(String, String)> =
        url.query().into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()).map(pair).collect();
    query.sort();
    let query = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let mut sorted = headers.to_vec();
    sorted.sort_unstable();
    let mut lines = String::new();
    for (name, value) in &sorted {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(lines, "{name}:{value}");
    }
    let names = sorted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    (format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", hash(body)), names)
}

/// A parameter, decoded and encoded anew: in one way, whatever way it came in.
fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let anew = |part: &str| {
        let mut encoded = String::new();
        encode(&mut encoded, &percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy());
        encoded
    };
    (anew(name), anew(value))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    /// Those of Amazon's test suite.
    fn credentials(session_token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: session_token.map(Secret::new),
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
        }
    }

    /// A case of the suite: method, what comes after the host, further headers, body, and what it has to come to.
    type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], &'c str, &'c str, &'c str);

    /// The suite's `get-vanilla`, `post-vanilla`, `get-vanilla-query-order-key-case`, `post-x-www-form-urlencoded` and
    /// `get-header-value-trim`; the others by Python's hmac.
    #[test]
    fn amazon_s_test_suite() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let table: [Case<'_>; 9] = [
            ("GET", "/", &[], "", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "/", &[], "", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                "",
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("GET", "/%E1%88%B4", &[], "", "host;x-amz-date", "697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d"),
            ("GET", "/example%20space/", &[], "", "host;x-amz-date", "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662"),
            ("GET", "/?b=%2F+x&a=&a=1", &[], "", "host;x-amz-date", "cb374f3588ccea5c178e2ca0d94e24cfed950ec716f57dd342c93fb26c583000"),
            (
                "POST",
                "/",
                &[form],
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "GET",
                "/",
                &[("my-header1", "  value1  "), ("my-header2", " \"a   b   c\" ")],
                "",
                "host;my-header1;my-header2;x-amz-date",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "POST",
                "/v2/email/outbound-emails",
                &[("content-type", "application/json"), ("x-amz-security-token", "t0k3n")],
                "{}",
                "content-type;host;x-amz-date;x-amz-security-token",
                "aafccd50747782ed47a2c1689a3e39040a74a3dbd4ca4f56848e76c653ebc55f",
            ),
        ];
        let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00.250Z").unwrap();
        assert_eq!(date(now), "20150830T123600Z");
        for (method, path, more, body, names, signature) in table {
            let url = Url::parse(&format!("https://example.amazonaws.com{path}")).unwrap();
            let date = date(now);
            let headers: Vec<_> =
                [("x-amz-date", date.as_str()), ("host", "example.amazonaws.com")].into_iter().chain(more.iter().copied()).collect();
            let given = authorization(&credentials(None), method, &url, &headers, body.as_bytes(), &date);
            let scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
            let expected = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}");
            assert_eq!(given, expected, "{method} {path}");
        }
        assert!(!format!("{:?}", credentials(Some("hush"))).contains("hush"));
    }
}
