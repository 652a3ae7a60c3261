//! Templates: text with expressions in it. They are compiled when the definition is read; a message only evaluates them.

use std::sync::LazyLock;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value};

use crate::fit::Text;
use crate::{gsm, http, markup, thread};

/// What expressions may use beside Jinja's own filters and tests.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("fit", fit);
    environment.add_filter("digits", |value: Value| as_text(&value).chars().filter(char::is_ascii_digit).collect::<String>());
    environment.add_filter("whatsapp", |value: Value| markup::whatsapp(&as_text(&value)));
    environment.add_filter("thread_key", |text: &str, longest: usize| thread::key(text, longest).into_owned());
    environment.add_test("gsm", |value: Value| gsm::is_in_alphabet(&as_text(&value)));
    environment
});

/// Why a template could not be evaluated. It does not say more: the value may be a message's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// Names that an expression may use: `to`, `settings.base_url`.
pub trait Names {
    /// An error says what there is.
    fn check(&self, name: &str) -> Result<(), String>;
}

/// One expression.
pub struct Formula {
    expression: Expression<'static, 'static>,
}

impl std::fmt::Debug for Formula {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Formula(…)")
    }
}

impl Formula {
    pub fn parse(source: &str, names: &dyn Names) -> Result<Self, String> {
        let expression = ENVIRONMENT.compile_expression_owned(source.to_owned()).map_err(|error| what_is_wrong(&error))?;
        let mut used: Vec<_> = expression.undeclared_variables(true).into_iter().collect();
        used.sort_unstable();
        used.iter().try_for_each(|name| names.check(name))?;
        Ok(Self { expression })
    }

    pub fn value(&self, variables: &Value) -> Result<Value, Failed> {
        self.expression.eval(variables.clone()).map_err(|_| Failed)
    }

    pub fn is_true(&self, variables: &Value) -> Result<bool, Failed> {
        self.value(variables).map(|value| value.is_true())
    }
}

fn what_is_wrong(error: &Error) -> String {
    format!("is no expression: {}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
}

/// Text with expressions in it.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Value(Formula),
}

impl Template {
    pub fn parse(source: &str, names: &dyn Names) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (formula, left) = first_formula(after, names)?;
            pieces.push(Piece::Value(formula));
            rest = left;
        }
        if rest.contains("{%") || rest.contains("}}") {
            return Err("has a part of an expression without the rest; only {{ … }} is known".to_owned());
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// Of one expression as a whole its value, whatever its type; of anything else the text.
    pub fn value(&self, variables: &Value) -> Result<Value, Failed> {
        match self.pieces.as_slice() {
            [Piece::Value(formula)] => formula.value(variables).map(plain),
            _ => self.text(variables).map(Value::from),
        }
    }

    /// The text; of what is none there is none.
    pub fn text(&self, variables: &Value) -> Result<String, Failed> {
        self.write(variables, |text, piece, _| text.push_str(piece))
    }

    /// The text as a URL: what stands first is written as it is, every later value is percent-encoded.
    pub fn url(&self, variables: &Value) -> Result<String, Failed> {
        self.write(variables, |text, piece, is_first| if is_first { text.push_str(piece) } else { http::encode(text, piece) })
    }

    fn write(&self, variables: &Value, add: impl Fn(&mut String, &str, bool)) -> Result<String, Failed> {
        let mut text = String::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(formula) => add(&mut text, &as_text(&formula.value(variables)?), at == 0),
            }
        }
        Ok(text)
    }
}

/// An expression may hold what looks like its end, as in a text or a table: the first end at which it is one counts.
fn first_formula<'s>(source: &'s str, names: &dyn Names) -> Result<(Formula, &'s str), String> {
    let mut wrong = None;
    for (at, end) in source.match_indices("}}") {
        match Formula::parse(source[..at].trim(), names) {
            Ok(formula) => return Ok((formula, &source[at + end.len()..])),
            Err(error) => wrong = wrong.or(Some(error)),
        }
    }
    Err(wrong.unwrap_or_else(|| "has {{ without }}".to_owned()))
}

/// Whether a value is as good as absent.
pub fn is_absent(value: &Value) -> bool {
    value.is_undefined() || value.is_none() || value.as_str() == Some("")
}

/// A message's text, which expressions know with what may be cut of it, as any other.
fn plain(value: Value) -> Value {
    match value.downcast_object_ref::<Text>() {
        Some(text) => Value::from(&**text),
        None => value,
    }
}

fn as_text(value: &Value) -> String {
    match value.downcast_object_ref::<Text>() {
        Some(text) => text.to_string(),
        None if is_absent(value) => String::new(),
        None => value.to_string(),
    }
}

impl minijinja::value::Object for Text {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn is_true(self: &std::sync::Arc<Self>) -> bool {
        !self.is_empty()
    }

