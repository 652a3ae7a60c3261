//! Texts that the configuration names by a URL, such as calendars, read again and again.
//!
//! Whose server it is says nothing about where it leads: every call passes the guard of [`crate::address_guard`], those to which it redirects
//! included. A text counts as a whole or not at all, and nothing that is said of a fault holds the URL, which may be a secret.

use std::time::Duration;

use http::HeaderMap;
use http::header::{ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use url::Url;
use watchbell_core::network::{OutOfReach, Reach};
use watchbell_core::outcome::Report;

use crate::address_guard::AddressGuard;
use crate::http::{Answer, Http};
use crate::settings::{CommonSettings, SettingError};

/// So often a server may say that it is somewhere else.
const MOST_REDIRECTIONS: usize = 3;

/// Reads feeds.
#[derive(Clone, Debug)]
pub struct Feeds {
    secure: Http,
    plain: Http,
    reach: Reach,
    largest: usize,
}

/// What a text was told apart by when it was last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    etag: Option<String>,
    last_modified: Option<String>,
}

/// What came of reading a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is what it was.
    Same,
    Text(Vec<u8>, Version),
}

/// Why a feed could not be read, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    #[error("its server could not be asked ({0})")]
    Failed(String),
    #[error("its server answered {0}")]
    Status(u16),
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("it breaks off")]
    CutOff,
    #[error("it leads to {0}")]
    OutOfReach(#[from] OutOfReach),
    #[error("its server redirects more than {MOST_REDIRECTIONS} times")]
    Redirections,
    #[error("its server redirects to what is no URL")]
    Location,
}

impl Feeds {
    /// Reads texts of up to that many bytes, within the time for each server that is asked.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(reach: Reach, largest: usize, timeout: Duration) -> Result<Self, SettingError> {
        let common = CommonSettings { timeout_s: Some(timeout.as_secs_f64()), ..CommonSettings::default() };
        let guarded = |is_plain| Http::guarded(&common, AddressGuard::new(reach.clone(), is_plain)).map(|http| http.whole(largest));
        Ok(Self { secure: guarded(false)?, plain: guarded(true)?, reach, largest })
    }

    /// Reads a text, unless it is the one that is known.
    ///
    /// # Errors
    /// It could not be read, not as a whole, or leads where it must not.
    pub async fn read(&self, url: &Url, known: Option<&Version>) -> Result<Fetched, FeedError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTIONS {
            self.reach.check(&url)?;
            let http = if url.scheme() == "https" { &self.secure } else { &self.plain };
            let mut request = http.get(&url);
            if let Some(etag) = known.and_then(|known| known.etag.clone()) {
                request = request.named_header(&IF_NONE_MATCH, etag);
            }
            if let Some(time) = known.and_then(|known| known.last_modified.clone()) {
                request = request.named_header(&IF_MODIFIED_SINCE, time);
            }
            let answer = http.call(request).await.map_err(|report| failed(&report, self.largest))?;
            match answer.status {
                200 => return Ok(Fetched::Text(answer.body.clone(), version(&answer.headers))),
                304 if known.is_some() => return Ok(Fetched::Same),
                301 | 302 | 303 | 307 | 308 => url = moved(&url, &answer)?,
                status => return Err(FeedError::Status(status)),
            }
        }
        Err(FeedError::Redirections)
    }
}

