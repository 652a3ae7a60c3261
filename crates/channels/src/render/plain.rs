//! How values become text: what an event says is shown as it is, and what nobody sees of it is left out.

use std::borrow::Cow;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value, escape_formatter};
use watchbell_core::text::visible;

/// Every value that any template writes comes through here.
pub fn register(templates: &mut Environment<'static>) {
    templates.set_formatter(|out, state, value| {
        // What a template made itself: marks, and HTML.
        if value.is_safe() {
            return escape_formatter(out, state, value);
        }
        match plain(value)? {
            Cow::Borrowed(text) if value.as_str().is_some_and(|whole| whole.len() == text.len()) => escape_formatter(out, state, value),
            text => escape_formatter(out, state, &Value::from(text.into_owned())),
        }
    });
}

/// A text as it is; what is none as JSON writes it; nothing for what is not there.
pub fn plain(value: &Value) -> Result<Cow<'_, str>, Error> {
    match (value.kind(), value.as_str()) {
        (ValueKind::Undefined, _) => Ok("".into()),
        (_, Some(text)) => Ok(visible(text)),
        (_, None) => {
            let json = serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
            Ok(visible(&json).into_owned().into())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use serde_json::json;

    use super::*;

    fn with(vars: &serde_json::Value) -> Value {
        super::super::vars::to_value(vars)
    }

    #[test]
    fn labels_are_written_as_json_writes_them() {
        let mut templates = Environment::new();
        register(&mut templates);
        let table = [
            (json!("db-1"), "db-1"),
            (json!(null), "null"),
            (json!(true), "true"),
            (json!(7), "7"),
            (json!(1.5), "1.5"),
            (json!({"a": 1, "b": [null, false, "c\u{202e}"]}), r#"{"a":1,"b":[null,false,"c"]}"#),
            (json!([]), "[]"),
            (json!("pay\u{202e}lla\u{fdd1}"), "paylla"),
        ];
        for (value, text) in table {
            assert_eq!(templates.render_str("{{ v }}", with(&json!({"v": value}))).unwrap(), text);
        }
        assert_eq!(templates.render_str("{{ v }}{{ none_such }}", with(&json!({"v": ""}))).unwrap(), "");
        templates.add_template("a.html", "{{ v }}").unwrap();
        let html = templates.get_template("a.html").unwrap();
        assert_eq!(html.render(with(&json!({"v": {"a": "<b>"}}))).unwrap(), "{&quot;a&quot;:&quot;&lt;b&gt;&quot;}");
        assert_eq!(html.render(with(&json!({"v": "<\u{202e}b>"}))).unwrap(), "&lt;b&gt;");
    }
}
