//! All that a user has said, as it is kept and as an export has it: each surface's rules in that surface's own words.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use watchbell_core::contact::Contact;
use watchbell_core::device::Device;
use watchbell_core::preference::{Category, ChannelType, Preference, Switches};
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::user::User;
use watchbell_store::directory::ChainFilter;
use watchbell_store::{Store, StoreError};

use crate::ilert::rules::kind;
use crate::oncall::kinds;

pub(super) struct Said {
    pub user: User,
    pub contacts: Vec<Contact>,
    pub devices: Vec<Device>,
    /// Of the ilert surface.
    pub rules: Vec<Rule>,
    /// Of the OnCall surface: LOW before HIGH, each in order of position.
    pub chains: Vec<Rule>,
    pub topics: Vec<String>,
    pub preferences: Vec<Preference>,
    pub switches: Switches,
}

impl Said {
    /// None for a user who was deleted meanwhile.
    pub async fn load(store: &dyn Store, user: User) -> Result<Option<Self>, StoreError> {
        match Self::load_all(store, user).await {
            Err(StoreError::NotFound("user")) => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    async fn load_all(store: &dyn Store, user: User) -> Result<Self, StoreError> {
        let id = user.id;
        let of_user = ChainFilter { surface: Surface::Oncall, user: Some(id), trigger: None, offset: 0, limit: i64::from(i32::MAX) };
        Ok(Self {
            contacts: store.contacts(id, None).await?,
            devices: store.devices(id).await?,
            rules: store.rules(id, Surface::Ilert, Trigger::ALL).await?,
            chains: store.chain_rules(&of_user).await?.0.into_iter().map(|found| found.rule).collect(),
            topics: store.topics_of(id).await?,
            preferences: store.preferences(id).await?,
            switches: store.switches(id).await?,
            user,
        })
    }

    /// The user's numbers and texts of ids are this database's own, so another one knows them by what is the external id here or,
    /// where there is none, by the `U…` id: scripts that have it in them go on working.
    pub fn write(&self) -> Value {
        let user = &self.user;
        json!({
            "externalId": user.external_id.as_ref().unwrap_or(&user.public_id),
            "username": user.username,
            "firstName": user.first_name,
            "lastName": user.last_name,
            "timezone": user.timezone,
            "locale": user.locale,
            "quietHours": user.quiet_hours,
            "customFields": user.custom_fields,
            "profile": user.profile,
            "contacts": self.contacts.iter().map(contact).collect::<Vec<_>>(),
            "devices": self.devices.iter().map(device).collect::<Vec<_>>(),
            "rules": self.rules.iter().filter_map(|rule| self.rule(rule)).collect::<Vec<_>>(),
            "chains": self.chains.iter().map(step).collect::<Vec<_>>(),
            "topics": self.topics,
            "preferences": self.preferences.iter().map(preference).collect::<Vec<_>>(),
            "switches": switches(&self.switches),
        })
    }

    fn rule(&self, rule: &Rule) -> Option<Value> {
        let kind = kind::ALL.iter().find(|kind| kind.triggers.contains(&rule.trigger))?;
        let (method, _) = kind.methods.iter().find(|(_, channel)| Some(*channel) == rule.channel)?;
        let mut body = Map::new();
        body.insert("kind".to_owned(), kind.path.into());
        body.insert("method".to_owned(), (*method).into());
        if let Some(contact) = self.contacts.iter().find(|contact| Some(contact.id) == rule.contact_id) {
            body.insert("contact".to_owned(), json!({ "kind": contact.kind.as_str(), "target": contact.target }));
        }
        (kind.write)(rule, &mut body);
        Some(Value::Object(body))
    }
}

pub(super) fn category(category: &Category) -> Value {
    let channels: Vec<_> = category.default_channels.iter().map(|channel| channel.as_str()).collect();
    json!({ "handle": category.handle, "name": category.name, "defaultChannels": channels })
}

fn contact(contact: &Contact) -> Value {
    let mut body = json!({ "kind": contact.kind.as_str(), "target": contact.target, "status": contact.status.as_str() });
    if let Some(region) = &contact.region {
        body["regionCode"] = region.as_str().into();
        body["primary"] = contact.primary.into();
    }
    body
}

fn device(device: &Device) -> Value {
    let mut body = json!({ "kind": device.kind.as_str(), "token": device.token });
    if let Some(keys) = device.keys.as_deref().and_then(|keys| serde_json::from_str::<Value>(keys).ok()) {
        body["keys"] = keys;
    }
    body
}

fn step(rule: &Rule) -> Value {
    let mut body = json!({
        "id": rule.public_id,
        "important": rule.trigger == Trigger::AlertHigh,
        "position": rule.position,
        "type": kinds::name(rule),
    });
    if rule.channel.is_none() {
        body["duration"] = rule.offset_s.into();
    }
    body
}

fn preference(preference: &Preference) -> Value {
    let wants = preference.wants;
    json!({
        "category": preference.category,
        "inApp": wants.in_app,
        "email": wants.email,
        "push": wants.push,
        "digest": wants.digest.as_str(),
    })
}

fn switches(switches: &Switches) -> Value {
    let types = |types: &BTreeMap<ChannelType, bool>| -> Map<String, Value> {
        types.iter().map(|(kind, is_on)| (kind.as_str().to_owned(), (*is_on).into())).collect()
    };
    let notiflows = switches.notiflows.iter().map(|(handle, set)| {
        let mut body = json!({ "channelTypes": types(&set.channel_types) });
        if let Some(is_on) = set.enabled {
            body["enabled"] = is_on.into();
        }
        (handle.clone(), body)
    });
    json!({ "channelTypes": types(&switches.channel_types), "notiflows": notiflows.collect::<Map<_, _>>() })
}
