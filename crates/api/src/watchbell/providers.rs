//! `/providers`: how they do, and trying one before it matters.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_channels::dispatch::ProviderRoute;
use watchbell_channels::trial::{ProviderTrials, TrialError, address};
use watchbell_core::channel::join;
use watchbell_core::contact::{ContactKind, LONGEST_URL, parse_e164, parse_target};
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::Outcome;
use watchbell_core::{Channel, Secret, Timestamp, user};
use watchbell_providers::provider::Address;
use watchbell_store::queue::{CallTally, Failure, Spent, WorkerSession};
use watchbell_wire::operators::BreakerState;
use watchbell_wire::providers::{Provider, ProviderChannel, ProviderFailure, ProviderLimits, ProviderSpend, ProviderTestResult};
use watchbell_wire::{Items, Named};

use super::operator;
use crate::auth::Authenticated;
use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::Fields;

/// What is known of providers, at one moment.
struct Known {
    processes: Vec<WorkerSession>,
    tallies: BTreeMap<(Channel, String), CallTally>,
    spent: BTreeMap<(Channel, String), Spent>,
    now: Timestamp,
}

/// Every provider of this process's configuration, as all processes find it.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let now = api.clock.now();
    let (tallies, spent) = (api.store.tallies().await?, api.store.spent(now.utc_day()).await?);
    let known = Known {
        processes: api.store.live_sessions().await?,
        tallies: tallies.into_iter().map(|tally| ((tally.channel, tally.provider.clone()), tally)).collect(),
        spent: spent.into_iter().map(|spent| ((spent.channel, spent.provider.clone()), spent)).collect(),
        now,
    };
    let used: Vec<(Channel, String)> =
        api.health.channels().into_iter().flat_map(|of| of.providers.into_iter().map(move |one| (of.channel, one.name))).collect();
    let items = api.health.providers().into_iter().map(|provider| {
        let routes = api.settings.trials.iter().flat_map(|trials| trials.routes());
        let routes = routes.filter(|(_, route)| route.name == provider.name);
        let channels = routes.map(|(channel, route)| {
            let is_used = used.contains(&(channel, provider.name.clone()));
            of_channel(&known, channel, route, is_used)
        });
        Provider { channels: channels.collect(), name: provider.name, kind: provider.kind }
    });
    Ok(surface::json(StatusCode::OK, &Items { items: items.collect() }))
}

fn of_channel(known: &Known, channel: Channel, route: &ProviderRoute, used: bool) -> ProviderChannel {
    let key = (channel, route.name.clone());
    let tally = known.tallies.get(&key);
    let states = if used { operator::findings(&known.processes, channel, &route.name, known.now) } else { Vec::new() };
    let spent = known.spent.get(&key);
    let failure = |failure: &Failure| ProviderFailure { at: failure.at.into(), class: failure.class.into(), code: failure.code.clone() };
    ProviderChannel {
        channel: channel.into(),
        used,
        up: states.iter().all(|finding| finding.state.as_str() == BreakerState::Up.name()),
        states,
        calls_last_hour: tally.map_or(0, |tally| tally.calls),
        failures_last_hour: tally.map_or(0, |tally| tally.failures),
        last_success_at: tally.and_then(|tally| tally.success_at).map(Into::into),
        last_failure: tally.and_then(|tally| tally.failure.as_ref()).map(failure),
        limits: ProviderLimits { per_second: route.limit.per_second, burst: route.limit.burst, in_flight: route.limit.in_flight },
        share: route.settings.share,
        prefixes: route.settings.prefixes.clone(),
        spend: route.settings.max_per_day.map(|max_per_day| ProviderSpend {
            max_per_day,
            today: spent.map_or(0, |spent| spent.calls),
            refused_today: spent.map_or(0, |spent| spent.refused),
        }),
    }
}

