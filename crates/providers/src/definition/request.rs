//! The request that sends a message, put together from its templates.

use std::sync::Arc;

use ::http::Method;
use ::http::header::HeaderName;
use minijinja::Value;
use watchbell_core::device::DeviceKind;
use watchbell_core::{Secret, Timestamp};

use super::body::{Form, Json};
use super::template::{Failed, Template};
use crate::http::{self, Request, sigv4};
use crate::jwt::SigningKey;
use crate::provider::AccountLimit;

/// How a call shows who it is from.
#[derive(Debug)]
pub enum Auth {
    None,
    Basic {
        user: Template,
        password: Template,
    },
    Bearer {
        token: Template,
    },
    Header {
        name: HeaderName,
        value: Template,
    },
    Query {
        name: String,
        value: Template,
    },
    Sigv4 {
        access_key_id: Template,
        secret_access_key: Template,
        session_token: Template,
        region: Template,
        service: Template,
    },
    /// The key is the setting's, read once for a provider's table.
    JwtRs256 {
        application_id: Template,
        private_key_setting: String,
    },
}

/// The request that sends a message by one channel.
#[derive(Debug)]
pub struct Send {
    pub method: Method,
    pub url: Template,
    pub headers: Vec<(HeaderName, Template)>,
    pub body: Body,
    /// Of push: whose tokens it takes.
    pub device: Option<DeviceKind>,
    pub limit: AccountLimit,
}

#[derive(Debug)]
pub enum Body {
    None,
    Json(Json),
    Form(Form),
    Text(Template),
}

/// What is written into a request.
pub type Fill = Box<dyn FnOnce(Request) -> Request + std::marker::Send>;

impl Send {
    /// The URL, and what is written into a request to it.
    pub fn fill(&self, auth: &Auth, key: Option<&Arc<SigningKey>>, variables: &Value) -> Result<(String, Fill), Failed> {
        let url = auth.on_url(self.url.url(variables)?, variables)?;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, template) in &self.headers {
            let value = template.text(variables)?;
            if !value.is_empty() {
                headers.push((name.clone(), value));
            }
        }
        let body: Fill = match &self.body {
            Body::None => Box::new(|request| request),
            Body::Json(json) => {
                let value = json.value(variables)?.unwrap_or_default();
                Box::new(move |request| request.json(&value))
            }
            Body::Form(form) => {
                let fields: Vec<_> = form.fields(variables)?.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                Box::new(move |request| request.form(&fields.iter().map(|(key, value)| (key.as_str(), value)).collect::<Vec<_>>()))
            }
            Body::Text(template) => {
                let text = template.text(variables)?;
                Box::new(move |request| request.body(text))
            }
        };
        let auth = auth.on_request(key, variables)?;
        // After the body, whose type a definition may name otherwise; before what shows who calls, which may sign all of it.
        let fill = |request| auth(headers.into_iter().fold(body(request), |request, (name, value)| request.named_header(&name, value)));
        Ok((url, Box::new(fill)))
    }
}

impl Auth {
    /// The URL with what shows in it who calls.
    pub fn on_url(&self, mut url: String, variables: &Value) -> Result<String, Failed> {
        if let Self::Query { name, value } = self {
            url.push(if url.contains('?') { '&' } else { '?' });
            http::encode(&mut url, name);
            url.push('=');
            http::encode(&mut url, &value.text(variables)?);
        }
        Ok(url)
    }

    /// What shows in a request who calls; `key` is the one of a setting that the definition names.
    pub fn on_request(&self, key: Option<&Arc<SigningKey>>, variables: &Value) -> Result<Fill, Failed> {
        Ok(match self {
            Self::None | Self::Query { .. } => Box::new(|request| request),
            Self::Basic { user, password } => {
                let (user, password) = (user.text(variables)?, password.text(variables)?);
                Box::new(move |request| request.basic_auth(&user, &password))
            }
            Self::Bearer { token } => {
                let token = token.text(variables)?;
                Box::new(move |request| request.bearer_auth(&token))
            }
            Self::Header { name, value } => {
                let (name, value) = (name.clone(), value.text(variables)?);
                Box::new(move |request| request.named_header(&name, value))
            }
            Self::Sigv4 { access_key_id, secret_access_key, session_token, region, service } => {
                let token = session_token.text(variables)?;
                let credentials = sigv4::Credentials {
                    access_key_id: access_key_id.text(variables)?,
                    secret_access_key: Secret::new(secret_access_key.text(variables)?),
                    session_token: (!token.is_empty()).then(|| Secret::new(token)),
                    region: region.text(variables)?,
                    service: service.text(variables)?,
                };
                let now = now(variables)?;
                Box::new(move |request| request.sigv4(&credentials, now))
            }
            Self::JwtRs256 { application_id, .. } => {
                let (key, application_id, now) = (key.cloned().ok_or(Failed)?, application_id.text(variables)?, now(variables)?);
                let token = key.application_token(&application_id, now).ok_or(Failed)?;
                Box::new(move |request| request.bearer_auth(&token))
            }
        })
    }
}

/// When the message is handed over, as templates see it.
fn now(variables: &Value) -> Result<Timestamp, Failed> {
    let seconds = variables.get_attr("now").ok().and_then(|now| i64::try_from(now).ok()).ok_or(Failed)?;
    Ok(Timestamp::from_millis(seconds * 1000))
}
