//! Requests: those that send, and the one that looks for a message.

use std::collections::BTreeMap;
use std::str::FromStr;

use http::Method;
use watchbell_core::Channel;
use watchbell_core::device::DeviceKind;

use super::Compiler;
use crate::definition::body::{Form, Json};
use crate::definition::format::{self, File};
use crate::definition::look_up::{self, LookUp};
use crate::definition::request::{Auth, Body, Send};
use crate::definition::template::Template;
use crate::provider::AccountLimit;
use crate::settings::DEFAULT_TIMEOUT;

impl Compiler {
    pub(super) fn auth(&mut self, file: &File, given: &format::Auth) -> Option<Auth> {
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

    pub(super) fn send(&mut self, file: &File) -> BTreeMap<Channel, Send> {
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

    pub(super) fn look_up(&mut self, given: &format::LookUp) -> Option<LookUp> {
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
