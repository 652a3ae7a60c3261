//! What an operator looks at: the audit log, users whom nothing reaches, channels.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::{Channel, KeyId, Timestamp};
use watchbell_store::Scope;
use watchbell_store::access::{AuditEntry, AuditFilter};
use watchbell_store::queue::WorkerSession;
use watchbell_wire::operators::{self as wire, BreakerState, ProviderFinding, UnreachableUser, UnreachableUsers};
use watchbell_wire::{Items, Named};

use super::page;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;
use crate::{ChannelStatus, ProviderStatus};

pub(super) async fn audit(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let filter = AuditFilter {
        before: page::numeric_cursor(&params)?,
        key: params.integer("key", &(0..=i64::MAX))?.map(KeyId),
        action: params.query("action")?.map(str::to_owned),
        object: params.query("object")?.map(|object| object.trim_end_matches('/').to_owned()),
        limit: limit + 1,
    };
    let entries = api.store.audit(&filter).await?;
    page::write(entries, limit, |entry| entry.id.to_string(), write)
}

fn write(entry: &AuditEntry) -> wire::AuditEntry {
    wire::AuditEntry {
        id: entry.id,
        at: entry.at.into(),
        action: entry.action.clone(),
        object: entry.object.clone(),
        key_id: entry.key_id.map(|key| key.0),
        address: entry.address.clone(),
        detail: entry.detail.clone(),
    }
}

pub(super) async fn unreachable(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let found = api.store.unreachable(page::limit(&params)?).await?;
    let total = api.store.unreachable_count().await?;
    let items = found.into_iter().map(|(scope, user, event, at)| {
        let (alert_id, duty_id) = match scope {
            Scope::Alert { id, .. } => (Some(id), None),
            Scope::Duty { id, .. } => (None, Some(id)),
            Scope::Event(_) => (None, None),
        };
        UnreachableUser { user_id: user.0, event_id: event.0, at: at.into(), alert_id, duty_id }
    });
    Ok(surface::json(StatusCode::OK, &UnreachableUsers { items: items.collect(), total }))
}

/// Every channel, and who serves it, as the workers that are alive find it; one without a provider sends nothing.
pub(super) async fn channels(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let processes = api.store.live_sessions().await?;
    let now = api.clock.now();
    let items = api.health.channels().iter().map(|status| channel(status, &processes, now)).collect();
    Ok(surface::json(StatusCode::OK, &Items { items }))
}

fn channel(status: &ChannelStatus, processes: &[WorkerSession], now: Timestamp) -> wire::ChannelStatus {
    let provider = |provider: &ProviderStatus| {
        let found = findings(processes, status.channel, &provider.name, now);
        let is_up = |finding: &ProviderFinding| finding.state.as_str() == BreakerState::Up.name();
        wire::ProviderStatus { name: provider.name.clone(), kind: provider.kind.clone(), up: found.iter().all(is_up), states: found }
    };
    let providers: Vec<_> = status.providers.iter().map(provider).collect();
    wire::ChannelStatus { channel: status.channel.into(), available: !providers.is_empty(), providers }
}

/// How the workers of a channel find a provider.
pub(super) fn findings(processes: &[WorkerSession], channel: Channel, provider: &str, now: Timestamp) -> Vec<ProviderFinding> {
    let finding = |(state, (workers, until)): (BreakerState, (u64, Option<Timestamp>))| ProviderFinding {
        state: state.into(),
        workers,
        until: until.map(Into::into),
    };
    found(processes, channel, provider, now).into_iter().map(finding).collect()
}

/// The same by state: for each state how many of them, and where they do not call it, until when at most.
fn found(
    processes: &[WorkerSession],
    channel: Channel,
    provider: &str,
    now: Timestamp,
) -> BTreeMap<BreakerState, (u64, Option<Timestamp>)> {
    let mut found = BTreeMap::new();
    for process in processes.iter().filter(|process| process.channels.contains(&channel)) {
        let outage = process.outages.iter().find(|outage| outage.channel == channel && outage.provider == provider);
        let (state, until) = match outage.map(|outage| outage.until) {
            None => (BreakerState::Up, None),
            // Whose time has passed waits for something to be sent.
            Some(until) => {
                until.filter(|until| *until > now).map_or((BreakerState::HalfOpen, None), |until| (BreakerState::Open, Some(until)))
            }
        };
        let (workers, latest): &mut (u64, Option<Timestamp>) = found.entry(state).or_default();
        *workers += 1;
        *latest = until.max(*latest);
    }
    found
}

#[cfg(test)]
mod tests {
    use watchbell_core::ids::Epoch;
    use watchbell_store::queue::Outage;

    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    #[test]
    fn workers_that_find_otherwise_are_counted() {
        let process = |(channel, outages): (Channel, &[(Channel, Option<Timestamp>)])| WorkerSession {
            epoch: Epoch(1),
            name: "w".to_owned(),
            roles: "worker".to_owned(),
            version: String::new(),
            channels: vec![channel],
            started_at: s(0),
            alive_until: s(60),
            outages: outages.iter().map(|(channel, until)| Outage { channel: *channel, provider: "p".to_owned(), until: *until }).collect(),
            sending: Vec::new(),
            clock_ahead_ms: None,
        };
        let (sms, voice) = (Channel::Sms, Channel::Voice);
        let processes = [
            (sms, &[(sms, Some(s(15)))][..]),
            (sms, &[(sms, Some(s(19))), (voice, None)]),
            (sms, &[(sms, None)]),
            // It has waited long enough, and finds out with its next message.
            (sms, &[(sms, Some(s(10)))]),
            (sms, &[(voice, Some(s(99)))]),
            (voice, &[(sms, None)]),
        ];
        let processes = processes.map(process);
        let expected = [(BreakerState::HalfOpen, (2, None)), (BreakerState::Open, (2, Some(s(19)))), (BreakerState::Up, (1, None))];
        assert_eq!(found(&processes, sms, "p", s(10)), expected.into());
        assert_eq!(found(&processes, sms, "q", s(10)), [(BreakerState::Up, (5, None))].into());
        assert_eq!(found(&processes, Channel::Email, "p", s(10)), BTreeMap::new());
    }
}
