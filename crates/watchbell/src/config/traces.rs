//! `[traces]`: where spans are told.

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;
use watchbell_core::Secret;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Empty: no traces are kept.
    endpoint: String,
    headers: Secret,
    sample: f64,
}

impl Traces {
    /// Where spans are posted.
    pub fn endpoint(&self) -> Option<Url> {
        Url::parse(&self.endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    }

    /// What every request has beside them.
    pub fn headers(&self) -> Vec<(HeaderName, Secret)> {
        self.lines().filter_map(read).collect()
    }

    /// Of the traces that begin here, the share that is sampled; None where none are kept.
    pub fn sample(&self) -> Option<f64> {
        self.endpoint().map(|_| self.sample)
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let endpoint = self.endpoint.is_empty() || self.endpoint().is_some();
        at.check(endpoint, "endpoint", "must be an http:// or https:// URL such as http://127.0.0.1:4318/v1/traces, or empty");
        let headers = self.lines().all(|line| read(line).is_some());
        at.check(headers, "headers", "must be NAME: VALUE, one header a line, such as \"Authorization: Bearer TOKEN\", or empty");
        at.check((0.0..=1.0).contains(&self.sample), "sample", "must be 0 to 1");
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.headers.expose().lines().map(str::trim).filter(|line| !line.is_empty())
    }
}

fn read(line: &str) -> Option<(HeaderName, Secret)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim();
    HeaderValue::from_str(value).ok().filter(|_| !value.is_empty())?;
    Some((name.trim().parse().ok()?, Secret::new(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_with_a_name_and_a_value() {
        let traces = |headers: &str| Traces { endpoint: String::new(), headers: Secret::new(headers), sample: 1.0 };
        let read = |headers: &str| {
            let all = traces(headers).headers();
            all.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect::<Vec<_>>()
        };
        assert_eq!(read("Authorization: Bearer a:b\n\nX-Team:  k \n"), ["authorization=Bearer a:b", "x-team=k"]);
        for wrong in ["Authorization", "Authorization:", "a b: c", ": c"] {
            assert_eq!(super::read(wrong).map(|(name, _)| name), None, "{wrong}");
        }
    }
}