fn version(headers: &HeaderMap) -> Version {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
    Version { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// Where a server says that it is. What stood in the URL before for signing in is not taken along.
fn moved(from: &Url, answer: &Answer) -> Result<Url, FeedError> {
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok()).ok_or(FeedError::Location)?;
    let mut to = from.join(location).map_err(|_| FeedError::Location)?;
    if to.origin() != from.origin() {
        // Fails only for URLs without a host, which are no http URLs.
        let _ = (to.set_username(""), to.set_password(None));
    }
    Ok(to)
}

fn failed(report: &Report, largest: usize) -> FeedError {
    match report.code.as_deref() {
        Some("long_answer") => FeedError::TooLong(largest),
        Some("broken_answer") => FeedError::CutOff,
        Some("private_address") => FeedError::OutOfReach(OutOfReach::Private),
        Some("plain_http") => FeedError::OutOfReach(OutOfReach::Plain),
        code => FeedError::Failed(code.unwrap_or("no answer").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use crate::endpoint::reach;
    use crate::kinds::stand_in::{Act, Seen, StandIn};

    const LARGEST: usize = 1_000;

    fn feeds(allow: &[&str]) -> Feeds {
        let networks: Vec<_> = allow.iter().map(|text| (*text).to_owned()).collect();
        Feeds::new(reach(false, &networks).unwrap(), LARGEST, Duration::from_secs(2)).unwrap()
    }

    fn header<'s>(seen: &'s Seen, name: &str) -> &'s str {
        let mut lines = seen.headers.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    async fn read(acts: impl IntoIterator<Item = Act>) -> Result<Fetched, FeedError> {
        let server = StandIn::start(acts).await;
        feeds(&["127.0.0.0/8"]).read(&server.base(), None).await
    }

    #[tokio::test]
    async fn a_text_is_read_once_as_long_as_it_is_the_same() {
        let server = StandIn::start([
            Act::Answer(200, "ETag: \"v1\"\r\nLast-Modified: Tue, 01 Dec 2026 08:00:00 GMT\r\n", "text".to_owned()),
            Act::Answer(304, "", String::new()),
        ])
        .await;
        let feeds = feeds(&["127.0.0.0/8"]);
        let Fetched::Text(text, version) = feeds.read(&server.base(), None).await.unwrap() else { panic!("it is new") };
        assert_eq!(text, b"text");
        assert_eq!(feeds.read(&server.base(), Some(&version)).await, Ok(Fetched::Same));
        let asked = server.seen()[1].clone();
        assert_eq!((header(&asked, "if-none-match"), header(&asked, "if-modified-since")), ("\"v1\"", "Tue, 01 Dec 2026 08:00:00 GMT"));
    }

    #[tokio::test]
    async fn what_does_not_come_whole_does_not_come() {
        let long = "x".repeat(LARGEST + 1);
        assert_eq!(read([Act::Answer(200, "", long)]).await, Err(FeedError::TooLong(LARGEST)));
        assert_eq!(read([Act::Raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nBEGIN")]).await, Err(FeedError::CutOff));
        assert_eq!(read([Act::Answer(503, "", String::new())]).await, Err(FeedError::Status(503)));
        // Nobody asked whether it is the same.
        assert_eq!(read([Act::Answer(304, "", String::new())]).await, Err(FeedError::Status(304)));
        assert_eq!(read([Act::CloseUnread]).await, Err(FeedError::Failed("broken_connection".to_owned())));
    }

    #[tokio::test]
    async fn redirections_lead_no_further_than_the_first_call_may() {
        let to = |location: &'static str| Act::Answer(302, location, String::new());
        let found = read([to("Location: /elsewhere\r\n"), Act::Answer(200, "", "text".to_owned())]).await;
        assert_eq!(found, Ok(Fetched::Text(b"text".to_vec(), Version::default())));
        let table = [
            ("Location: http://10.0.0.1/secret\r\n", FeedError::OutOfReach(OutOfReach::Private)),
            ("Location: http://169.254.169.254/latest/meta-data\r\n", FeedError::OutOfReach(OutOfReach::Private)),
            ("Location: http://8.8.8.8/\r\n", FeedError::OutOfReach(OutOfReach::Plain)),
            ("Location: file:///etc/passwd\r\n", FeedError::OutOfReach(OutOfReach::Scheme)),
            ("Location: http://[\r\n", FeedError::Location),
            ("", FeedError::Location),
        ];
        for (location, why) in table {
            assert_eq!(read([to(location)]).await, Err(why), "{location}");
        }
        let round = (0..9).map(|_| to("Location: /again\r\n"));
        assert_eq!(read(round).await, Err(FeedError::Redirections));
        let server = StandIn::start([]).await;
        assert_eq!(feeds(&[]).read(&server.base(), None).await, Err(FeedError::OutOfReach(OutOfReach::Private)));
    }
}
