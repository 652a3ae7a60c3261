//! What users say about themselves.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use watchbell_core::contact::LONGEST_URL;
use watchbell_core::user::{Hours, Profile, is_locale, parse_timezone};

use super::Fields;
use crate::problem::Problem;

/// Characters in a name, or in an id of another system.
pub(crate) const NAME: RangeInclusive<usize> = 1..=255;
pub(crate) const OPTIONAL_NAME: RangeInclusive<usize> = 0..=255;

/// What applications may keep of their own with a user, in bytes of JSON: lists show a thousand users at once.
const CUSTOM_FIELDS_BYTES: usize = 16_384;

/// Refuses fields of an application's own that are too many, however they were brought together.
pub(crate) fn check_custom_fields(field: &str, custom: &Map<String, Value>) -> Result<(), Problem> {
    let is_small = serde_json::to_string(custom).is_ok_and(|text| text.len() <= CUSTOM_FIELDS_BYTES);
    let right = format!("all of a user's together may have {CUSTOM_FIELDS_BYTES} bytes of JSON");
    if is_small { Ok(()) } else { Err(Problem::invalid(field, "are too large", &right)) }
}

/// An IANA time zone.
pub(crate) fn timezone(fields: &mut Fields, field: &str) -> Result<Option<String>, Problem> {
    let Some(name) = fields.text(field, &NAME)? else { return Ok(None) };
    match parse_timezone(&name) {
        Ok(_) => Ok(Some(name)),
        Err(_) => Err(fields.invalid(field, "is unknown", "it must be an IANA time zone such as Europe/Berlin")),
    }
}

/// A BCP 47 language tag.
pub(crate) fn locale(fields: &mut Fields, field: &str) -> Result<Option<String>, Problem> {
    let Some(tag) = fields.text(field, &NAME)? else { return Ok(None) };
    if is_locale(&tag) { Ok(Some(tag)) } else { Err(fields.invalid(field, "is no language", "it must be a tag such as en or de-AT")) }
}

/// Characters in the name of a role, at most.
const LONGEST_ROLE: usize = 64;

/// What an organisation says about a user. A member that is empty is as good as none: clients clear one so.
pub(crate) fn profile(fields: &mut Fields) -> Result<Profile, Problem> {
    let role = text(fields, "role", LONGEST_ROLE)?;
    let is_name = |role: &String| role.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if !role.as_ref().is_none_or(is_name) {
        return Err(fields.invalid("role", "is no role", "it must be a name in capitals such as USER, ADMIN or STAKEHOLDER"));
    }
    Ok(Profile {
        role,
        position: text(fields, "position", *NAME.end())?,
        department: text(fields, "department", *NAME.end())?,
        region: text(fields, "region", *NAME.end())?,
        shift_color: text(fields, "shiftColor", *NAME.end())?,
        avatar: avatar(fields)?,
    })
}

/// The address of a picture. It is never called from here, so it may lead anywhere.
pub(crate) fn avatar(fields: &mut Fields) -> Result<Option<String>, Problem> {
    let Some(url) = text(fields, "avatar", LONGEST_URL)? else { return Ok(None) };
    let is_url = url.starts_with("https://") || url.starts_with("http://");
    if is_url { Ok(Some(url)) } else { Err(fields.invalid("avatar", "is no URL", "it must be one such as https://example.org/anna.png")) }
}

fn text(fields: &mut Fields, field: &str, most: usize) -> Result<Option<String>, Problem> {
    Ok(fields.text(field, &(0..=most))?.filter(|text| !text.is_empty()))
}

pub(crate) fn hours(fields: &mut Fields, field: &str) -> Result<Option<Hours>, Problem> {
    const RIGHT: &str = r#"it must be such as {"start":"22:00","end":"07:00","days":[1,2,3,4,5]}"#;
    let Some(value) = fields.object(field)? else { return Ok(None) };
    let hours: Hours =
        serde_json::from_value(value.into_value()).map_err(|error| fields.invalid(field, &format!("cannot be used ({error})"), RIGHT))?;
    if hours.start == hours.end {
        return Err(fields.invalid(field, "has the same start and end", RIGHT));
    }
    let mut days = hours.days.clone();
    days.sort_unstable();
    days.dedup();
    if days.len() != hours.days.len() || !days.iter().all(|day| (1..=7).contains(day)) {
        return Err(fields.invalid(&format!("{field}.days"), "cannot be used", "it must have ISO weekdays, 1 (Monday) to 7, each once"));
    }
    Ok(Some(hours))
}
