//! Dead letters on NATS, for whoever wants to hear of them. The table is what counts.

use async_nats::{HeaderMap, HeaderValue};
use watchbell_core::decode::kind_of;
use watchbell_core::event::{EventKind, Original};

use crate::connection::Connection;

impl Connection {
    /// Publishes a dead letter to `watchbell.dead.{kind}` (`unknown` without a kind): the original payload, with the headers
    /// `Watchbell-Reason`, `Watchbell-Detail` and `Watchbell-Subject`. As [`Connection::publish`], it never waits.
    pub fn publish_dead_letter(&self, original: &Original, reason: &str, detail: &str) -> bool {
        let kind = kind_of(&original.subject).map_or("unknown", EventKind::as_str);
        let mut headers = HeaderMap::new();
        for (name, text) in [("Watchbell-Reason", reason), ("Watchbell-Detail", detail), ("Watchbell-Subject", &original.subject)] {
            headers.insert(name, one_line(text));
        }
        self.publish_with_headers(format!("watchbell.dead.{kind}"), headers, original.payload.clone())
    }
}

fn one_line(text: &str) -> HeaderValue {
    HeaderValue::from(text.replace(['\r', '\n', '\0'], " ").as_str())
}
