//! The inbox: the one provider that is Watchbell itself, so no configuration names it.
//!
//! A notification is kept under its delivery's id. A worker that is killed in between leaves nothing unclear: whoever tries
//! again adds nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::ids::id_time;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Timestamp, canary};
use watchbell_metrics::{FloatGauge, Histogram, Registry};
use watchbell_store::StoreError;
use watchbell_store::preferences::{Notification, Notifications};

use crate::dispatch::{ChannelRoute, ProviderRoute};
use crate::provider::{AccountLimit, Address, Content, Found, Outgoing, Provider};
use crate::settings::{OnUnknown, RouteSettings};

/// As attempts name it.
const NAME: &str = "in_app";

/// The channel with its one provider: as many a second as the database takes, some at a time, so that other transitions get
/// their turn.
pub fn route(store: Arc<dyn Notifications>, on_unknown: OnUnknown, canary: CanaryMetrics) -> ChannelRoute {
    let limit = AccountLimit { per_second: 1e6, burst: 1_000, in_flight: 8, timeout: Duration::from_secs(10) };
    let provider =
        ProviderRoute { name: NAME.to_owned(), provider: Arc::new(InApp { store, canary }), limit, settings: RouteSettings::default() };
    ChannelRoute::new(Channel::InApp, vec![provider], on_unknown)
}

/// Writes notifications to the store.
pub struct InApp {
    store: Arc<dyn Notifications>,
    canary: CanaryMetrics,
}

/// How canaries fare; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct CanaryMetrics {
    took: Histogram,
    arrived_at: FloatGauge,
}

impl CanaryMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "watchbell_canary_seconds",
            "From a canary's event until its message arrived, where nobody is told",
            self.took.clone(),
        );
        let help = "When a canary last arrived here, in seconds since 1970; 0 before the first";
        registry.register("watchbell_canary_arrived_timestamp_seconds", help, self.arrived_at.clone());
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^52")]
    fn arrived(&self, message: &Outgoing) {
        if let Some(event_at) = id_time(message.about.event_id.as_str()) {
            self.took.observe_ms(message.now.ms_since(event_at));
        }
        self.arrived_at.set(message.now.as_millis() as f64 / 1_000.0);
    }
}

impl std::fmt::Debug for InApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InApp")
    }
}

#[async_trait]
impl Provider for InApp {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Inbox { user_id, category } = &message.to else {
            return Report::new(Outcome::BadAddress, "no_inbox".to_owned());
        };
        let notification = Notification {
            id: message.delivery_id.clone(),
            user_id: *user_id,
            category: category.clone(),
            title: message.content.subject.clone(),
            body: body(&message.content),
            url: message.content.url.clone(),
            created_at: message.now,
            seen_at: None,
            read_at: None,
            dismissed_at: None,
        };
        if !message.gate.opens().await {
            return Report::retry("not_wanted".to_owned());
        }
        // Both: nobody else's news are lost by a category that somebody took for something else.
        if notification.category.as_deref() == Some(canary::CATEGORY) && message.told.name == canary::USER {
            self.canary.arrived(message);
            return Report::accepted(message.delivery_id.0.clone());
        }
        match self.store.add_notification(notification).await {
            Ok(_) => Report::accepted(message.delivery_id.0.clone()),
            Err(error) => failed(&error),
        }
    }

    fn can_look_up(&self, _channel: Channel) -> bool {
        true
    }

    async fn look_up(&self, message: &Outgoing, _since: Timestamp) -> Option<Vec<Found>> {
        let Address::Inbox { user_id, .. } = &message.to else { return None };
        let kept = self.store.notification(*user_id, &message.delivery_id).await.ok()?;
        Some(kept.into_iter().map(|kept| Found { report: Report::accepted(kept.id.0.clone()), message_id: kept.id.0 }).collect())
    }
}

fn failed(error: &StoreError) -> Report {
    if error.is_passing() { Report::retry("database".to_owned()) } else { Report::new(Outcome::BadMessage, "database".to_owned()) }
}

/// The text without what an inbox shows beside it: the title above, the link below.
fn body(content: &Content) -> String {
    let text = &*content.text;
    let text = text.strip_prefix(&content.subject).filter(|rest| rest.is_empty() || rest.starts_with('\n')).unwrap_or(text);
    let text = match &content.url {
        Some(url) => text.strip_suffix(url.as_str()).filter(|rest| rest.is_empty() || rest.ends_with('\n')).unwrap_or(text),
        None => text,
    };
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_repeats_neither_title_nor_link() {
        let content = |text: &str| Content {
            subject: "Shipped".to_owned(),
            text: text.into(),
            url: Some("https://shop.example.org/7".to_owned()),
            ..Content::default()
        };
        let table = [
            ("Shipped\n\nYour order is on its way.\n\nhttps://shop.example.org/7", "Your order is on its way."),
            ("Shipped\n\nhttps://shop.example.org/7", ""),
            ("Shipped today: order 7.", "Shipped today: order 7."),
            ("Shipped\n\nSee https://shop.example.org/7", "See https://shop.example.org/7"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(body(&content(text)), expected, "{text}");
        }
    }
}
