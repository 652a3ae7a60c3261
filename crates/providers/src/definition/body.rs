//! A request's body, as templates.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::Map;

use super::format::FormValue;
use super::template::{Failed, Formula, Names, Template, is_absent};

/// The member of an object that says whether there is one.
const IF: &str = "$if";

/// A JSON value whose texts are templates.
#[derive(Debug)]
pub enum Json {
    Fixed(serde_json::Value),
    Text(Template),
    List(Vec<Json>),
    Object { only_if: Option<Formula>, members: Vec<(String, Json)> },
}

impl Json {
    /// `wrong` is told what is wrong with which member.
    pub fn parse(given: &serde_json::Value, at: &str, names: &dyn Names, wrong: &mut dyn FnMut(&str, String)) -> Self {
        use serde_json::Value as Given;
        match given {
            Given::String(source) if source.contains("{{") || source.contains("}}") => match Template::parse(source, names) {
                Ok(template) => Self::Text(template),
                Err(error) => {
                    wrong(at, error);
                    Self::Fixed(serde_json::Value::Null)
                }
            },
            Given::Array(list) => Self::List(
                list.iter().enumerate().map(|(place, value)| Self::parse(value, &format!("{at}[{place}]"), names, wrong)).collect(),
            ),
            Given::Object(members) => Self::object(members, at, names, wrong),
            fixed => Self::Fixed(fixed.clone()),
        }
    }

    pub fn object(given: &Map<String, serde_json::Value>, at: &str, names: &dyn Names, wrong: &mut dyn FnMut(&str, String)) -> Self {
        let only_if = given.get(IF).and_then(|expression| {
            let parsed = match expression {
                serde_json::Value::String(source) => Formula::parse(source, names),
                _ => Err("must be an expression, as a text without {{ }}".to_owned()),
            };
            parsed.map_err(|error| wrong(&format!("{at}.{IF}"), error)).ok()
        });
        let members = given.iter().filter(|(key, _)| *key != IF);
        let members = members.map(|(key, value)| (key.clone(), Self::parse(value, &format!("{at}.{key}"), names, wrong))).collect();
        Self::Object { only_if, members }
    }

    /// The value; None where it is absent.
    pub fn value(&self, variables: &Value) -> Result<Option<serde_json::Value>, Failed> {
        Ok(match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Text(template) => {
                let value = template.value(variables)?;
                if is_absent(&value) { None } else { Some(serde_json::to_value(value).map_err(|_| Failed)?) }
            }
            Self::List(list) => {
                let all: Vec<_> = list.iter().filter_map(|value| value.value(variables).transpose()).collect::<Result<_, _>>()?;
                // What was written as an empty list is meant.
                (!all.is_empty() || list.is_empty()).then_some(serde_json::Value::Array(all))
            }
            Self::Object { only_if: Some(condition), .. } if !condition.is_true(variables)? => None,
            Self::Object { members, .. } => {
                let mut all = Map::new();
                for (key, member) in members {
                    if let Some(value) = member.value(variables)? {
                        all.insert(key.clone(), value);
                    }
                }
                (!all.is_empty() || members.is_empty()).then_some(serde_json::Value::Object(all))
            }
        })
    }
}

/// A form's fields, in order of their names.
#[derive(Debug)]
pub struct Form(Vec<(String, Template)>);

impl Form {
    pub fn parse(given: &BTreeMap<String, FormValue>, names: &dyn Names, wrong: &mut dyn FnMut(&str, String)) -> Self {
        let mut fields = Vec::new();
        for (key, value) in given {
            let sources = match value {
                FormValue::One(source) => std::slice::from_ref(source),
                FormValue::Many(sources) => sources,
            };
            for source in sources {
                match Template::parse(source, names) {
                    Ok(template) => fields.push((key.clone(), template)),
                    Err(error) => wrong(key, error),
                }
            }
        }
        Self(fields)
    }

    pub fn templates(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(key, template)| (key.as_str(), template))
    }

    pub fn fields(&self, variables: &Value) -> Result<Vec<(&str, String)>, Failed> {
        let all = self.0.iter().map(|(key, template)| Ok((key.as_str(), template.text(variables)?)));
        all.filter(|field| !matches!(field, Ok((_, text)) if text.is_empty())).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use minijinja::context;
    use serde_json::json;

    use super::*;

    struct Any;

    impl Names for Any {
        fn check(&self, _: &str) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn what_is_absent_leaves_nothing_behind() {
        let given = json!({
            "to": [{"email": "{{ to }}"}], "n": "{{ n }}", "text": "a\"{{ to }}\"", "none": "{{ none }}", "empty": "",
            "headers": {"x": "{{ none }}"}, "list": ["{{ none }}"], "meant": [], "deep": {"$if": "none", "kind": "x"}, "kept": {"$if": "n > 6", "kind": "x"},
        });
        let body = Json::parse(&given, "json", &Any, &mut |key, error| panic!("{key}: {error}"));
        let value = body.value(&context! { to => "a@b", n => 7, none => () }).unwrap().unwrap();
        let expected = json!({"to": [{"email": "a@b"}], "n": 7, "text": "a\"a@b\"", "empty": "", "meant": [], "kept": {"kind": "x"}});
        assert_eq!(value, expected);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let mut wrong = Vec::new();
        let given = json!({"a": [{"b": "{{ x"}], "c": {"$if": 1}});
        Json::parse(&given, "json", &Any, &mut |key, error| wrong.push(format!("{key}: {error}")));
        assert_eq!(wrong, ["json.a[0].b: has {{ without }}", "json.c.$if: must be an expression, as a text without {{ }}"]);
    }

    #[test]
    fn fields_repeat_and_empty_ones_are_left_out() {
        let given = BTreeMap::from([
            ("to".to_owned(), FormValue::Many(vec!["{{ a }}".to_owned(), "b".to_owned()])),
            ("h:X".to_owned(), FormValue::One("{{ none }}".to_owned())),
        ]);
        let form = Form::parse(&given, &Any, &mut |key, error| panic!("{key}: {error}"));
        assert_eq!(form.fields(&context! { a => "1" }).unwrap(), [("to", "1".to_owned()), ("to", "b".to_owned())]);
    }
}
