//! Addresses of contacts.

use watchbell_core::contact::{BadTarget, LONGEST_TARGET, parse_e164, parse_email, parse_phone};

use super::Fields;
use crate::problem::Problem;

/// How many characters an address may have.
const TARGET: std::ops::RangeInclusive<usize> = 1..=LONGEST_TARGET;

/// An address as it was written, of the right length.
pub(crate) fn written(fields: &mut Fields, field: &str) -> Result<String, Problem> {
    fields.required_text(field, &TARGET)
}

/// An email address.
pub(crate) fn email(fields: &mut Fields, field: &str) -> Result<Option<String>, Problem> {
    let text = fields.text(field, &TARGET)?;
    text.map(|text| parse_email(&text)).transpose().map_err(|bad| wrong(fields, field, &bad))
}

/// A phone number, which is E.164 from here on, and its region.
pub(crate) fn phone(fields: &mut Fields, number: &str, region: &str) -> Result<(String, String), Problem> {
    let text = written(fields, number)?;
    let code = fields.text(region, &(0..=LONGEST_TARGET))?;
    let code = fields.required(region, code, "it must be a region such as DE or US (ISO 3166 alpha-2)")?;
    parse_phone(&text, &code).map_err(|bad| wrong(fields, if bad == BadTarget::Region { region } else { number }, &bad))
}

/// A phone number that begins with a plus, as E.164, and its region; None for another one, which is left to be read.
pub(crate) fn with_country(fields: &mut Fields, field: &str) -> Result<Option<(String, String)>, Problem> {
    if fields.peek(field).and_then(serde_json::Value::as_str).is_some_and(|text| text.trim_start().starts_with('+')) {
        return e164(fields, field);
    }
    Ok(None)
}

/// A phone number with its country code, as E.164, and its region.
pub(crate) fn e164(fields: &mut Fields, field: &str) -> Result<Option<(String, String)>, Problem> {
    let text = fields.text(field, &TARGET)?;
    text.map(|text| parse_e164(&text)).transpose().map_err(|bad| wrong(fields, field, &bad))
}

fn wrong(fields: &Fields, field: &str, bad: &BadTarget) -> Problem {
    fields.invalid(field, "cannot be used", &format!("it {bad}"))
}
