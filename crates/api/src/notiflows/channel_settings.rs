//! `/users/{user}/channel-settings/{channel}`: where a channel reaches a user, beside the address that their profile has.
//!
//! A channel is a provider, by the name of its table in the configuration, or by its kind: `fcm` and `apns` have device tokens, which
//! are the user's devices of that kind; `slack` has a member and a channel, which are Slack contacts of theirs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use watchbell_core::contact::{Contact, ContactKind, ContactStatus, parse_slack};
use watchbell_core::device::DeviceKind;
use watchbell_core::network::Reach;
use watchbell_core::user::User;
use watchbell_core::{Timestamp, UserId};
use watchbell_store::directory::NewContact;

use super::{ApiScope, subject};
use crate::auth::{Authenticated, Intent};
use crate::problem::{Fault, Problem, rfc3339};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, device, person};

/// Device tokens of one kind that a user has, at most.
const TOKENS: usize = 100;

/// What a channel's settings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Devices(DeviceKind),
    Slack,
}

impl Provider {
    const ALL: [Self; 3] = [Self::Devices(DeviceKind::Fcm), Self::Devices(DeviceKind::Apns), Self::Slack];

    fn as_str(self) -> &'static str {
        match self {
            Self::Devices(kind) => kind.as_str(),
            Self::Slack => "slack",
        }
    }

    /// The provider of that name or kind.
    fn find(api: &Api, channel: &str) -> Option<Self> {
        let named = api.health.channels().into_iter().flat_map(|status| status.providers).find(|provider| provider.name == channel);
        let kind = named.map_or_else(|| channel.to_owned(), |provider| provider.kind);
        let of_kind = |kind: &str| Self::ALL.into_iter().find(|provider| provider.as_str() == kind);
        // A table may have any name, that of a kind as well.
        of_kind(&kind).or_else(|| of_kind(channel))
    }
}

/// Settings to be set. They replace those that are there.
#[derive(Debug)]
enum Wanted {
    Devices(DeviceKind, Vec<String>),
    /// Where in Slack: a channel, a member.
    Slack([Option<String>; 2]),
}

/// A member of Slack's settings, and how ids of that kind begin.
const SLACK: [(&str, &[char]); 2] = [("slack_channel_id", &['C', 'G', 'D']), ("slack_user_id", &['U', 'W'])];

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, ApiScope::ReadChannelSettings).await?;
    let (channel, provider) = named(&api, &params)?;
    let body = written(&api, &user, channel, provider).await?.ok_or_else(|| absent(channel))?;
    Ok(surface::json(StatusCode::OK, &body))
}

pub(super) async fn replace(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WriteChannelSettings).await?;
    let (channel, provider) = named(&api, &params)?;
    let wanted = read_settings(provider, &mut payload.object()?)?;
    wanted.put(&api, &caller, user.id).await?;
    let body = written(&api, &user, channel, provider).await?.ok_or_else(|| absent(channel))?;
    Ok(surface::json(StatusCode::OK, &body))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WriteChannelSettings).await?;
    let (channel, provider) = named(&api, &params)?;
    if written(&api, &user, channel, provider).await?.is_none() {
        return Err(absent(channel));
    }
    let nothing = match provider {
        Provider::Devices(kind) => Wanted::Devices(kind, Vec::new()),
        Provider::Slack => Wanted::Slack([None, None]),
    };
    nothing.put(&api, &caller, user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a user's upsert says of channels.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<Wanted>);

impl Given {
    pub fn read(api: &Api, fields: &mut Fields) -> Result<Self, Problem> {
        let mut all = Vec::new();
        for (at, entry) in fields.array("channel_settings", TOKENS)?.unwrap_or_default().into_iter().enumerate() {
            let place = format!("channel_settings[{at}]");
            let Value::Object(members) = entry else {
                return Err(fields.invalid(&place, "is no object", "it must have channel_id and settings").because(Fault::Type));
            };
            let mut entry = Fields::within(&place, members);
            let channel = entry.required_text("channel_id", &person::NAME)?;
            let unknown =
                || entry.invalid("channel_id", "is unknown", "it must be a provider of the kind fcm, apns or slack, or such a kind");
            let provider = Provider::find(api, &channel).ok_or_else(unknown)?;
            all.push(read_settings(provider, &mut entry)?);
        }
        Ok(Self(all))
    }

    pub async fn put(&self, api: &Api, caller: &Authenticated, user: UserId) -> Result<(), Problem> {
        for wanted in &self.0 {
            wanted.put(api, caller, user).await?;
        }
        Ok(())
    }
}

fn named<'a>(api: &Api, params: &'a Params) -> Result<(&'a str, Provider), Problem> {
    let channel = params.path("channel");
    Ok((channel, Provider::find(api, channel).ok_or_else(|| Problem::not_found("channel").named(channel))?))
}

fn absent(channel: &str) -> Problem {
    Problem::not_found("channel settings").named(channel)
}

