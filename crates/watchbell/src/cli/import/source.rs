//! A system that people move in from, asked page by page, and with patience: their limits are counted by the minute.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use watchbell_core::{Clock, Secret, SystemClock};

use crate::cli::client::{self, Client, Server};
use crate::cli::output::complain;

/// How long, and how often for one page, the source may ask to be left alone.
const LONGEST_WAIT_S: u64 = 120;
const MOST_WAITS: usize = 5;

/// Pages of a list. A source that says for ever that there are more is not believed.
const MOST_PAGES: usize = 10_000;

#[derive(Debug)]
pub struct Source(Client);

impl Source {
    /// `scheme` is what stands before the key in the header.
    pub fn new(url: &str, key: &Secret, scheme: &'static str) -> Result<Self, client::Error> {
        Server::new(url.trim_end_matches('/').to_owned(), key.clone()).client_with(scheme).map(Self)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, client::Error> {
        patiently(&SystemClock, async || self.0.get(path, query).await).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, client::Error> {
        patiently(&SystemClock, async || self.0.post(path, &[], Some(body)).await).await
    }

    /// Every entry of a list: `of_page` is what asks for a page, counted from 0, and `read` says what is on one, and whether
    /// there are more.
    pub async fn pages<P: DeserializeOwned, T, const N: usize>(
        &self,
        path: &str,
        query: &[(&str, String)],
        of_page: impl Fn(usize) -> [(&'static str, String); N],
        read: impl Fn(P) -> (Vec<T>, bool),
    ) -> Result<Vec<T>, client::Error> {
        let mut found = Vec::new();
        for page in 0..MOST_PAGES {
            let query: Vec<_> = query.iter().cloned().chain(of_page(page)).collect();
            let (entries, has_more) = read(self.get(path, &query).await?);
            // A page with nothing on it is the last one, whatever it says.
            let is_empty = entries.is_empty();
            found.extend(entries);
            if is_empty || !has_more {
                break;
            }
        }
        Ok(found)
    }
}

/// Asks again when the source has had enough for now.
async fn patiently<T>(clock: &dyn Clock, ask: impl AsyncFn() -> Result<T, client::Error>) -> Result<T, client::Error> {
    for _ in 0..MOST_WAITS {
        match ask().await {
            Err(client::Error::TooOften { retry_s }) if retry_s <= LONGEST_WAIT_S => {
                complain(&format!("the source takes no more requests for {retry_s} s: waiting"));
                clock.sleep(Duration::from_secs(retry_s)).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_has_had_enough_is_asked_again_later_and_not_for_ever() {
        let clock = watchbell_core::ManualClock::new(watchbell_core::Timestamp::from_millis(0));
        let asked = std::cell::Cell::new(0);
        let ask = async |refusals: usize, retry_s: u64| {
            asked.set(0);
            let ask = async || {
                asked.set(asked.get() + 1);
                if asked.get() > refusals { Ok(asked.get()) } else { Err(client::Error::TooOften { retry_s }) }
            };
            let passing = async {
                loop {
                    clock.advance(Duration::from_secs(1));
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { answer = patiently(&clock, ask) => answer.ok(), () = passing => None }
        };
        assert_eq!(ask(2, 59).await, Some(3));
        assert_eq!(ask(MOST_WAITS + 1, 59).await, None);
        assert_eq!((ask(1, LONGEST_WAIT_S + 1).await, asked.get()), (None, 1));
    }
}
