//! From a file's shape to what is evaluated: templates, places, conditions and names are read, and the requests are put together
//! for sample messages, so that what would fail at night fails now.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{Channel, channel};

use super::answer::{Answers, Code, Rule, Verdict, Wait};
use super::body::{Form, Json};
use super::callbacks::{ButtonRule, Challenge, ConsentRule, Inbound, TextRule};
use super::codes::Codes;
use super::condition::{self, Condition};
use super::format::{self, AnswerOutcome, File, Scope, SettingType};
use super::look_up::{self, LookUp};
use super::message::Variables;
use super::place::{Place, Pointer, regex};
use super::reading::{Mistake, Mistakes};
use super::receipt::{self, Receipt};
use super::request::{Auth, Body, Send};
use super::template::Template;
use super::values::Declared;
use super::{Definition, kind, trial};
use crate::provider::AccountLimit;
use crate::settings::{COMMON_KEYS, DEFAULT_TIMEOUT};

/// What no definition may call a setting: the keys that every provider's table has, and those of `http`.
const RESERVED: [&str; 4] = ["kind", "definition", "allow_private", "allow_networks"];
/// How secrets' keys end, by which the configuration knows that their values are not to be shown.
const SECRET_ENDINGS: [&str; 4] = ["key", "token", "secret", "password"];

pub fn compile(file: File, mistakes: Mistakes) -> Result<Definition, Vec<Mistake>> {
    let mut compiler = Compiler { mistakes, variables: Variables::new(file.settings.keys()), codes: BTreeMap::new() };
    let definition = compiler.definition(file);
    if let Some(definition) = &definition {
        trial::try_all(definition, &mut compiler.mistakes);
    }
    compiler.mistakes.none()?;
    definition.ok_or_else(Vec::new)
}

struct Compiler {
    mistakes: Mistakes,
    variables: Variables,
    codes: BTreeMap<String, Arc<Codes>>,
}

impl Compiler {
    /// None where what is wrong leaves nothing to try; it was told then.
    fn definition(&mut self, file: File) -> Option<Definition> {
        if file.name.trim().is_empty() {
            self.mistakes.add("name", "must say what the service is called");
        }
        let settings = self.settings(&file);
        self.one_of(&file);
        self.codes(&file);
        let auth = self.auth(&file, &file.auth);
        let send = self.send(&file);
        let answers = self.answers(&file);
        let channels = kind::interned(send.keys().copied());
        let inbound = self.inbound(&file, channels);
        let look_up = file.look_up.as_ref().map(|given| self.look_up(given));
        let look_up = match look_up {
            Some(None) => return None,
            Some(look_up) => look_up,
            None => None,
        };
        (send.len() == file.send.len()).then_some(Definition {
            name: file.name,
            settings,
            one_of: file.one_of,
            server: file.server,
            auth: auth?,
            send,
            answers,
            inbound,
            look_up,
        })
    }