fn read_settings(provider: Provider, fields: &mut Fields) -> Result<Wanted, Problem> {
    let settings = fields.object("settings")?;
    let mut settings = fields.required("settings", settings, "it must be an object")?;
    match provider {
        Provider::Devices(kind) => {
            const FIELD: &str = "device_tokens";
            let tokens = settings.array(FIELD, TOKENS)?.filter(|tokens| !tokens.is_empty());
            let tokens = settings.required(FIELD, tokens, "it must be an array of at least one token")?;
            let read = |(at, token): (usize, Value)| {
                let members = Map::from_iter([("kind".to_owned(), kind.as_str().into()), ("token".to_owned(), token)]);
                let mut entry = Fields::within(&settings.name(&format!("{FIELD}[{at}]")), members);
                device::read(&mut entry, &Reach::default()).map(|device| device.token)
            };
            Ok(Wanted::Devices(kind, tokens.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
        }
        Provider::Slack => {
            let mut wanted = [None, None];
            for (place, (field, begins)) in wanted.iter_mut().zip(SLACK) {
                let Some(text) = settings.text(field, &person::NAME)? else { continue };
                let right = format!("it must be an id that begins with {}", watchbell_core::channel::join(begins));
                let id = parse_slack(&text).ok().filter(|id| id.starts_with(begins) && !id.contains('/'));
                *place = Some(id.ok_or_else(|| settings.invalid(field, "cannot be used", &right))?);
            }
            if wanted == [None, None] {
                let right = "give slack_channel_id, slack_user_id or both";
                return Err(settings.invalid("slack_channel_id", "is missing", right).because(Fault::Missing));
            }
            Ok(Wanted::Slack(wanted))
        }
    }
}

impl Wanted {
    /// Makes the settings these. Each step can be done again, so a request that was cut off is repeated.
    async fn put(&self, api: &Api, caller: &Authenticated, user: UserId) -> Result<(), Problem> {
        match self {
            Self::Devices(kind, tokens) => {
                let there = api.store.devices(user).await?;
                for gone in there.iter().filter(|device| device.kind == *kind && !tokens.contains(&device.token)) {
                    api.store.delete_device(caller.actor(), user, gone.id).await?;
                }
                for token in tokens.iter().filter(|token| !there.iter().any(|device| device.kind == *kind && device.token == **token)) {
                    api.store.add_device(caller.actor(), user, *kind, token, None, caller.is_admin()).await?;
                }
            }
            Self::Slack(wanted) => {
                let there = api.store.contacts(user, Some(ContactKind::Slack)).await?;
                for ((_, begins), wanted) in SLACK.iter().zip(wanted) {
                    put_slack(api, caller, user, &of_slack(&there, begins), wanted.as_deref()).await?;
                }
            }
        }
        Ok(())
    }
}

/// One place in Slack: the first contact keeps its id, since rules may name it; there are no others of its kind afterwards.
async fn put_slack(api: &Api, caller: &Authenticated, user: UserId, there: &[&Contact], wanted: Option<&str>) -> Result<(), Problem> {
    let status = if caller.is_admin() { ContactStatus::Ok } else { ContactStatus::Locked };
    let kept = wanted.and_then(|target| there.iter().find(|contact| contact.target == target).or(there.first()));
    for gone in there.iter().filter(|contact| kept.is_none_or(|kept| kept.id != contact.id)) {
        api.store.delete_contact(caller.actor(), user, Some(ContactKind::Slack), gone.id, false).await?;
    }
    let Some(target) = wanted else { return Ok(()) };
    let contact = NewContact { kind: ContactKind::Slack, target: target.to_owned(), region: None, primary: None, status };
    match kept {
        Some(kept) if kept.target == target => {}
        Some(kept) => drop(api.store.replace_contact(caller.actor(), user, kept.id, contact).await?),
        None => drop(api.store.create_contact(caller.actor(), user, contact).await?),
    }
    Ok(())
}

fn of_slack<'a>(contacts: &'a [Contact], begins: &[char]) -> Vec<&'a Contact> {
    // Incoming webhooks are none of these.
    contacts.iter().filter(|contact| contact.target.starts_with(begins)).collect()
}

/// The settings, where there are any.
async fn written(api: &Api, user: &User, channel: &str, provider: Provider) -> Result<Option<Value>, Problem> {
    let (settings, times) = match provider {
        Provider::Devices(kind) => {
            let mut devices = api.store.devices(user.id).await?;
            devices.retain(|device| device.kind == kind);
            let tokens: Vec<&str> = devices.iter().map(|device| device.token.as_str()).collect();
            let times: Vec<Timestamp> = devices.iter().map(|device| device.created_at).collect();
            (json!({ "device_tokens": tokens }), times)
        }
        Provider::Slack => {
            let contacts = api.store.contacts(user.id, Some(ContactKind::Slack)).await?;
            let changed = api.store.contact_times(user.id).await?;
            let (mut settings, mut times) = (Map::new(), Vec::new());
            for (field, begins) in SLACK {
                if let Some(contact) = of_slack(&contacts, begins).first() {
                    settings.insert(field.to_owned(), contact.target.as_str().into());
                    times.extend(changed.get(&contact.id).iter().flat_map(|(made, changed)| [*made, *changed]));
                }
            }
            (Value::Object(settings), times)
        }
    };
    let Some((first, last)) = times.iter().min().zip(times.iter().max()) else { return Ok(None) };
    Ok(Some(json!({
        "channel_id": channel,
        "provider": provider.as_str(),
        "settings": settings,
        "user_id": user.public_id,
        "created_at": rfc3339(*first),
        "updated_at": rfc3339(*last),
    })))
}
