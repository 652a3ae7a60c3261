//! `[intake.NAME]`, as it stands in the configuration.

use std::net::SocketAddr;

use serde::Deserialize;
use url::Url;
use watchbell_core::Secret;

use crate::dialect::Dialect;

/// One table. Texts are minijinja templates unless said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub kind: Dialect,
    /// Whom an alert is for; what each template gives is split at commas.
    #[serde(default)]
    pub responders: Vec<String>,
    /// Who is told when `responders` names nobody, or nobody who exists. No templates.
    pub default_responders: Vec<String>,
    #[serde(default)]
    pub priority: String,
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub details: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub alert_id: String,
    /// Of `generic`: where in the payload the list of alerts is, such as `data.alerts`; empty: the payload is one. No template.
    #[serde(default)]
    pub alerts: String,
    /// Of `generic` and `email`: whether an alert counts: an expression. Empty: each does.
    #[serde(default)]
    pub when: String,
    /// Of `generic` and `email`: what became of the alert.
    #[serde(default)]
    pub status: String,
    /// Of `alertmanager`: what an accept does there: `silence`, or nothing. No template, as the next two.
    #[serde(default)]
    pub acknowledge: String,
    /// Where its API is, such as `http://user:password@alertmanager:9093`.
    #[serde(default)]
    pub alertmanager_url: String,
    /// A bearer token for it.
    #[serde(default)]
    pub alertmanager_token: Secret,
    /// Of `email`: where mails are taken by SMTP, such as `127.0.0.1:2525`; empty: nowhere, they are posted. No template.
    #[serde(default)]
    pub listen: String,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {wrong}")]
pub struct Invalid {
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub wrong: String,
}

impl Settings {
    /// The API of the Alertmanager that is to be silent about what somebody has.
    pub fn silences(&self) -> Option<Url> {
        let url = Url::parse(&self.alertmanager_url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.filter(|_| self.acknowledge == "silence")
    }

    /// # Errors
    /// The first setting that cannot be used.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let invalid = |key, wrong: &str| Err(Invalid { key, wrong: wrong.to_owned() });
        if self.default_responders.iter().all(|name| name.trim().is_empty()) {
            return invalid("default_responders", "must name at least one user: whom to tell when nothing else says it");
        }
        if !self.listen.is_empty() && (self.kind != Dialect::Email || self.listen.parse::<SocketAddr>().is_err()) {
            return invalid("listen", "is for kind = \"email\" only, and must be an address and a port such as 127.0.0.1:2525");
        }
        if self.acknowledge.is_empty() && !(self.alertmanager_url.is_empty() && self.alertmanager_token.is_empty()) {
            return invalid("acknowledge", "must be \"silence\" where an alertmanager_url or alertmanager_token is given");
        }
        if !self.acknowledge.is_empty() {
            if self.kind != Dialect::Alertmanager || self.acknowledge != "silence" {
                return invalid("acknowledge", "is for kind = \"alertmanager\" only, and must be \"silence\"");
            }
            if self.silences().is_none() {
                return invalid("alertmanager_url", "must be where its API is, such as http://127.0.0.1:9093");
            }
        }
        if self.kind == Dialect::Generic {
            if self.alert_id.is_empty() {
                return invalid("alert_id", "must be a template such as \"{{ alert.id }}\": what the tool tells its alerts apart by");
            }
            return Ok(());
        }
        let is_email = self.kind == Dialect::Email;
        for (key, text, may) in [("alerts", &self.alerts, false), ("when", &self.when, is_email), ("status", &self.status, is_email)] {
            if !text.is_empty() && !may {
                return invalid(key, "is for kind = \"generic\" only; this kind says it itself");
            }
        }
        Ok(())
    }
}
