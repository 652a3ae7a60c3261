//! What users have switched off and asked for by category, and what they are told when they ask why.

use std::str::FromStr;

use watchbell_core::decode;
use watchbell_core::preference::{ChannelType, Digest, Switches, Wants};
use watchbell_store::facts::Planned;
use watchbell_store::preferences::NewCategory;

use super::file::{Categories, Explain, User};
use super::stage::{BY, Stage, failed};
use super::words::{BadPhrase, Read, bad};

impl Stage<'_> {
    /// Makes categories, or changes their default channels.
    pub(super) fn categories(&self, categories: &Categories) -> Read<()> {
        for (handle, channels) in categories {
            let server = self.server()?;
            let new = NewCategory { handle: handle.clone(), name: handle.clone(), default_channels: channels.clone() };
            server.with(server.store.put_category(BY, new)).map_err(failed("making a category"))?;
        }
        Ok(())
    }

    pub(super) fn wishes(&self, name: &str, user: &User) -> Read<()> {
        let (id, server) = (self.known(name)?.id, self.server()?);
        for phrase in &user.preferences {
            let (category, wants) = preference(phrase)?;
            server.with(server.store.put_preference(BY, id, category, wants)).map_err(failed("setting a preference"))?;
        }
        if !user.switches.is_empty() {
            let switches = switches(&user.switches)?;
            server.with(server.store.merge_switches(BY, id, &switches)).map_err(failed("switching"))?;
        }
        Ok(())
    }

    /// What an event would plan for a user; nothing is kept of it.
    pub(super) fn explain(&mut self, explain: &Explain) -> Read<Vec<Planned>> {
        let user = self.known(&explain.user)?.id;
        let (kind, data) = explain.event().ok_or_else(|| BadPhrase("explain needs an alert, update, duty or subscription".to_owned()))?;
        let original = self.original(kind, data)?;
        let event = decode::from_nats(original, &decode::EventSettings::default())
            .map_err(|why| BadPhrase(format!("an event cannot be read: {}", why.detail)))?;
        let server = self.server()?;
        let (_, planned) = server.with(server.store.explain(event, user)).map_err(failed("explaining"))?;
        Ok(planned)
    }
}

/// `releases: email hourly, push`; `any: in_app` is the default for all categories, `releases: nothing` wants none of it.
fn preference(phrase: &str) -> Read<(Option<&str>, Wants)> {
    const RIGHT: &str = "must be such as `releases: in_app, email daily, push`, `any: email` or `releases: nothing`; email can be \
         hourly, daily or off";
    let Some((category, wanted)) = phrase.split_once(": ") else { return bad(phrase, RIGHT) };
    let mut wants = Wants { in_app: false, email: false, push: false, digest: Digest::Instant };
    for word in wanted.split(", ") {
        match word.split_once(' ').map_or((word, None), |(word, cadence)| (word, Some(cadence))) {
            ("in_app", None) => wants.in_app = true,
            ("push", None) => wants.push = true,
            ("email", cadence) => {
                wants.email = true;
                wants.digest = cadence.map_or(Ok(Digest::Instant), |cadence| Digest::from_str(cadence).or_else(|_| bad(phrase, RIGHT)))?;
            }
            ("nothing", None) => {}
            _ => return bad(phrase, RIGHT),
        }
    }
    Ok(((category != "any").then_some(category), wants))
}

/// `sms off`, `releases off`, `releases sms off`; or on.
fn switches(phrases: &[String]) -> Read<Switches> {
    const RIGHT: &str = "must be such as `sms off`, `releases off` or `releases sms off`, or on";
    let mut switches = Switches::default();
    for phrase in phrases {
        let words: Vec<&str> = phrase.split(' ').collect();
        let Some((on, words)) =
            words.split_last().and_then(|(last, rest)| Some((["off", "on"].iter().position(|w| w == last)? == 1, rest)))
        else {
            return bad(phrase, RIGHT);
        };
        match words {
            [word] => match ChannelType::from_str(word) {
                Ok(channel) => drop(switches.channel_types.insert(channel, on)),
                Err(_) => switches.notiflows.entry((*word).to_owned()).or_default().enabled = Some(on),
            },
            [category, channel] => {
                let channel = ChannelType::from_str(channel).or_else(|_| bad(phrase, RIGHT))?;
                switches.notiflows.entry((*category).to_owned()).or_default().channel_types.insert(channel, on);
            }
            _ => return bad(phrase, RIGHT),
        }
    }
    Ok(switches)
}