    /// Notes what is wrong with a key, and gives what is right.
    fn right<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|error| self.mistakes.add(key, error)).ok()
    }

    fn channel(&mut self, key: &str, name: &str) -> Option<Channel> {
        let known: Vec<_> = Channel::ALL.iter().filter(|channel| **channel != Channel::InApp).copied().collect();
        let read = Channel::from_str(name).ok().filter(|channel| known.contains(channel));
        self.right(key, read.ok_or_else(|| format!("names no channel; there are {}", channel::join(&known))))
    }

    fn settings(&mut self, file: &File) -> BTreeMap<String, Declared> {
        let mut all = BTreeMap::new();
        for (name, given) in &file.settings {
            let key = format!("settings.{name}");
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !is_name {
                self.mistakes.add(&key, "must be called by lower-case letters, digits and _");
            } else if COMMON_KEYS.contains(&name.as_str()) || RESERVED.contains(&name.as_str()) {
                self.mistakes.add(&key, "has a name that Watchbell itself uses; choose another");
            }
            let looks_secret = SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending));
            if given.kind == SettingType::Secret && !looks_secret {
                let endings = SECRET_ENDINGS.join(", ");
                self.mistakes.add(&key, format!("is a secret, and its name must end as one for its value to be hidden: {endings}"));
            }
            if given.doc.trim().is_empty() {
                self.mistakes.add(&format!("{key}.doc"), "must say what it is");
            }
            if given.default.is_some() && (given.optional || given.kind == SettingType::Secret) {
                self.mistakes.add(&format!("{key}.default"), "cannot be: it is optional, or a secret");
            }
            let channels = given.channels.iter().filter_map(|name| self.channel(&format!("{key}.channels"), name)).collect();
            let pattern =
                given.pattern.as_ref().and_then(|pattern| self.right(&format!("{key}.pattern"), regex(&format!("^(?:{pattern})$"))));
            let doc = given.doc.clone();
            let declared = Declared { kind: given.kind, default: given.default.clone(), optional: given.optional, channels, pattern, doc };
            if let Some(Err(error)) = given.default.as_ref().map(|value| declared.check(name, value)) {
                self.mistakes.add(&format!("{key}.default"), error.wrong.to_string());
            }
            all.insert(name.clone(), declared);
        }
        all
    }

    fn one_of(&mut self, file: &File) {
        for (at, group) in file.one_of.iter().enumerate() {
            let key = format!("one_of[{at}]");
            if group.len() < 2 {
                self.mistakes.add(&key, "must be two or more settings");
            }
            for name in group {
                if file.settings.get(name).is_none_or(|setting| !setting.optional) {
                    self.mistakes.add(&key, format!("names `{name}`, which is no optional setting"));
                }
            }
        }
    }

    fn codes(&mut self, file: &File) {
        for (name, given) in &file.codes {
            let codes = Codes::parse(given, |list, error| self.mistakes.add(&format!("codes.{name}.{list}"), error));
            self.codes.insert(name.clone(), Arc::new(codes));
        }
    }

    fn named_codes(&mut self, key: &str, name: &str) -> Option<Arc<Codes>> {
        let found = self.codes.get(name).cloned();
        let known = || self.codes.keys().cloned().collect::<Vec<_>>().join(", ");
        let read = found.ok_or_else(|| format!("names no table of codes; there are {}", known()));
        self.right(key, read)
    }

    fn template(&mut self, key: &str, source: &str) -> Option<Template> {
        let read = Template::parse(source, &self.variables);
        self.right(key, read)
    }

    fn header_name(&mut self, key: &str, name: &str) -> Option<HeaderName> {
        self.right(key, HeaderName::try_from(name).map_err(|_| "is no name of a header".to_owned()))
    }

    fn auth(&mut self, file: &File, given: &format::Auth) -> Option<Auth> {
        Some(match given {
            format::Auth::None => Auth::None,
            format::Auth::Basic { user, password } => {
                let (user, password) = (self.template("auth.basic.user", user), self.template("auth.basic.password", password));
                Auth::Basic { user: user?, password: password? }
            }
            format::Auth::Bearer { token } => Auth::Bearer { token: self.template("auth.bearer.token", token)? },
            format::Auth::Header { name, value } => {
                let (name, value) = (self.header_name("auth.header.name", name), self.template("auth.header.value", value));
                Auth::Header { name: name?, value: value? }
            }
            format::Auth::Query { name, value } => Auth::Query { name: name.clone(), value: self.template("auth.query.value", value)? },
            format::Auth::Sigv4 { access_key_id, secret_access_key, session_token, region, service } => {
                let mut template = |key: &str, text: &String| self.template(&format!("auth.sigv4.{key}"), text);
                let (id, secret) = (template("access_key_id", access_key_id), template("secret_access_key", secret_access_key));
                let (session_token, region) = (template("session_token", session_token), template("region", region));
                let service = template("service", service);
                Auth::Sigv4 {
                    access_key_id: id?,
                    secret_access_key: secret?,
                    session_token: session_token?,
                    region: region?,
                    service: service?,
                }
            }
            format::Auth::JwtRs256 { application_id, private_key_setting } => {
                self.named_setting("auth.jwt_rs256.private_key_setting", file, private_key_setting);
                let application_id = self.template("auth.jwt_rs256.application_id", application_id)?;
                Auth::JwtRs256 { application_id, private_key_setting: private_key_setting.clone() }
            }
        })
    }

    fn send(&mut self, file: &File) -> BTreeMap<Channel, Send> {
        if file.send.is_empty() {
            self.mistakes.add("send", "must have a table for each channel, such as [send.sms]");
        }
        let mut all = BTreeMap::new();
        for (name, given) in &file.send {
            let key = format!("send.{name}");
            if let (Some(channel), Some(send)) = (self.channel(&key, name), self.request(&key, name, given)) {
                all.insert(channel, send);
            }
        }
        all
    }

    fn request(&mut self, key: &str, channel: &str, given: &format::Send) -> Option<Send> {
        let url = self.template(&format!("{key}.url"), &given.url);
        let mut headers = Vec::new();
        for (name, value) in &given.headers {
            let at = format!("{key}.headers.{name}");
            headers.extend(self.header_name(&at, name).zip(self.template(&at, value)));
        }
        let method = match given.method {
            format::Method::Get => Method::GET,
            format::Method::Post => Method::POST,
            format::Method::Put => Method::PUT,
        };
        let bodies = [given.json.is_some(), given.form.is_some(), given.text.is_some()].into_iter().filter(|is_given| *is_given).count();
        match (bodies, &method) {
            (0, &Method::GET) | (1, &Method::POST | &Method::PUT) => {}
            (0, _) => self.mistakes.add(key, "has no body; give one of json, form and text"),
            (_, &Method::GET) => self.mistakes.add(key, "is a GET, which has no body; leave json, form and text out"),
            _ => self.mistakes.add(key, "has more than one body; give one of json, form and text"),
        }
        let body = self.body(key, given);
        let device = match (&given.device, channel) {
            (Some(name), "push") => {
                let read = DeviceKind::from_str(name).map_err(|error| error.to_string());
                Some(self.right(&format!("{key}.device"), read)?)
            }
            (None, "push") => {
                self.mistakes.add(key, "must say the kind of its devices: device = \"…\"");
                None
            }
            (Some(_), _) => {
                self.mistakes.add(&format!("{key}.device"), "is for the channel push alone");
                None
            }
            (None, _) => None,
        };
        let limit = self.limit(&format!("{key}.limit"), given.limit);
        Some(Send { method, url: url?, headers, body: body?, device, limit })
    }

    fn body(&mut self, key: &str, given: &format::Send) -> Option<Body> {
        let (variables, mistakes) = (&self.variables, &mut self.mistakes);
        if let Some(json) = &given.json {
            let body = Json::object(json, &format!("{key}.json"), variables, &mut |at, error| mistakes.add(at, error));
            return Some(Body::Json(body));
        }
        if let Some(form) = &given.form {
            let body = Form::parse(form, variables, &mut |field, error| mistakes.add(&format!("{key}.form.{field}"), error));
            return Some(Body::Form(body));
        }
        match &given.text {
            Some(text) => Some(Body::Text(self.template(&format!("{key}.text"), text)?)),
            None => Some(Body::None),
        }
    }

    fn limit(&mut self, key: &str, given: format::Limit) -> AccountLimit {
        if !(given.per_second > 0.0 && given.per_second <= 1e6) {
            self.mistakes.add(&format!("{key}.per_second"), "must be more than 0 and at most 1000000");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1, and a million where it is more")]
        let usual = given.per_second.clamp(1.0, 1e6) as u32;
        let burst = given.burst.unwrap_or(usual);
        if burst == 0 {
            self.mistakes.add(&format!("{key}.burst"), "must be 1 or more");
        }
        if !(1..=10_000).contains(&given.in_flight) {
            self.mistakes.add(&format!("{key}.in_flight"), "must be 1 to 10000");
        }
        AccountLimit { per_second: given.per_second, burst, in_flight: given.in_flight, timeout: DEFAULT_TIMEOUT }
    }

    fn place(&mut self, key: &str, text: &str) -> Option<Place> {
        self.right(key, Place::parse(text))
    }

    fn optional_place(&mut self, key: &str, text: Option<&String>) -> Option<Place> {
        text.and_then(|text| self.place(key, text))
    }

    fn each(&mut self, key: &str, text: Option<&String>) -> Option<Pointer> {
        let pointer = text.and_then(|text| self.right(key, Pointer::parse(text)))?;
        if !pointer.is_many() {
            self.mistakes.add(key, "must have a segment *, as it names the members of a list");
        }
        Some(pointer)
    }

    fn conditions(&mut self, key: &str, given: &BTreeMap<String, serde_json::Value>) -> Vec<Condition> {
        condition::parse_all(given, |place, error| self.mistakes.add(&format!("{key}.where.{place}"), error))
    }

    /// A rule that is never reached: after one without conditions, or after one with the same that always applies.
    fn reachable<'r>(&mut self, list: &str, rules: impl Iterator<Item = (&'r BTreeMap<String, serde_json::Value>, bool)>) {
        let mut before: Vec<(usize, &BTreeMap<String, serde_json::Value>)> = Vec::new();
        for (at, (conditions, always_applies)) in rules.enumerate() {
            let key = format!("{list}[{at}]");
            if let Some((earlier, _)) = before.iter().find(|(_, earlier)| earlier.is_empty() || *earlier == conditions) {
                self.mistakes.add(&key, format!("is never reached, as {list}[{earlier}] applies before it; put it before that"));
            }
            if always_applies {
                before.push((at, conditions));
            }
        }
    }

    fn answers(&mut self, file: &File) -> Answers {
        let rules = file.answer.iter().map(|rule| (&rule.conditions, rule.codes.is_none()));
        self.reachable("answer", rules);
        if !file.answer.iter().any(|rule| rule.outcome == Some(AnswerOutcome::Accepted)) {
            self.mistakes.add("answer", "has no rule with outcome = \"accepted\"");
        }
        let rules = file.answer.iter().enumerate();
        Answers(rules.filter_map(|(at, rule)| self.answer(&format!("answer[{at}]"), rule)).collect())
    }

    fn answer(&mut self, key: &str, given: &format::AnswerRule) -> Option<Rule> {
        let conditions = self.conditions(key, &given.conditions);
        let verdict = match (given.outcome, &given.codes) {
            (Some(AnswerOutcome::Accepted), None) => match given.message_id.as_deref() {
                None => {
                    self.mistakes
                        .add(key, "accepts a message without saying where its id is; give message_id, or \"none\" where there is none");
                    None
                }
                Some("none") => Some(Verdict::Accepted(None)),
                Some(place) => self.place(&format!("{key}.message_id"), place).map(|place| Verdict::Accepted(Some(place))),
            },
            (Some(outcome), None) => Some(Verdict::Outcome(outcome)),
            (None, Some(name)) => self.named_codes(&format!("{key}.codes"), name).map(Verdict::Codes),
            _ => {
                self.mistakes.add(key, "must have one of outcome and codes");
                None
            }
        };
        if given.message_id.is_some() && given.outcome != Some(AnswerOutcome::Accepted) {
            self.mistakes.add(&format!("{key}.message_id"), "is for outcome = \"accepted\" alone");
        }
        let may_retry = given.codes.is_some() || given.outcome == Some(AnswerOutcome::Retry);
        for (name, is_given) in [("after", given.after.is_some()), ("scope", given.scope.is_some())] {
            if is_given && !may_retry {
                self.mistakes.add(&format!("{key}.{name}"), "is for outcome = \"retry\" alone");
            }
        }
        let code = match (&given.code, &given.code_as) {
            (Some(_), Some(_)) => {
                self.mistakes.add(&format!("{key}.code_as"), "cannot be given with code; keep one of them");
                None
            }
            (Some(place), None) => self.place(&format!("{key}.code"), place).map(Code::At),
            (None, Some(code)) => {
                let recorded = super::codes::recorded(code).ok_or_else(|| "must be letters, digits, _, . and -".to_owned());
                self.right(&format!("{key}.code_as"), recorded).map(Code::Fixed)
            }
            (None, None) if given.codes.is_some() => {
                self.mistakes.add(key, "must say where the code is that its table is asked for: code = \"/…\"");
                None
            }
            (None, None) => Some(Code::Status),
        };
        let after = given.after.as_ref().and_then(|after| self.right(&format!("{key}.after"), Wait::parse(after)));
        let scope = given.scope.map(|scope| match scope {
            Scope::Message => LimitScope::Message,
            Scope::Recipient => LimitScope::Recipient,
            Scope::Provider => LimitScope::Provider,
        });
        Some(Rule { conditions, verdict: verdict?, code: code?, after, scope })
    }

    fn inbound(&mut self, file: &File, channels: &'static [Channel]) -> Option<Inbound> {
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

    fn named_setting(&mut self, key: &str, file: &File, name: &str) {
        match file.settings.get(name) {
            None => self.mistakes.add(key, format!("names `{name}`, which [settings] does not have")),
            Some(setting) if !matches!(setting.kind, SettingType::Secret | SettingType::Text) => {
                self.mistakes.add(key, format!("names `{name}`, which is no text"));
            }
            Some(_) => {}
        }
    }

    fn status(&mut self, key: &str, status: u16) -> Option<StatusCode> {
        let read = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
        self.right(key, read.ok_or_else(|| "must be an HTTP status, 200 to 599".to_owned()))
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

    fn receipt_rules(&mut self, section: &str, given: &[format::ReceiptRule], has_code: bool) -> Vec<receipt::Rule> {
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

    fn look_up(&mut self, given: &format::LookUp) -> Option<LookUp> {
        let variables = self.variables.and(look_up::VARIABLES);
        let url = self.right("look_up.url", Template::parse(&given.url, &variables));
        let each = self.each("look_up.each", Some(&given.each));
        if given.same.is_empty() {
            self.mistakes.add("look_up.same", "must say by what a message is known");
        }
        let mut same = Vec::new();
        for (place, source) in &given.same {
            let key = format!("look_up.same.{place}");
            let template = self.right(&key, Template::parse(source, &variables));
            same.extend(self.place(&key, place).zip(template));
        }
        let created = self.optional_place("look_up.created", given.created.as_ref());
        let message_id = self.place("look_up.message_id", &given.message_id);
        let code = self.optional_place("look_up.code", given.code.as_ref());
        let rules = self.receipt_rules("look_up", &given.rule, code.is_some());
        Some(LookUp { url: url?, each: each?, same, created, message_id: message_id?, code, rules })
    }
}
