//! The heartbeat that keeps this process's worker session, and what it finds of others.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::Timestamp;
use watchbell_store::queue::{Ready, Sending};

use super::channel::ChannelWorker;
use super::context::DispatchContext;

/// From the commit of a lease until the worker knows of it, at most.
const LEASE_IS_UNKNOWN_MS: i64 = 10_000;
/// Between a heartbeat that failed and the next.
const AGAIN: Duration = Duration::from_millis(100);

/// How often the heartbeat looks at the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Every {
    pub heartbeat: Duration,
    /// Between looks at what became ready; None where nobody else makes anything ready.
    pub recheck: Option<Duration>,
}

/// Renews the session at every heartbeat, shows what the `channels` are sending, and begins a new one when it was lost: the process had stood still for too long, and others
/// have taken over what it had leased. In between it looks for what became ready without anybody's saying so: a
/// wake-up from another process may be lost.
///
/// Nothing else happens here: what dead processes had leased is taken over in [`reap`], as that may have to wait for locks.
pub(super) async fn renew(context: Arc<DispatchContext>, channels: Vec<Arc<ChannelWorker>>, every: Every, stop: CancellationToken) {
    let Every { heartbeat: every, recheck } = every;
    let session = &context.session;
    let clock = &context.clock;
    let mut next = clock.now() + every;
    let mut is_failing = false;
    loop {
        let now = clock.now();
        // The shared clock may have been set back; seconds pass all the same.
        next = next.min(now + every);
        let look = recheck.filter(|recheck| now + *recheck < next);
        tokio::select! {
            () = stop.cancelled() => return,
            () = session.urgent.notified() => {}
            () = context.states.changed() => {}
            () = clock.sleep(look.unwrap_or(next - now)) => if look.is_some() {
                match context.store.ready().await {
                    Ok(ready) => wake(&context, &ready),
                    Err(error) => tracing::debug!(error = watchbell_core::error_chain(&error), "what is ready could not be looked up"),
                }
                continue;
            }
        }
        let sending: Vec<Sending> = channels.iter().filter_map(|worker| worker.sending()).collect();
        match context.store.heartbeat(session.epoch(), session.lease, &sending).await {
            Ok(heartbeat) => {
                next = clock.now() + every;
                if is_failing {
                    tracing::info!("worker.heartbeat works again");
                }
                is_failing = false;
                if heartbeat.is_alive {
                    if let Some(first) = session.see(&heartbeat) {
                        next = next.min(first.plus_ms(1));
                    }
                    if recheck.is_some() {
                        wake(&context, &heartbeat.ready);
                    }
                } else {
                    context.metrics.lost_sessions.inc();
                    tracing::warn!("this process stood still for longer than its lease; what it had claimed was taken over");
                    if let Err(error) = session.begin(context.store.as_ref()).await {
                        tracing::warn!(error = watchbell_core::error_chain(&error), "worker.enter failed; trying again");
                        next = clock.now() + AGAIN;
                    }
                }
                session.look_around.notify_one();
            }
            Err(error) => {
                // It tries again at once, with another connection: the other processes count the seconds.
                next = clock.now() + AGAIN;
                if !is_failing {
                    tracing::warn!(error = watchbell_core::error_chain(&error), "worker.heartbeat failed; trying again");
                }
                is_failing = true;
            }
        }
        session.renewed.notify_waiters();
        session.show(context.store.as_ref(), context.states.outages()).await;
    }
}

/// After each heartbeat takes over what dead processes had leased, and frees what this one has leased without knowing it.
pub(super) async fn reap(context: Arc<DispatchContext>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.session.look_around.notified() => {}
            // This never comes: a test sees by it that there is nothing to do.
            () = context.clock.sleep_until(Timestamp::MAX) => {}
        }
        let held = context.held.snapshot();
        let before = context.clock.now().plus_ms(-LEASE_IS_UNKNOWN_MS);
        if let Err(error) = context.store.reap(context.session.epoch(), &held, before).await {
            tracing::warn!(error = watchbell_core::error_chain(&error), "leases could not be taken over; trying again");
        }
    }
}

fn wake(context: &DispatchContext, ready: &Ready) {
    if !ready.channels.is_empty() {
        context.store.wakes().heard(&ready.channels);
    }
    if ready.fan_out {
        context.store.wakes().announce_fan_out();
    }
}
