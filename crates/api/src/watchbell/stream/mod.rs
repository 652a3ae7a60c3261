//! `GET /stream`: what becomes of deliveries, as it happens, as server-sent events.
//!
//! All listeners of a process share one look at the database a second ([`follower`]), whichever process does the sending. A stream begins
//! with a `snapshot`, the newest deliveries, and goes on with a `delivery` for each that changed. Who was away, or is too slow to take
//! all that happens, gets a snapshot again: so there is nothing to resume, and nothing is kept for anybody. A key that reads
//! everything is told of everybody's deliveries, a user key of its user's.
//!
//! A stream ends with its key or session, after an hour, and when the server stops.

mod follower;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use watchbell_core::UserId;
use watchbell_store::history::DeliveryFilter;

pub(crate) use self::follower::Follower;
use self::follower::Told;
use super::deliveries;
use crate::auth::Authenticated;
use crate::ending::Ending;
use crate::gates::{Listener, Stream};
use crate::problem::Problem;
use crate::session::{self, Session};
use crate::sse::{LIFE, UNBUFFERED};
use crate::state::Api;

/// How many deliveries a snapshot has.
const SNAPSHOT: i64 = 50;

/// How long a stream may go on after its key was deleted, or its browser has signed out.
const CHECK_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn stream(
    State(api): State<Api>,
    caller: Authenticated,
    session: Option<Extension<Session>>,
    ending: Option<Extension<Ending>>,
) -> Result<Response, Problem> {
    let only = deliveries::own_user(&caller)?;
    let place = api.gates.stream(Listener::Key(caller.0.key_id))?;
    // Listening begins before looking, so nothing can come in between.
    let told = api.follower.listen(&api);
    let first = snapshot(&api, only).await?;
    let mut check = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heartbeat = KeepAlive::new().interval(api.settings.heartbeat).text("heartbeat");
    let listening = Listening {
        caller,
        session: session.map(|Extension(session)| session),
        only,
        told,
        next: VecDeque::from([first]),
        check,
        ends_at: Instant::now() + LIFE,
        ending: ending.map(|Extension(Ending(token))| token).unwrap_or_default(),
        api,
        _place: place,
    };
    let events = stream::unfold(listening, |mut listening| async {
        let event = listening.next().await?;
        Some((Ok::<_, Infallible>(event), listening))
    });
    Ok((UNBUFFERED, Sse::new(events).keep_alive(heartbeat)).into_response())
}

async fn snapshot(api: &Api, only: Option<UserId>) -> Result<Event, Problem> {
    let filter = DeliveryFilter { user: only, limit: SNAPSHOT, ..DeliveryFilter::default() };
    let items: Vec<_> = api.store.deliveries(&filter).await?.iter().map(deliveries::write).collect();
    Ok(Event::default().event("snapshot").data(json!({ "items": items }).to_string()))
}

/// One client that listens.
struct Listening {
    api: Api,
    caller: Authenticated,
    session: Option<Session>,
    /// The only user whose deliveries it is told of.
    only: Option<UserId>,
    told: Receiver<Arc<Told>>,
    next: VecDeque<Event>,
    check: Interval,
    ends_at: Instant,
    ending: CancellationToken,
    /// Among the key's streams.
    _place: Stream,
}

impl Listening {
    /// What the client is told next; None at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some(event);
            }
            tokio::select! {
                () = self.ending.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends_at) => return None,
                _ = self.check.tick() => match session::still_counts(&self.api, &self.caller, self.session.as_ref()).await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    // Nothing can be told anyway until the database is back, and then this is asked again.
                    Err(problem) => tracing::debug!(error = problem.chain(), "a stream could not look whether its key still counts"),
                },
                told = self.told.recv() => match told {
                    Ok(told) => self.next.extend(told.event_for(self.only)),
                    Err(RecvError::Lagged(_)) => match snapshot(&self.api, self.only).await {
                        Ok(snapshot) => self.next.push_back(snapshot),
                        // The client connects again, and begins with a snapshot.
                        Err(_) => return None,
                    },
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }
}
