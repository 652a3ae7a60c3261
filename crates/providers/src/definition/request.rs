//! The request that sends a message, put together from its templates.

use ::http::Method;
use ::http::header::HeaderName;
use minijinja::Value;
use watchbell_core::device::DeviceKind;

use super::body::{Form, Json};
use super::template::{Failed, Template};
use crate::http::{self, Request};
use crate::provider::AccountLimit;

/// How a call shows who it is from.
#[derive(Debug)]
pub enum Auth {
    None,
    Basic { user: Template, password: Template },
    Bearer { token: Template },
    Header { name: HeaderName, value: Template },
    Query { name: String, value: Template },
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
    pub fn fill(&self, auth: &Auth, variables: &Value) -> Result<(String, Fill), Failed> {
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
        let auth = auth.on_request(variables)?;
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

    /// What shows in a request who calls.
    pub fn on_request(&self, variables: &Value) -> Result<Fill, Failed> {
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
        })
    }
}
