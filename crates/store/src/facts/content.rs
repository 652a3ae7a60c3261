//! What an alert's messages say, when several of its events say it.
//!
//! A later event adds to what the earlier ones said, and what it leaves out stays. As events arrive in any order, each part is
//! kept with the event that said it last.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchbell_core::EventId;
use watchbell_core::event::AlertData;

/// A part of the text, and the event that it is from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Attributed<T> {
    value: T,
    by: EventId,
}

/// The parts that later events bring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<Attributed<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Attributed<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Attributed<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Attributed<Map<String, Value>>>,
}

impl Content {
    /// Adds what an event says; `is_later` tells whether another event happened after it.
    pub fn say(&mut self, data: &AlertData, by: &EventId, is_later: impl Fn(&EventId) -> bool) {
        // An event without a summary was given the alert's id for one: that is no news.
        let summary = Some(&data.summary).filter(|summary| **summary != data.alert_id);
        say(&mut self.summary, summary, by, &is_later);
        say(&mut self.details, data.details.as_ref(), by, &is_later);
        say(&mut self.url, data.url.as_ref(), by, &is_later);
        say(&mut self.labels, Some(&data.labels).filter(|labels| !labels.is_empty()), by, &is_later);
    }

    /// Forgets what events say that count no more.
    pub fn retain(&mut self, counts: impl Fn(&EventId) -> bool) {
        self.summary.take_if(|said| !counts(&said.by));
        self.details.take_if(|said| !counts(&said.by));
        self.url.take_if(|said| !counts(&said.by));
        self.labels.take_if(|said| !counts(&said.by));
    }

    /// Puts what is said in the place of what one event says.
    pub fn complete(&self, data: &mut AlertData) {
        if let Some(said) = &self.summary {
            data.summary.clone_from(&said.value);
        }
        data.details = self.details.as_ref().map(|said| said.value.clone()).or(data.details.take());
        data.url = self.url.as_ref().map(|said| said.value.clone()).or(data.url.take());
        if let Some(said) = &self.labels {
            data.labels.clone_from(&said.value);
        }
    }

    pub fn summary(&self) -> Option<&str> {
        self.summary.as_ref().map(|said| said.value.as_str())
    }

    pub fn url(&self) -> Option<&str> {
        self.url.as_ref().map(|said| said.value.as_str())
    }

    pub fn labels(&self) -> Option<&Map<String, Value>> {
        self.labels.as_ref().map(|said| &said.value)
    }

    /// Whether messages say the same by both, whoever said it.
    pub fn reads_as(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: Option<&Attributed<T>>, other: Option<&Attributed<T>>) -> bool {
            one.map(|said| &said.value) == other.map(|said| &said.value)
        }
        same(self.summary.as_ref(), other.summary.as_ref())
            && same(self.details.as_ref(), other.details.as_ref())
            && same(self.url.as_ref(), other.url.as_ref())
            && same(self.labels.as_ref(), other.labels.as_ref())
    }
}

fn say<T: Clone>(said: &mut Option<Attributed<T>>, value: Option<&T>, by: &EventId, is_later: impl Fn(&EventId) -> bool) {
    if let Some(value) = value
        && !said.as_ref().is_some_and(|said| is_later(&said.by))
    {
        *said = Some(Attributed { value: value.clone(), by: by.clone() });
    }
}
