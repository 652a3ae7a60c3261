//! Trying a definition: its templates are evaluated for sample messages, with all that may be there and with nothing that may be
//! missing. A filter that does not exist, or a number added to a text, shows only so.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use url::Url;
use watchbell_core::{Channel, DeliveryId, Secret, Timestamp, UserId};

use super::body::Json;
use super::format::Server;
use super::reading::Mistakes;
use super::request::{Auth, Body, Send};
use super::template::Template;
use super::values::Values;
use super::{Definition, message};
use crate::provider::{Address, AnswerOffer, Content, Outgoing, Text, Told};

const FAILS: &str = "fails with a sample message: an unknown filter, or values of types that do not go together";

pub fn try_all(definition: &Definition, mistakes: &mut Mistakes) {
    let mut trial = Trial { wrong: BTreeSet::new() };
    for is_full in [true, false] {
        let values = Values::sample(&definition.settings, is_full);
        for (channel, send) in &definition.send {
            let message = sample(*channel, definition.server, is_full);
            let callback = is_full.then(|| {
                let url = "https://bell.example.org/callbacks/sample".to_owned();
                message::Callback { with_delivery: format!("{url}?delivery=01SAMPLE"), url }
            });
            let variables = message::variables(&values.for_templates, &message, callback.as_ref());
            trial.send(channel.as_str(), send, &variables);
            trial.auth(&definition.auth, &variables);
            for (name, template) in definition.inbound.iter().flat_map(|inbound| &inbound.callback_query) {
                trial.template(&format!("inbound.callback_query.{name}"), template, &variables);
            }
            if let Some(look_up) = &definition.look_up {
                let variables = context! { since => 1_700_000_000, ..variables };
                trial.url("look_up.url", &look_up.url, &variables);
                for (_, template) in &look_up.same {
                    trial.template("look_up.same", template, &variables);
                }
            }
        }
    }
    for (key, sentence) in trial.wrong {
        mistakes.add(&key, sentence);
    }
}

struct Trial {
    wrong: BTreeSet<(String, &'static str)>,
}

impl Trial {
    fn template(&mut self, key: &str, template: &Template, variables: &Value) {
        if template.value(variables).is_err() {
            self.wrong.insert((key.to_owned(), FAILS));
        }
    }

    fn url(&mut self, key: &str, template: &Template, variables: &Value) {
        let sentence = match template.url(variables) {
            Err(_) => FAILS,
            Ok(url) if Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) => return,
            Ok(_) => "gives no http or https URL with a sample message; it must begin with a base URL, such as {{ settings.base_url }}",
        };
        self.wrong.insert((key.to_owned(), sentence));
    }

    fn auth(&mut self, auth: &Auth, variables: &Value) {
        let templates: &[(&str, &Template)] = match auth {
            Auth::None => &[],
            Auth::Basic { user, password } => &[("auth.basic.user", user), ("auth.basic.password", password)],
            Auth::Bearer { token } => &[("auth.bearer.token", token)],
            Auth::Header { value, .. } => &[("auth.header.value", value)],
            Auth::Query { value, .. } => &[("auth.query.value", value)],
            Auth::Sigv4 { access_key_id, secret_access_key, session_token, region, service } => &[
                ("auth.sigv4.access_key_id", access_key_id),
                ("auth.sigv4.secret_access_key", secret_access_key),
                ("auth.sigv4.session_token", session_token),
                ("auth.sigv4.region", region),
                ("auth.sigv4.service", service),
            ],
            Auth::JwtRs256 { application_id, .. } => &[("auth.jwt_rs256.application_id", application_id)],
        };
        for (key, template) in templates {
            self.template(key, template, variables);
        }
    }

    fn send(&mut self, channel: &str, send: &Send, variables: &Value) {
        let key = format!("send.{channel}");
        self.url(&format!("{key}.url"), &send.url, variables);
        for (name, template) in &send.headers {
            self.template(&format!("{key}.headers.{name}"), template, variables);
        }
        match &send.body {
            Body::None => {}
            Body::Json(json) => self.json(&format!("{key}.json"), json, variables),
            Body::Form(form) => {
                for (name, template) in form.templates() {
                    self.template(&format!("{key}.form.{name}"), template, variables);
                }
            }
            Body::Text(template) => self.template(&format!("{key}.text"), template, variables),
        }
    }

    fn json(&mut self, key: &str, json: &Json, variables: &Value) {
        match json {
            Json::Fixed(_) => {}
            Json::Text(template) => self.template(key, template, variables),
            Json::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    self.json(&format!("{key}[{at}]"), value, variables);
                }
            }
            Json::Object { only_if, members } => {
                if only_if.as_ref().is_some_and(|condition| condition.is_true(variables).is_err()) {
                    self.wrong.insert((format!("{key}.$if"), FAILS));
                }
                for (name, value) in members {
                    self.json(&format!("{key}.{name}"), value, variables);
                }
            }
        }
    }
}

/// A message with all that may be there, or with nothing that may be missing.
fn sample(channel: Channel, server: Server, is_full: bool) -> Outgoing {
    let to = match channel {
        Channel::Email => Address::Email("anna@example.org".to_owned()),
        Channel::Sms | Channel::Voice | Channel::Whatsapp => Address::Phone("+15005550006".to_owned()),
        _ if server == Server::Recipient => Address::Other(Secret::new("https://chat.example.org/hooks/1")),
        _ => Address::Other(Secret::new("sample")),
    };
    let some = |text: &str| is_full.then(|| text.to_owned());
    let answer = AnswerOffer {
        token: Secret::new("sample"),
        url: Some("https://bell.example.org/a/sample".to_owned()),
        code: "A7".to_owned(),
        accept: "Accept".to_owned(),
        resolve: "Resolve".to_owned(),
        decline: "Not me".to_owned(),
    };
    let content = Content {
        subject: "Disk full".to_owned(),
        text: Text::from("Disk full on db-1"),
        html: some("<p>Disk full on db-1</p>").unwrap_or_default(),
        short: Text::from("Disk full"),
        speech: Text::from("Disk full"),
        url: some("https://alerts.example.org/7"),
        open: "Open".to_owned(),
        locale: "en".to_owned(),
        ..Content::default()
    };
    let (id, now) = (DeliveryId("01SAMPLE".to_owned()), Timestamp::from_millis(1_700_000_000_000));
    Outgoing {
        answer: is_full.then_some(answer),
        unsubscribe_url: some("https://bell.example.org/u/sample"),
        told: Told { id: UserId(7), name: "Anna".to_owned() },
        urgent: is_full,
        thread: some("alert:A-7"),
        expires_at: is_full.then(|| now.plus_s(3_600)),
        ..Outgoing::of_no_event(id, channel, to, "alert", content, now)
    }
}
