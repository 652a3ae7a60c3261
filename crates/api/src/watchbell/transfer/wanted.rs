//! What an import says of one user. Everything is read with what its own surface reads it with; what this instance cannot take
//! over is named, and does not hold up the rest.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use watchbell_core::Channel;
use watchbell_core::channel::join;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::ids::is_public_id;
use watchbell_core::rule::{Conditions, Surface, Trigger};
use watchbell_core::user::{Hours, Profile};
use watchbell_store::directory::{ChainStep, NewContact};
use watchbell_store::preferences::{ChannelType, Digest, NewCategory, NotiflowSwitches, Switches, Wants};

use crate::auth::Authenticated;
use crate::ilert::rules::{contact, kind};
use crate::oncall::{duration, kinds};
use crate::problem::Problem;
use crate::state::Api;
use crate::validate::device::NewDevice;
use crate::validate::rule::{self, Said};
use crate::validate::{Fields, device, person};

/// What is None is not said, and stays as it is.
#[derive(Default)]
pub(super) struct Wanted {
    pub external_id: String,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub timezone: Option<String>,
    pub locale: Option<String>,
    /// Some(None) has none.
    #[expect(clippy::option_option, reason = "a member that is null says something else than none")]
    pub quiet_hours: Option<Option<Hours>>,
    pub custom_fields: Option<Map<String, Value>>,
    pub profile: Option<Profile>,
    pub contacts: Vec<NewContact>,
    pub devices: Vec<NewDevice>,
    pub rules: Vec<WantedRule>,
    pub steps: Vec<WantedStep>,
    pub topics: Vec<String>,
    pub preferences: Vec<(Option<String>, Wants)>,
    pub switches: Switches,
    /// What cannot be taken over.
    pub problems: Vec<String>,
}

/// A rule of the ilert surface, or of our own.
pub(super) struct WantedRule {
    pub surface: Surface,
    pub said: Said,
    /// One of the user's contacts, by its address.
    pub contact: Option<(ContactKind, String)>,
    pub contact_kinds: &'static [ContactKind],
}

/// A rule of the OnCall surface.
pub(super) struct WantedStep {
    pub public_id: Option<String>,
    pub trigger: Trigger,
    pub position: i64,
    pub step: ChainStep,
}

/// The longest list of one kind that a user has.
const PARTS: usize = 1_000;

/// Positions that the OnCall surface has.
const POSITIONS: std::ops::RangeInclusive<i64> = 0..=2_147_483_647;

/// # Errors
/// What is wrong with the user as a whole: nothing of them is taken over.
pub(super) fn user(api: &Api, caller: &Authenticated, value: Value) -> Result<Wanted, Problem> {
    let Value::Object(members) = value else {
        return Err(Problem::bad_request("the user is no object, as an export has them"));
    };
    let mut fields = Fields::new(members);
    let mut wanted = Wanted {
        external_id: fields.required_text("externalId", &person::NAME)?,
        username: fields.text("username", &person::NAME)?,
        first_name: fields.text("firstName", &person::OPTIONAL_NAME)?,
        last_name: fields.text("lastName", &person::OPTIONAL_NAME)?,
        timezone: person::timezone(&mut fields, "timezone")?,
        locale: person::locale(&mut fields, "locale")?,
        custom_fields: fields.object("customFields")?.map(Fields::into_members),
        ..Wanted::default()
    };
    person::check_custom_fields("customFields", wanted.custom_fields.as_ref().unwrap_or(&Map::new()))?;
    if fields.is_given("quietHours") {
        wanted.quiet_hours = Some(person::hours(&mut fields, "quietHours")?);
    }
    if let Some(mut profile) = fields.object("profile")? {
        wanted.profile = Some(person::profile(&mut profile)?);
        profile.finish()?;
    }
    if let Some(switches) = fields.object("switches")? {
        wanted.switches = read_switches(switches)?;
    }
    for topic in fields.array("topics", PARTS)?.unwrap_or_default() {
        let topic = topic.as_str().filter(|topic| person::NAME.contains(&topic.chars().count()) && !topic.chars().any(char::is_control));
        let topic = topic.ok_or_else(|| fields.invalid("topics", "names no topic", "each must have 1 to 255 characters"))?;
        wanted.topics.push(topic.to_owned());
    }
    for mut entry in entries(&mut fields, "preferences")? {
        let wants = (entry.text("category", &person::NAME)?, read_wants(&mut entry)?);
        entry.finish()?;
        wanted.preferences.push(wants);
    }
    let (contacts, devices) = (entries(&mut fields, "contacts")?, entries(&mut fields, "devices")?);
    let (rules, steps) = (entries(&mut fields, "rules")?, entries(&mut fields, "chains")?);
    let own_rules = entries(&mut fields, "ownRules")?;
    fields.finish()?;
    // From here on what is wrong with one is no reason to leave the others.
    let problems = &mut wanted.problems;
    wanted.contacts = good(contacts, problems, |entry| read_contact(api, caller, entry));
    wanted.devices = good(devices, problems, |entry| device::read(entry, &api.settings.push_reach));
    wanted.rules = good(rules, problems, read_rule);
    wanted.rules.extend(good(own_rules, problems, read_own_rule));
    wanted.steps = good(steps, problems, |entry| read_step(api, entry));
    let steps = std::mem::take(&mut wanted.steps);
    for step in steps {
        if wanted.steps.iter().any(|other| (other.trigger, other.position) == (step.trigger, step.position)) {
            wanted.problems.push(format!("two steps of a chain are at position {}; the first one is kept", step.position));
        } else {
            wanted.steps.push(step);
        }
    }
    Ok(wanted)
}

