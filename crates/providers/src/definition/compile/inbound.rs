//! What the service calls with.

use http::{HeaderValue, Response};
use watchbell_core::Channel;

use super::Compiler;
use crate::definition::callbacks::{ButtonRule, Challenge, ConsentRule, Inbound, TextRule};
use crate::definition::format::{self, File, SettingType};
use crate::definition::kind;
use crate::definition::receipt::{self, Receipt};

impl Compiler {
    pub(super) fn inbound(&mut self, file: &File, channels: &'static [Channel]) -> Option<Inbound> {
        let Some(given) = &file.inbound else {
            let without = [("receipt", file.receipt.is_some()), ("text", !file.text.is_empty()), ("button", !file.button.is_empty())];
            for (name, is_given) in without.into_iter().chain([("consent", !file.consent.is_empty())]) {
                if is_given {
                    self.mistakes.add(name, "needs [inbound], which says how requests are verified");
                }
            }
            return None;
        };
        if let Err(error) = given.signature.check() {
            self.mistakes.add(&format!("inbound.signature.{}", error.key), error.wrong.to_string());
        }
        if let Some(name) = given.signature.server_setting()
            && file.settings.get(name).is_none_or(|setting| setting.kind != SettingType::Url)
        {
            self.mistakes.add("inbound.signature.server_setting", format!("names `{name}`, which must be a setting of the type url"));
        }
        if given.keys.is_empty() {
            self.mistakes.add("inbound.keys", "must name the settings that hold the signature's keys");
        }
        for (at, name) in given.keys.iter().enumerate() {
            self.named_setting(&format!("inbound.keys[{at}]"), file, name);
        }
        for (at, rule) in file.text.iter().enumerate() {
            if let Some(name) = &rule.sender {
                self.named_setting(&format!("text[{at}].sender"), file, name);
            }
        }
        let mut callback_query = Vec::new();
        for (name, source) in &given.callback_query {
            callback_query
                .extend(self.template(&format!("inbound.callback_query.{name}"), source).map(|template| (name.clone(), template)));
        }
        let challenge = given.challenge.as_ref().and_then(|challenge| {
            self.named_setting("inbound.challenge.setting", file, &challenge.setting);
            let token = self.place("inbound.challenge.token", &challenge.token);
            let echo = self.place("inbound.challenge.echo", &challenge.echo);
            Some(Challenge { token: token?, setting: challenge.setting.clone(), echo: echo? })
        });
        let unreadable = given.unreadable.and_then(|status| self.status("inbound.unreadable", status));
        Some(Inbound {
            signature: given.signature.clone(),
            keys: given.keys.clone(),
            callback_query,
            inside: self.optional_place("inbound.inside", given.inside.as_ref()),
            each: self.each("inbound.each", given.each.as_ref()),
            reply: self.reply(&given.reply),
            unreadable,
            challenge,
            channels,
            receipt: file.receipt.as_ref().and_then(|receipt| self.receipt(receipt)),
            texts: file.text.iter().enumerate().filter_map(|(at, rule)| self.text(&format!("text[{at}]"), rule, channels)).collect(),
            buttons: file.button.iter().enumerate().filter_map(|(at, rule)| self.button(&format!("button[{at}]"), rule)).collect(),
            consents: file
                .consent
                .iter()
                .enumerate()
                .filter_map(|(at, rule)| self.consent(&format!("consent[{at}]"), rule, channels))
                .collect(),
        })
    }

    fn reply(&mut self, given: &format::Reply) -> Response<String> {
        let mut reply = Response::new(given.body.clone());
        if let Some(status) = self.status("inbound.reply.status", given.status) {
            *reply.status_mut() = status;
        }
        if let Some(text) = &given.content_type {
            let read = HeaderValue::try_from(text).map_err(|_| "is no media type".to_owned());
            if let Some(value) = self.right("inbound.reply.content_type", read) {
                reply.headers_mut().insert(http::header::CONTENT_TYPE, value);
            }
        }
        reply
    }

