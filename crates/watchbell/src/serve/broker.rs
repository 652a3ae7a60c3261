//! What goes over NATS beside events: wake-ups between processes, and outcomes for whoever listens.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::StreamExt;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use watchbell_channels::dispatch::Progress;
use watchbell_core::delivery::Purpose;
use watchbell_core::event::Answer;
use watchbell_core::outcome::Class;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, Clock, DeliveryId, Reason, Timestamp, TraceContext, UserId};
use watchbell_ingest::{Connection, Message};
use watchbell_store::intake::Answered;
use watchbell_store::queue::Next;
use watchbell_store::wake::Moved;
use watchbell_store::{Scope, Store, StoreError};
use watchbell_traces::Tracer;

/// Tells this process's wake-ups from others': process ids do not, as each container has a process 1.
static PROCESS: LazyLock<String> = LazyLock::new(|| rand::random::<u64>().to_string());

/// Tells other processes what this one made due, and hears what they did. A wake-up that is lost costs a second at most.
pub async fn share_wakes(store: Arc<dyn Store>, broker: Option<Connection>, stop: CancellationToken) {
    let tell = async {
        let mut local = store.wakes().local();
        loop {
            match local.recv().await {
                Ok(channels) => tell_others(&store, broker.as_ref(), &channels).await,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    };
    let hear = async {
        let Some(broker) = &broker else { return std::future::pending().await };
        let mut wakes = match broker.client().subscribe("watchbell.wake.*").await {
            Ok(wakes) => wakes,
            Err(error) => {
                tracing::warn!(%error, "wake-ups of other processes cannot be heard; they are noticed a second later");
                return std::future::pending().await;
            }
        };
        while let Some(message) = wakes.next().await {
            let channel = message.subject.rsplit('.').next().and_then(Channel::from_db);
            if let Some(channel) = channel.filter(|_| message.payload != PROCESS.as_bytes()) {
                store.wakes().heard(&BTreeSet::from([channel]));
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = tell => {}
        () = hear => {}
    }
}

/// Through the broker, or through the database while there is none.
async fn tell_others(store: &Arc<dyn Store>, broker: Option<&Connection>, channels: &BTreeSet<Channel>) {
    // This process is told by itself already; the message carries nothing but whose it is.
    let told = broker.is_some_and(|broker| {
        channels.iter().all(|channel| broker.publish(format!("watchbell.wake.{channel}"), PROCESS.as_bytes().to_vec()))
    });
    if !told && let Err(error) = store.tell_others(channels).await {
        tracing::debug!(%error, "other processes could not be told; they look for themselves within a second");
    }
}

/// Publishes what became of deliveries as `watchbell.out.{state}`.
pub async fn publish_outcomes(mut progress: Receiver<Progress>, tracer: Tracer, broker: Connection, done: CancellationToken) {
    while let Some(progress) = next(&mut progress, &done).await {
        if let Some((subject, message)) = outcome(&progress, &tracer) {
            broker.publish_in_turn(subject, message).await;
        }
    }
}

/// Which traces belong to deliveries of which only the ids are known.
pub struct Traces {
    pub store: Arc<dyn Store>,
    pub tracer: Tracer,
}

impl Traces {
    /// The spans of their last calls, where traces are kept. What is published is published without them where the database does not
    /// answer.
    async fn last_calls(&self, deliveries: &[DeliveryId]) -> HashMap<DeliveryId, TraceContext> {
        if !self.tracer.is_on() {
            return HashMap::new();
        }
        self.store.last_calls(deliveries).await.unwrap_or_else(|error| {
            tracing::debug!(error = watchbell_core::error_chain(&error), "what is published is published without its traces");
            HashMap::new()
        })
    }
}

/// Publishes what became of deliveries without a call: `delivered` and `undelivered` by receipts, `cancelled`.
pub async fn publish_moves(mut moves: Receiver<Moved>, traces: Traces, broker: Connection, done: CancellationToken) {
    while let Some(moved) = next(&mut moves, &done).await {
        let outcome = json!({ "deliveryId": moved.id, "state": moved.state, "reason": moved.reason.as_ref().map(Reason::to_string) });
        let trace = traces.last_calls(std::slice::from_ref(&moved.id)).await.remove(&moved.id);
        let message = Message { payload: outcome.to_string().into_bytes(), trace };
        broker.publish_in_turn(format!("watchbell.out.{}", moved.state), message).await;
    }
}

/// Answers that are told at once.
const MOST_ANSWERS: i64 = 100;
/// How long a process has to tell the broker of an answer before another one does.
const TELL_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks for answers that another process took, or could not tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Publishes people's answers as `watchbell.out.answered`, each until the broker has it: whoever raised an alert is to learn that
/// somebody has it, also when the broker was away as they said so. One that is told twice names the same delivery and action.
pub async fn publish_answers(store: Arc<dyn Store>, traces: Traces, broker: Connection, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let work = async {
        loop {
            broker.connected().await;
            match tell_answers(store.as_ref(), &traces, &broker, clock.now()).await {
                Ok(true) => {}
                Ok(false) => tokio::select! {
                    () = store.wakes().answer() => {}
                    () = clock.sleep(LOOK_EVERY) => {}
                },
                Err(error) => {
                    tracing::debug!(%error, "answers could not be looked up; trying again");
                    clock.sleep(LOOK_EVERY).await;
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Whether there were any, and the broker has them.
async fn tell_answers(store: &dyn Store, traces: &Traces, broker: &Connection, now: Timestamp) -> Result<bool, StoreError> {
    let answers = store.take_answers(MOST_ANSWERS, now + TELL_WITHIN).await?;
    if answers.is_empty() {
        return Ok(false);
    }
    let deliveries: Vec<DeliveryId> = answers.iter().map(|answered| answered.answer.delivery.clone()).collect();
    let calls = traces.last_calls(&deliveries).await;
    let message = |answered: &Answered| {
        let trace = calls.get(&answered.answer.delivery).copied();
        Message { payload: answer(answered).to_string().into_bytes(), trace }
    };
    let is_told = broker.deliver(ANSWERED, answers.iter().map(message).collect()).await;
    if is_told {
        store.answers_told(&answers.into_iter().map(|answered| answered.event_id).collect::<Vec<_>>()).await?;
    }
    Ok(is_told)
}

const ANSWERED: &str = "watchbell.out.answered";

fn answer(Answered { alert_id, answer, at, .. }: &Answered) -> serde_json::Value {
    let Answer { action, delivery, user, channel, round } = answer;
    json!({
        "alertId": alert_id,
        "round": round,
        "user": user,
        "channel": channel,
        "delivery": delivery,
        "action": action,
        "time": at.to_string(),
    })
}

/// The next news; None once everybody who has some to tell is `done`, and all of it was told.
async fn next<T: Clone>(news: &mut Receiver<T>, done: &CancellationToken) -> Option<T> {
    loop {
        let next = tokio::select! {
            // What is ready is published before the end is noticed.
            biased;
            next = news.recv() => next,
            () = done.cancelled() => return None,
        };
        match next {
            Ok(news) => return Some(news),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "outcomes were not published: they came faster than they could be sent");
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

/// The subject of what became of a delivery, and what is published there.
fn outcome(Progress { job, finished }: &Progress, tracer: &Tracer) -> Option<(String, Message)> {
    let (state, reason) = match &finished.next {
        Next::Sent => ("sent", None),
        Next::Failed { reason, .. } => ("failed", Some(reason)),
        Next::Expired => ("expired", None),
        Next::Suppressed { reason } => ("suppressed", Some(reason)),
        // No attempt: the store tells of it, as it does of a receipt.
        Next::Undelivered { .. } => return None,
        Next::Retry { reason, .. } => ("retrying", Some(reason)),
    };
    let (alert_id, duty_id) = match &job.scope {
        Scope::Alert { id, .. } => (Some(id), None),
        Scope::Duty { id, .. } => (None, Some(id)),
        Scope::Event(_) => (None, None),
    };
    let attempt = finished.attempt.as_ref();
    let outcome = Outcome {
        delivery_id: &job.id,
        alert_id,
        duty_id,
        user_id: job.user_id,
        channel: job.channel,
        purpose: job.purpose,
        trigger: job.trigger,
        state,
        reason: reason.map(Reason::to_string),
        provider: attempt.map(|attempt| attempt.provider.as_str()),
        class: attempt.map(|attempt| attempt.class),
        due_at: job.due_at.to_string(),
        at: attempt.map(|attempt| attempt.at.to_string()),
    };
    match serde_json::to_vec(&outcome) {
        Ok(payload) => {
            let trace = tracer.carry(job.trace).map(|accept| accept.call(&job.id, job.attempts + 1));
            Some((format!("watchbell.out.{state}"), Message { payload, trace }))
        }
        Err(error) => {
            tracing::error!(%error, delivery.id = %job.id, "an outcome could not be written as JSON");
            None
        }
    }
}

/// What is published when a delivery got further by a call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    delivery_id: &'a DeliveryId,
    alert_id: Option<&'a String>,
    duty_id: Option<&'a String>,
    user_id: UserId,
    channel: Channel,
    purpose: Purpose,
    trigger: Trigger,
    state: &'static str,
    reason: Option<String>,
    provider: Option<&'a str>,
    class: Option<Class>,
    due_at: String,
    at: Option<String>,
}