pub(super) fn category(at: usize, value: Value) -> Result<NewCategory, Problem> {
    let mut fields = object(&format!("categories[{at}]"), value)?;
    let handle = fields.required_text("handle", &person::NAME)?;
    if !handle.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
        return Err(fields.invalid("handle", "cannot be a name", "it must have letters, digits, \".\", \"_\" and \"-\""));
    }
    let name = fields.text("name", &person::NAME)?.unwrap_or_else(|| handle.clone());
    let mut default_channels = Vec::new();
    for value in fields.array("defaultChannels", Channel::ALL.len())?.unwrap_or_default() {
        let channel = value.as_str().and_then(|name| Channel::ALL.iter().find(|channel| channel.as_str() == name));
        let right = || format!("each must be one of {}", join(Channel::ALL));
        default_channels.push(*channel.ok_or_else(|| fields.invalid("defaultChannels", "names no channel", &right()))?);
    }
    fields.finish()?;
    Ok(NewCategory { handle, name, default_channels })
}

fn object(place: &str, value: Value) -> Result<Fields, Problem> {
    match value {
        Value::Object(members) => Ok(Fields::within(place, members)),
        _ => Err(Problem::invalid(place, "is no object", "it must be one, as an export has them")),
    }
}

fn entries(fields: &mut Fields, field: &str) -> Result<Vec<Fields>, Problem> {
    let values = fields.array(field, PARTS)?.unwrap_or_default();
    values.into_iter().enumerate().map(|(at, value)| object(&fields.name(&format!("{field}[{at}]")), value)).collect()
}

/// Those that can be read; the others are named.
fn good<T>(entries: Vec<Fields>, problems: &mut Vec<String>, mut read: impl FnMut(&mut Fields) -> Result<T, Problem>) -> Vec<T> {
    let mut found = Vec::with_capacity(entries.len());
    for mut entry in entries {
        match read(&mut entry).and_then(|read| entry.finish().map(|()| read)) {
            Ok(read) => found.push(read),
            Err(problem) => problems.push(problem.message.into_owned()),
        }
    }
    found
}

fn read_contact(api: &Api, caller: &Authenticated, fields: &mut Fields) -> Result<NewContact, Problem> {
    let kinds: Vec<(&str, ContactKind)> = ContactKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let statuses: Vec<(&str, ContactStatus)> = ContactStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect();
    let kind = fields.required_choice("kind", &kinds)?;
    let status = fields.choice("status", &statuses)?.unwrap_or(ContactStatus::Ok);
    let contact = crate::validate::contact::read(fields, kind, caller, api)?;
    Ok(NewContact { status, ..contact })
}

fn read_rule(fields: &mut Fields) -> Result<WantedRule, Problem> {
    let kinds: Vec<(&str, &kind::Kind)> = kind::ALL.iter().map(|kind| (kind.path, kind)).collect();
    let kind = fields.required_choice("kind", &kinds)?;
    let channel = fields.required_choice("method", kind.methods)?;
    let (trigger, offset_s) = (kind.read)(fields)?;
    let said = Said { trigger, channel, offset_s, critical: false, when: Conditions::default(), repeat: None };
    read_address(fields, Surface::Ilert, said, contact::kinds(channel))
}

