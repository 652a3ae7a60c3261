//! What goes over NATS beside events: wake-ups between processes, and outcomes for whoever listens.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use watchbell_channels::dispatch::Progress;
use watchbell_core::Channel;
use watchbell_ingest::Connection;
use watchbell_store::queue::Next;
use watchbell_store::{Scope, Store};

/// Tells other processes what this one made due, and hears what they did. A wake-up that is lost costs a second at most.
pub async fn share_wakes(store: Arc<dyn Store>, broker: Connection, stop: CancellationToken) {
    let tell = async {
        let mut local = store.wakes().local();
        loop {
            match local.recv().await {
                Ok(channels) => {
                    for channel in channels {
                        // This process is told by itself already; the message carries nothing else.
                        broker.publish(format!("watchbell.wake.{channel}"), std::process::id().to_string().into_bytes());
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    };
    let hear = async {
        let mut wakes = match broker.client().subscribe("watchbell.wake.*").await {
            Ok(wakes) => wakes,
            Err(error) => {
                tracing::warn!(%error, "wake-ups of other processes cannot be heard; they are noticed a second later");
                return std::future::pending().await;
            }
        };
        let own = std::process::id().to_string();
        while let Some(message) = wakes.next().await {
            let channel = message.subject.rsplit('.').next().and_then(Channel::from_db);
            if let Some(channel) = channel.filter(|_| message.payload != own.as_bytes()) {
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

/// Publishes what became of deliveries as `watchbell.out.{state}`.
pub async fn publish_outcomes(mut progress: Receiver<Progress>, broker: Connection, stop: CancellationToken) {
    loop {
        let next = tokio::select! {
            // What is ready is published before the end is noticed.
            biased;
            next = progress.recv() => next,
            () = stop.cancelled() => return,
        };
        match next {
            Ok(progress) => publish(&broker, &progress),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "outcomes were not published: they came faster than they could be sent")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn publish(broker: &Connection, Progress { job, finished }: &Progress) {
    let (state, reason) = match &finished.next {
        Next::Sent => ("sent", None),
        Next::Failed { reason, .. } => ("failed", Some(reason)),
        Next::Expired => ("expired", None),
        Next::Retry { reason, .. } => ("retrying", Some(reason)),
    };
    let (alert_id, duty_id) = match &job.scope {
        Scope::Alert { id, .. } => (Some(id), None),
        Scope::Duty { id, .. } => (None, Some(id)),
        Scope::Event(_) => (None, None),
    };
    let attempt = finished.attempt.as_ref();
    let outcome = json!({
        "deliveryId": job.id,
        "alertId": alert_id,
        "dutyId": duty_id,
        "userId": job.user_id,
        "channel": job.channel,
        "purpose": job.purpose,
        "trigger": job.trigger,
        "state": state,
        "reason": reason,
        "provider": attempt.map(|attempt| &attempt.provider),
        "class": attempt.map(|attempt| attempt.class),
        "dueAt": job.due_at.to_string(),
        "at": attempt.map(|attempt| attempt.at.to_string()),
    });
    broker.publish(format!("watchbell.out.{state}"), outcome.to_string().into_bytes());
}