    fn receipt(&mut self, given: &format::Receipt) -> Option<Receipt> {
        let conditions = self.conditions("receipt", &given.conditions);
        let each = self.each("receipt.each", given.each.as_ref());
        let delivery = self.place("receipt.delivery", &given.delivery);
        let message_id = self.optional_place("receipt.message_id", given.message_id.as_ref());
        let code = self.optional_place("receipt.code", given.code.as_ref());
        let rules = self.receipt_rules("receipt", &given.rule, code.is_some());
        Some(Receipt { each, conditions, delivery: delivery?, message_id, code, rules })
    }

    pub(super) fn receipt_rules(&mut self, section: &str, given: &[format::ReceiptRule], has_code: bool) -> Vec<receipt::Rule> {
        let list = format!("{section}.rule");
        self.reachable(&list, given.iter().map(|rule| (&rule.conditions, rule.codes.is_none())));
        let mut rules = Vec::new();
        for (at, rule) in given.iter().enumerate() {
            let key = format!("{list}[{at}]");
            let conditions = self.conditions(&key, &rule.conditions);
            let verdict = match (rule.outcome, &rule.codes) {
                (Some(outcome), None) => Some(receipt::Verdict::Outcome(outcome)),
                (None, Some(_)) if !has_code => {
                    self.mistakes.add(&key, format!("asks a table of codes, but {section}.code does not say where the code is"));
                    None
                }
                (None, Some(name)) => self.named_codes(&format!("{key}.codes"), name).map(receipt::Verdict::Codes),
                _ => {
                    self.mistakes.add(&key, "must have one of outcome and codes");
                    None
                }
            };
            rules.extend(verdict.map(|verdict| receipt::Rule { conditions, verdict }));
        }
        rules
    }

    fn text(&mut self, key: &str, given: &format::TextRule, channels: &[Channel]) -> Option<TextRule> {
        let conditions = self.conditions(key, &given.conditions);
        let each = self.each(&format!("{key}.each"), given.each.as_ref());
        let from = self.place(&format!("{key}.from"), &given.from);
        let text = self.place(&format!("{key}.text"), &given.text);
        let message_id = self.optional_place(&format!("{key}.message_id"), given.message_id.as_ref());
        let replies_to = self.optional_place(&format!("{key}.replies_to"), given.replies_to.as_ref());
        let channels = self.comes_by(key, given.channel.as_ref(), channels)?;
        let sender = given.sender.clone();
        Some(TextRule { sender, channels, each, conditions, from: from?, text: text?, message_id, replies_to })
    }

    /// What something that a person says is about: the channel that it came by, and those that share its addresses.
    fn comes_by(&mut self, key: &str, given: Option<&String>, all: &[Channel]) -> Option<&'static [Channel]> {
        let channel = match (given, all) {
            (Some(name), _) => self.channel(&format!("{key}.channel"), name)?,
            (None, [only]) => *only,
            (None, _) => {
                self.mistakes.add(key, "must say by which channel it comes, as there are several: channel = \"…\"");
                return None;
            }
        };
        Some(match channel {
            Channel::Sms => &[Channel::Sms, Channel::Whatsapp, Channel::Voice],
            Channel::Whatsapp => &[Channel::Whatsapp, Channel::Sms, Channel::Voice],
            Channel::Voice => &[Channel::Voice, Channel::Sms, Channel::Whatsapp],
            other => kind::interned([other]),
        })
    }

    fn button(&mut self, key: &str, given: &format::ButtonRule) -> Option<ButtonRule> {
        let conditions = self.conditions(key, &given.conditions);
        let each = self.each(&format!("{key}.each"), given.each.as_ref());
        let value = self.place(&format!("{key}.value"), &given.value)?;
        let from = self.optional_place(&format!("{key}.from"), given.from.as_ref());
        Some(ButtonRule { from, each, conditions, value })
    }

    fn consent(&mut self, key: &str, given: &format::ConsentRule, channels: &[Channel]) -> Option<ConsentRule> {
        let conditions = self.conditions(key, &given.conditions);
        let each = self.each(&format!("{key}.each"), given.each.as_ref());
        let address = self.place(&format!("{key}.address"), &given.address)?;
        let channels = self.comes_by(key, given.channel.as_ref(), channels)?;
        Some(ConsentRule { channels, each, conditions, address, is_in: given.is_in })
    }
}