    fn render(self: &std::sync::Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}

/// `{{ short | fit(1600) }}`: the text, cut to so many `"characters"`, `"bytes"`, or parts of an SMS, `"gsm_parts"`. With
/// `markup="whatsapp"` it is written so that it shows as it is, and measured so.
#[expect(clippy::needless_pass_by_value, reason = "filters are given their arguments")]
fn fit(value: Value, most: usize, unit: Option<&str>, options: Kwargs) -> Result<String, Error> {
    let wrong = |sentence: &'static str| Error::new(ErrorKind::InvalidOperation, sentence);
    let size: fn(&str) -> usize = match unit.unwrap_or("characters") {
        "characters" => |text| text.chars().count(),
        "bytes" => str::len,
        "gsm_parts" => gsm::parts_of,
        _ => return Err(wrong("fit counts \"characters\", \"bytes\" or \"gsm_parts\"")),
    };
    let written: fn(&str) -> String = match options.get::<Option<&str>>("markup")? {
        None => str::to_owned,
        Some("whatsapp") => markup::whatsapp,
        Some("mattermost") => markup::mattermost,
        Some(_) => return Err(wrong("fit knows the markup \"whatsapp\" and \"mattermost\"")),
    };
    options.assert_all_used()?;
    let fits = |text: &str| size(&written(text)) <= most;
    Ok(written(&match (value.downcast_object_ref::<Text>(), value.kind()) {
        (Some(text), _) => text.fit(fits),
        (None, ValueKind::Undefined | ValueKind::None) => String::new(),
        (None, _) => Text::from(value.to_string()).fit(fits),
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use minijinja::context;

    use super::*;

    struct Any;

    impl Names for Any {
        fn check(&self, name: &str) -> Result<(), String> {
            if name == "nobody" { Err("nobody is unknown".to_owned()) } else { Ok(()) }
        }
    }

    fn parse(source: &str) -> Result<Template, String> {
        Template::parse(source, &Any)
    }

    #[test]
    fn values_keep_their_type_and_texts_are_joined() {
        let variables = context! { n => 7, a => "x/y", none => (), long => Value::from_object(Text::read("\u{fdd1}details\u{fdd0} #7")) };
        let table = [
            ("{{ n }}", "7"),
            ("{{ n * 2 }}", "14"),
            ("a{{ n }}b{{ a }}", "\"a7bx/y\""),
            ("{{ '}}' ~ n }}", "\"}}7\""),
            ("{{ {'a': {'b': n}} }}", "{\"a\":{\"b\":7}}"),
            ("plain", "\"plain\""),
            ("{{ none }}", "null"),
            ("-{{ none }}-{{ missing.member }}-", "\"---\""),
            ("{{ long }}", "\"details #7\""),
            ("{{ long | fit(7) }}", "\"det… #7\""),
            ("{{ long | fit(9, 'bytes') }}", "\"det… #7\""),
            ("{{ '*b*' | fit(9, markup='whatsapp') }}", "\"*\u{200b}b*\u{200b}\""),
            ("{{ '+49 151' | digits }}", "\"49151\""),
            ("{{ 'unicode' if 'ж' is not gsm }}{{ 'unicode' if 'a' is not gsm }}", "\"unicode\""),
        ];
        for (source, expected) in table {
            let value = parse(source).unwrap().value(&variables).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn what_comes_after_the_base_of_a_url_is_encoded() {
        let variables = context! { base => "http://h/p?x=1&", a => "x/y&z=ü" };
        assert_eq!(parse("{{ base }}{{ a }}/b").unwrap().url(&variables), Ok("http://h/p?x=1&x%2Fy%26z%3D%C3%BC/b".to_owned()));
        assert_eq!(parse("http://h/{{ a }}").unwrap().url(&variables), Ok("http://h/x%2Fy%26z%3D%C3%BC".to_owned()));
    }

    #[test]
    fn what_is_no_template_says_why() {
        let table = [
            ("{{ a", "has {{ without }}"),
            ("a }}", "has a part of an expression without the rest; only {{ … }} is known"),
            ("{% if a %}", "has a part of an expression without the rest; only {{ … }} is known"),
            ("{{ nobody }}", "nobody is unknown"),
            ("{{ a + }}", "is no expression: unexpected end of input, expected expression"),
        ];
        for (source, expected) in table {
            assert_eq!(parse(source).unwrap_err(), expected, "{source}");
        }
        for fails in ["{{ 1 | nothing }}", "{{ 'a' | fit(3, 'miles') }}", "{{ 'a' + 1 }}", "{{ 1 | fit(3, colour='red') }}"] {
            assert_eq!(parse(fails).unwrap().text(&context! {}), Err(Failed), "{fails}");
        }
    }
}
