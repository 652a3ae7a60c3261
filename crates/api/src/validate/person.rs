//! What users say about themselves.

use std::ops::RangeInclusive;

use watchbell_core::user::{QuietHours, is_locale, parse_timezone};

use super::Fields;
use crate::problem::Problem;

/// Characters in a name, or in an id of another system.
pub(crate) const NAME: RangeInclusive<usize> = 1..=255;
pub(crate) const OPTIONAL_NAME: RangeInclusive<usize> = 0..=255;

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

pub(crate) fn quiet_hours(fields: &mut Fields, field: &str) -> Result<Option<QuietHours>, Problem> {
    const RIGHT: &str = r#"it must be such as {"start":"22:00","end":"07:00","days":[1,2,3,4,5]}"#;
    let Some(value) = fields.object(field)? else { return Ok(None) };
    let hours: QuietHours =
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
