//! The filter by which a template marks what may be cut: `{{ event.details | cuttable }}`. What the marks do is told in
//! [`watchbell_providers::fit`].

use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, Value};
use watchbell_providers::fit;

use super::plain::plain;

pub fn register(templates: &mut Environment<'static>) {
    templates.add_filter("cuttable", |state: &State<'_, '_>, value: Value, order: Option<usize>| -> Result<Value, Error> {
        let text = plain(&value)?;
        let marked = fit::mark(text.trim_end(), order.unwrap_or(1));
        let marked = marked.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the order of what is cut is 1, 2 or 3"))?;
        // In HTML nothing is cut, and everything is to be escaped.
        if text.trim().is_empty() || *state.auto_escape() != AutoEscape::None {
            return Ok(Value::from(text.into_owned()));
        }
        Ok(Value::from_safe_string(marked))
    });
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use minijinja::context;
    use watchbell_providers::fit::Text;

    use super::*;

    #[test]
    fn a_template_marks_what_may_be_cut() {
        let mut templates = Environment::new();
        register(&mut templates);
        super::super::plain::register(&mut templates);
        let source = "{{ s | cuttable(2) }}: {{ d | cuttable }} {{ e | cuttable }}{{ n | cuttable(3) }} #17";
        let text = templates.render_str(source, context! { d => "details that go on", s => "summary", n => 7, e => "" }).unwrap();
        let cut = |letters: usize| Text::read(&text).fit(|text| text.chars().count() <= letters);
        assert_eq!((cut(60).as_str(), cut(13).as_str()), ("summary: details that go on 7 #17", "sum…: … 7 #17"));
        for wrong in ["{{ 'x' | cuttable(4) }}", "{{ 'x' | cuttable(0) }}"] {
            assert!(templates.render_str(wrong, ()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn in_html_nothing_is_marked_and_everything_escaped() {
        let mut templates = Environment::new();
        register(&mut templates);
        templates.add_template("a.html", "{{ '<b>' | cuttable }}").unwrap();
        assert_eq!(templates.get_template("a.html").unwrap().render(()).unwrap(), "&lt;b&gt;");
    }
}