fn read_own_rule(fields: &mut Fields) -> Result<WantedRule, Problem> {
    let said = rule::read(fields)?;
    let contact_kinds = rule::contact_kinds(said.channel);
    read_address(fields, Surface::Watchbell, said, contact_kinds)
}

fn read_address(fields: &mut Fields, surface: Surface, said: Said, contact_kinds: &'static [ContactKind]) -> Result<WantedRule, Problem> {
    let contact = match fields.object("contact")? {
        None => None,
        Some(mut contact) => {
            let kinds: Vec<(&str, ContactKind)> = contact_kinds.iter().map(|kind| (kind.as_str(), *kind)).collect();
            let kind = contact.required_choice("kind", &kinds)?;
            let target = contact.required_text("target", &(1..=2_048))?;
            contact.finish()?;
            Some((kind, target))
        }
    };
    Ok(WantedRule { surface, said, contact, contact_kinds })
}

/// A `user_id` that Grafana OnCall's own answers have beside is passed over.
fn read_step(api: &Api, fields: &mut Fields) -> Result<WantedStep, Problem> {
    fields.take("user_id");
    let public_id = fields.text("id", &person::NAME)?.filter(|id| is_public_id('N', id));
    let trigger = if fields.boolean("important")?.unwrap_or(false) { Trigger::AlertHigh } else { Trigger::AlertLow };
    let position = fields.integer("position", &POSITIONS)?;
    let position = fields.required("position", position, "it must be the step's place in its chain")?;
    let kind = fields.required_text("type", &person::NAME)?;
    let length = fields.integer("duration", &(0..=i64::MAX))?;
    let step = if kind == kinds::WAIT {
        let offset_s = length.unwrap_or(duration::USUAL_S);
        let choices = duration::CHOICES.map(|(_, seconds)| seconds);
        if !choices.contains(&offset_s) {
            return Err(fields.invalid("duration", &format!("is {offset_s}"), &format!("it must be one of {}", join(&choices))));
        }
        ChainStep { channel: None, critical: false, offset_s }
    } else {
        let shown: String = kind.chars().take(64).collect();
        let known = kinds::notify(api, &kind);
        let (channel, critical) =
            known.ok_or_else(|| fields.invalid("type", &format!("is {shown}"), "no channel for it is configured here"))?;
        ChainStep { channel: Some(channel), critical, offset_s: 0 }
    };
    Ok(WantedStep { public_id, trigger, position, step })
}

fn read_wants(fields: &mut Fields) -> Result<Wants, Problem> {
    let usual = Wants::default();
    let digests: Vec<(&str, Digest)> = Digest::ALL.iter().map(|digest| (digest.as_str(), *digest)).collect();
    Ok(Wants {
        in_app: fields.boolean("inApp")?.unwrap_or(usual.in_app),
        email: fields.boolean("email")?.unwrap_or(usual.email),
        push: fields.boolean("push")?.unwrap_or(usual.push),
        digest: fields.choice("digest", &digests)?.unwrap_or(usual.digest),
    })
}

fn read_switches(mut fields: Fields) -> Result<Switches, Problem> {
    let channel_types = read_types(&mut fields)?;
    let mut notiflows = BTreeMap::new();
    if let Some(mut all) = fields.object("notiflows")? {
        for handle in all.names() {
            let Some(mut set) = all.object(&handle)? else { continue };
            let switches = NotiflowSwitches { enabled: set.boolean("enabled")?, channel_types: read_types(&mut set)? };
            set.finish()?;
            notiflows.insert(handle, switches);
        }
    }
    fields.finish()?;
    Ok(Switches { channel_types, notiflows })
}

fn read_types(fields: &mut Fields) -> Result<BTreeMap<ChannelType, bool>, Problem> {
    let mut switches = BTreeMap::new();
    if let Some(mut given) = fields.object("channelTypes")? {
        for kind in ChannelType::ALL {
            if let Some(is_on) = given.boolean(kind.as_str())? {
                switches.insert(*kind, is_on);
            }
        }
        given.finish()?;
    }
    Ok(switches)
}
