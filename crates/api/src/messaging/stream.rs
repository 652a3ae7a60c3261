//! `GET /notifications/stream`: new notifications as they come, as server-sent events.
//!
//! The database is what counts: an announcement only says when to look. So notifications that another process wrote, or whose
//! announcement was missed, arrive within a second all the same, and a client that was away goes on after the last event
//! that it saw (`Last-Event-ID`). Without that header the stream starts with what comes from now on.
//!
//! A stream ends with its key: each look asks first whether that is still there, whichever process deleted it. It also ends after
//! an hour (clients connect again by themselves), and at once when the server stops.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use watchbell_core::{DeliveryId, KeyId, Timestamp, UserId};
use watchbell_store::page::Side;
use watchbell_store::preferences::{Notification, NotificationCursor, NotificationFilter};
use watchbell_store::{Notified, StoreError};

use super::{own_user, wire};
use crate::auth::{Authenticated, Intent};
use crate::ending::Ending;
use crate::gates::{Listener, Stream};
use crate::problem::Problem;
use crate::request::parameter;
use crate::sse::{LIFE, UNBUFFERED};
use crate::state::Api;

/// How long an announcement that did not come delays a notification at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Two processes may commit in another order than they took the time in. So each look goes back that far, and what was sent
/// already is left out.
const OVERLAP_MS: i64 = 10_000;

/// How many are read at once.
const PAGE: i64 = 100;

/// Beyond this many notifications within the overlap one might be sent again.
const REMEMBERED: usize = 1_000;

pub(super) async fn stream(
    State(api): State<Api>,
    caller: Authenticated,
    ending: Option<Extension<Ending>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Read)?;
    let place = api.gates.stream(Listener::User(user))?;
    // Listening begins before looking, so nothing can come in between.
    let announced = api.store.wakes().notified();
    let (floor, sent) = match last_seen(&headers)? {
        Some(cursor) => (cursor, VecDeque::new()),
        None => (NotificationCursor { created_at: Timestamp::default(), id: DeliveryId(String::new()) }, newest(&api, user).await?),
    };
    let after = sent.back().cloned().unwrap_or_else(|| floor.clone());
    let sent = sent.into_iter().map(|cursor| cursor.id).collect();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heartbeat = KeepAlive::new().interval(api.settings.heartbeat).text("heartbeat");
    let ending = ending.map(|Extension(Ending(token))| token).unwrap_or_default();
    let following = Following {
        key: caller.0.key_id,
        user,
        after,
        floor,
        sent,
        backlog: VecDeque::new(),
        announced,
        look,
        ends_at: Instant::now() + LIFE,
        ending,
        api,
        _place: place,
    };
    let events = stream::unfold(following, |mut following| async {
        let notification = following.next().await?;
        Some((Ok::<_, Infallible>(event(&notification)), following))
    });
    Ok((UNBUFFERED, Sse::new(events).keep_alive(heartbeat)).into_response())
}

fn event(notification: &Notification) -> Event {
    let data = json!(wire::notification(notification)).to_string();
    Event::default().id(notification.cursor().to_string()).event("notification").data(data)
}

/// What the client says it saw last.
fn last_seen(headers: &HeaderMap) -> Result<Option<NotificationCursor>, Problem> {
    const NAME: &str = "Last-Event-ID";
    let Some(value) = headers.get(NAME).filter(|value| !value.is_empty()) else { return Ok(None) };
    let cursor = value.to_str().ok().and_then(|text| text.parse().ok());
    cursor.map(Some).ok_or_else(|| parameter(NAME, "is none of ours", "send the id of the last event, or no such header"))
}

/// What is there already when a client begins to listen, oldest first: only what is new shall come.
async fn newest(api: &Api, user: UserId) -> Result<VecDeque<NotificationCursor>, Problem> {
    let filter = NotificationFilter { from: Side::Newest, category: None, status: None, limit: PAGE };
    let found = api.store.notifications(user, &filter).await?;
    Ok(found.iter().rev().map(Notification::cursor).collect())
}

/// One client that listens.
struct Following {
    api: Api,
    key: KeyId,
    user: UserId,
    /// The newest that was sent, or was there before.
    after: NotificationCursor,
    /// The last that the client had seen when it came: no look goes back beyond it.
    floor: NotificationCursor,
    /// The last that were sent or there before.
    sent: VecDeque<DeliveryId>,
    backlog: VecDeque<Notification>,
    announced: Receiver<Notified>,
    look: Interval,
    ends_at: Instant,
    ending: CancellationToken,
    /// Among the user's streams.
    _place: Stream,
}

impl Following {
    /// The next notification; None at the end.
    async fn next(&mut self) -> Option<Notification> {
        loop {
            if self.ending.is_cancelled() {
                return None;
            }
            if let Some(notification) = self.backlog.pop_front() {
                return Some(notification);
            }
            let is_worth_a_look = tokio::select! {
                () = self.ending.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends_at) => return None,
                _ = self.look.tick() => true,
                heard = self.announced.recv() => match heard {
                    Ok(notified) => notified.user_id == self.user,
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return None,
                },
            };
            if is_worth_a_look {
                match self.read().await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    // The next look tries again; that the database is away is said elsewhere, once.
                    Err(error) => tracing::debug!(%error, "a stream of notifications could not look for new ones"),
                }
            }
        }
    }

    /// Reads what is new since the last look; false when the key may not see it any more.
    async fn read(&mut self) -> Result<bool, StoreError> {
        if !self.api.store.has_key(self.key).await? {
            return Ok(false);
        }
        let back = NotificationCursor {
            created_at: Timestamp::from_millis(self.after.created_at.as_millis().saturating_sub(OVERLAP_MS)),
            id: DeliveryId(String::new()),
        };
        let mut from = if is_before(&back, &self.floor) { self.floor.clone() } else { back };
        loop {
            let filter = NotificationFilter { from: Side::Before(from), category: None, status: None, limit: PAGE };
            let mut page = self.api.store.notifications(self.user, &filter).await?;
            let is_last = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
            let Some(newest) = page.first().map(Notification::cursor) else { return Ok(true) };
            // Lists are newest first, streams oldest first.
            page.reverse();
            for notification in page {
                if !self.sent.contains(&notification.id) {
                    self.note(&notification);
                    self.backlog.push_back(notification);
                }
            }
            // A long backlog is handed on before more of it is read.
            if is_last || self.backlog.len() >= REMEMBERED / 2 {
                return Ok(true);
            }
            from = newest;
        }
    }

    fn note(&mut self, notification: &Notification) {
        let cursor = notification.cursor();
        if is_before(&self.after, &cursor) {
            self.after = cursor;
        }
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(notification.id.clone());
    }
}

fn is_before(one: &NotificationCursor, other: &NotificationCursor) -> bool {
    (one.created_at, &one.id) < (other.created_at, &other.id)
}
