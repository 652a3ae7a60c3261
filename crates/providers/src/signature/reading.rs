//! A request, whose form and JSON are read once, when they are first asked for.

use std::cell::OnceCell;

use serde_json::Value;

use crate::inbound::Request;

/// A form's or a query's fields, in order.
pub type Fields = Vec<(String, String)>;

pub struct Reading<'a, 'r> {
    pub request: &'a Request<'r>,
    form: OnceCell<Fields>,
    json: OnceCell<Value>,
}

impl<'a, 'r> Reading<'a, 'r> {
    pub fn new(request: &'a Request<'r>) -> Self {
        Self { request, form: OnceCell::new(), json: OnceCell::new() }
    }

    /// The body's fields; there are none unless the request says that its body is a form.
    pub fn form(&self) -> &[(String, String)] {
        self.form.get_or_init(|| {
            let media_type = self.request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
            if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
                return Fields::new();
            }
            url::form_urlencoded::parse(self.request.body).into_owned().collect()
        })
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> &Value {
        self.json.get_or_init(|| serde_json::from_slice(self.request.body).unwrap_or_default())
    }

    /// A header that is given once, and is text.
    pub fn header(&self, name: &str) -> Option<&'r str> {
        once(self.request.headers.get_all(name).iter())?.to_str().ok()
    }
}

/// The one item of a list.
pub fn once<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let item = items.next();
    item.filter(|_| items.next().is_none())
}

/// A field that is given once, and is not empty.
pub fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    once(fields.iter().filter(|(key, _)| key == name)).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}