/// Sends one marked message straight through a provider, and shows what it answered.
pub(super) async fn test(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let name = params.path("name");
    let (trials, channels) = of_provider(&api, name)?;
    let mut fields = payload.object()?;
    let choices: Vec<(&str, Channel)> = channels.iter().map(|channel| (channel.as_str(), *channel)).collect();
    let channel = match (fields.choice("channel", &choices)?, channels.as_slice()) {
        (Some(channel), _) => channel,
        (None, [channel]) => *channel,
        (None, several) => return Err(fields.invalid("channel", "is missing", &format!("it must be one of {}", join(several)))),
    };
    let to = to(&api, &mut fields, channel)?;
    let locale = fields.text("locale", &(2..=35))?.unwrap_or_else(|| "en".to_owned());
    if !user::is_locale(&locale) {
        return Err(fields.invalid("locale", "is no language", "it must be a language tag such as en or de-AT"));
    }
    fields.finish()?;
    // First: what costs something leaves its line, whatever comes of it.
    api.store.note(caller.actor(), "provider.test", &format!("providers/{name}/{channel}"), None).await?;
    let result = trials.send(name, channel, to, &locale).await.map_err(refused)?;
    let body = ProviderTestResult {
        provider: name.to_owned(),
        channel: channel.into(),
        accepted: matches!(result.report.outcome, Outcome::Accepted { .. }),
        class: result.report.outcome.class().into(),
        code: result.report.code,
        message_id: result.message_id,
        latency_ms: result.latency_ms,
    };
    Ok(surface::json(StatusCode::OK, &body))
}

/// Who tries the provider, by which channels. A process that only serves the API may have another configuration than the workers.
fn of_provider<'a>(api: &'a Api, name: &str) -> Result<(&'a ProviderTrials, Vec<Channel>), Problem> {
    let missing = |there: String| {
        Problem::new(Kind::NotFound, format!("the configuration of the process that answers here has no [providers.{name}]; {there}"))
    };
    let names: Vec<String> = api.health.providers().into_iter().map(|provider| provider.name).collect();
    if !names.iter().any(|known| known == name) {
        return Err(missing(if names.is_empty() { "it has no providers".to_owned() } else { format!("it has {}", join(&names)) }));
    }
    let trials = api.settings.trials.as_deref().ok_or_else(|| missing("it tries none".to_owned()))?;
    let channels = trials.channels_of(name);
    if channels.is_empty() {
        return Err(Problem::conflict(format!("[providers.{name}] is not set up for any channel; see check-config")));
    }
    Ok((trials, channels))
}

/// The address, in the form that the channel's contacts have.
fn to(api: &Api, fields: &mut Fields, channel: Channel) -> Result<Address, Problem> {
    let text = fields.required_text("to", &(1..=LONGEST_URL))?;
    let Some(kind) = ContactKind::for_channel(channel) else {
        return device(&text).ok_or_else(|| fields.invalid("to", "cannot be used", "it must be fcm:TOKEN or apns:TOKEN"));
    };
    let target = if kind == ContactKind::Phone {
        parse_e164(&text).map(|(number, _)| number)
    } else {
        let reach = api.settings.contact_reach.get(&kind).cloned().unwrap_or_default();
        parse_target(kind, &text, &reach)
    };
    let target = target.map_err(|bad| fields.invalid("to", "cannot be used", &format!("it {bad}")))?;
    Ok(address(channel, &Secret::new(target)))
}

/// A device whose messages need nothing but its token.
fn device(text: &str) -> Option<Address> {
    let (kind, token) = text.split_once(':')?;
    let kind: DeviceKind = kind.parse().ok().filter(|kind| *kind != DeviceKind::Webpush)?;
    (!token.is_empty()).then(|| Address::Device { kind, token: Secret::new(token), keys: None })
}

fn refused(error: TrialError) -> Problem {
    match error {
        TrialError::TooMany { retry_s } => Problem::new(Kind::TooMany { retry_s }, error.to_string()),
        TrialError::Refused(reason) => Problem::conflict(reason.to_string()),
        TrialError::Address => Problem::invalid("to", "is no address that this provider takes", "it must be one of its kind"),
        TrialError::Store(error) => error.into(),
    }
}
