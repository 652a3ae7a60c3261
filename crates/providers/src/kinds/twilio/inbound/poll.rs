//! Fetching what people write where Twilio cannot call this server: the newest messages to our numbers, again and again.
//!
//! A list is newest first and narrowed by day only, so a position is the time of the newest message that was seen, with the ids of
//! those around it: several are created within one second, and one may show up late.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use http::Response;
use serde::Deserialize;
use url::Url;
use watchbell_core::Timestamp;

use super::super::look_up::created_at_text;
use super::text::{self, Said};
use super::{Callbacks, Form, value};
use crate::inbound::{Batch, Heard, InboundError, Source};

/// Between two questions. An answer that takes this long to be heard still comes before the next step of nearly every rule.
const PAUSE: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(5) };

/// Of one list.
const PAGE: usize = 100;

/// So many pages are read at once: more were not written to us since the last question, or somebody floods us.
const MOST_PAGES: usize = 10;

/// How late a message may show up behind a newer one, in milliseconds.
const LATE_MS: i64 = 60_000;

#[derive(Debug, Deserialize)]
struct Page {
    messages: Vec<Item>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    sid: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    date_created: String,
}

impl Item {
    fn at(&self) -> Option<Timestamp> {
        created_at_text(&self.date_created)
    }
}

/// How far it was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Position {
    newest: Timestamp,
    /// Those that are not older than [`LATE_MS`] before it.
    seen: BTreeSet<String>,
}

impl Position {
    fn read(text: &str) -> Option<Self> {
        let (ms, ids) = text.split_once(' ')?;
        let seen = ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        Some(Self { newest: Timestamp::from_millis(ms.parse().ok()?), seen })
    }

    fn write(&self) -> String {
        let ids: Vec<&str> = self.seen.iter().map(String::as_str).collect();
        format!("{} {}", self.newest.as_millis(), ids.join(","))
    }

    fn floor(&self) -> Timestamp {
        self.newest.plus_ms(-LATE_MS)
    }

    fn is_new(&self, item: &Item) -> bool {
        item.at().is_some_and(|at| at >= self.floor()) && !self.seen.contains(&item.sid)
    }

    /// The position after these.
    fn after(self, items: &[Item]) -> Self {
        let newest = items.iter().filter_map(Item::at).fold(self.newest, Ord::max);
        let floor = newest.plus_ms(-LATE_MS);
        let near = items.iter().filter(|item| item.at().is_some_and(|at| at >= floor)).map(|item| item.sid.clone());
        Self { newest, seen: near.collect() }
    }
}

#[expect(clippy::disallowed_methods, reason = "Twilio is not to be asked too often, whatever the clock of deliveries says")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

#[async_trait]
impl Source for Callbacks {
    async fn open(&self) -> Result<(), InboundError> {
        Ok(())
    }

    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError> {
        let Some(known) = position.and_then(Position::read) else {
            // What came before Watchbell began to listen answers nothing of its.
            let newest = self.list(None).await?;
            return Ok(Batch { heard: Vec::new(), position: Some(Position::default().after(&newest).write()) });
        };
        // A page at a time would ask too often, and a message is answered by people: nothing is lost by a pause.
        pause().await;
        let mut items = self.list(Some(known.floor())).await?;
        // Newest first as it is listed; within one second the list's order is all that there is.
        items.reverse();
        items.sort_by_key(Item::at);
        let heard: Vec<Heard> = items.iter().filter(|item| known.is_new(item)).map(heard).collect();
        let before = known.write();
        let position = known.after(&items).write();
        Ok(Batch { heard, position: Some(position).filter(|position| *position != before) })
    }

    async fn reply(&self, reply: Response<String>) -> Result<(), InboundError> {
        if reply.body().is_empty() {
            return Ok(());
        }
        let said: Form = url::form_urlencoded::parse(reply.body().as_bytes()).into_owned().collect();
        let form = ["From", "To", "Body"].map(|name| (name, value(&said, name).to_owned()));
        let request = self.http.post(&self.messages).basic_auth(&self.account_sid, self.auth_token.expose()).form(&form);
        let answer = self.http.call(request).await.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        if (200..300).contains(&answer.status) { Ok(()) } else { Err(InboundError(format!("HTTP {}", answer.status))) }
    }
}

fn heard(item: &Item) -> Heard {
    text::fetched(&Said { id: &item.sid, from: &item.from, body: &item.body, ..Said::default() }, &item.to)
}

impl Callbacks {
    /// What came in since then, of all our numbers; the newest page alone without a time.
    async fn list(&self, since: Option<Timestamp>) -> Result<Vec<Item>, InboundError> {
        let mut url = self.messages.clone();
        url.query_pairs_mut().append_pair("PageSize", &PAGE.to_string());
        if let [own] = &self.numbers[..] {
            url.query_pairs_mut().append_pair("To", own);
        }
        if let Some(since) = since {
            let day: String = since.to_string().chars().take(10).collect();
            url.query_pairs_mut().append_pair("DateSent>", &day);
        }
        let mut items = Vec::new();
        for _ in 0..if since.is_some() { MOST_PAGES } else { 1 } {
            let page = self.page(&url).await?;
            let is_old = |item: &Item| since.is_some_and(|since| item.at().is_some_and(|at| at < since));
            let reaches_back = page.messages.iter().any(is_old);
            items.extend(page.messages.into_iter().filter(|item| item.direction == "inbound" && self.is_ours(&item.to)));
            match page.next_page_uri.filter(|_| !reaches_back).and_then(|next| self.messages.join(&next).ok()) {
                // Another server would be given our token.
                Some(next) if next.origin() == self.messages.origin() => url = next,
                _ => break,
            }
        }
        Ok(items)
    }

    fn is_ours(&self, to: &str) -> bool {
        self.numbers.is_empty() || self.numbers.iter().any(|own| own == to)
    }

    async fn page(&self, url: &Url) -> Result<Page, InboundError> {
        let request = self.http.get(url).basic_auth(&self.account_sid, self.auth_token.expose());
        let answer = self.http.call(request).await.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        if answer.status != 200 {
            return Err(InboundError(format!("HTTP {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|_| InboundError("no list of messages".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sid: &str, second: u8) -> Item {
        Item {
            sid: sid.to_owned(),
            from: "+4915112345678".to_owned(),
            to: "+15005550006".to_owned(),
            body: "1".to_owned(),
            direction: "inbound".to_owned(),
            date_created: format!("Fri, 20 Nov 2026 08:00:{second:02} +0000"),
        }
    }

    #[test]
    fn a_position_remembers_what_stands_around_it() {
        let position = Position::default().after(&[item("SM1", 1), item("SM2", 2)]);
        let read = Position::read(&position.write());
        assert_eq!(read.as_ref(), Some(&position));
        let new = |sid, second| position.is_new(&item(sid, second));
        assert!(!new("SM1", 1) && !new("SM2", 2));
        assert!(new("SM3", 2), "two of one second");
        assert!(new("SM0", 0), "one that shows up late");
        assert!(new("SM4", 30));
        for bad in ["", "x y", "17"] {
            assert_eq!(Position::read(bad), None, "{bad}");
        }
    }
}
