//! A contact of any kind, as a request gives it.

use watchbell_core::contact::{ContactKind, ContactStatus, LONGEST_TARGET, LONGEST_URL, parse_target};
use watchbell_store::directory::NewContact;

use super::{Fields, address};
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::state::Api;

/// Reads what makes or replaces a contact of that kind.
///
/// # Errors
/// `Forbidden` for a Telegram chat with a user key: whose chat it is, only the bot can tell.
pub(crate) fn read(fields: &mut Fields, kind: ContactKind, caller: &Authenticated, api: &Api) -> Result<NewContact, Problem> {
    // What a user claims to be theirs is used once a code has been there and back.
    let status = if caller.is_admin() { ContactStatus::Ok } else { ContactStatus::Locked };
    if kind == ContactKind::Phone {
        // A number with its country says its region itself.
        let own = if fields.is_given("regionCode") { None } else { address::with_country(fields, "target")? };
        let (target, region) = match own {
            Some(number) => number,
            None => address::phone(fields, "target", "regionCode")?,
        };
        let primary = fields.boolean("primary")?;
        return Ok(NewContact { kind, target, region: Some(region), primary, status });
    }
    if kind == ContactKind::Telegram && !caller.is_admin() {
        return Err(Problem::forbidden("a Telegram chat is linked by opening the bot: POST …/telegram-link"));
    }
    let text = fields.required_text("target", &(1..=if kind.is_url() { LONGEST_URL } else { LONGEST_TARGET }))?;
    let reach = api.settings.contact_reach.get(&kind).cloned().unwrap_or_default();
    let target = parse_target(kind, &text, &reach).map_err(|bad| fields.invalid("target", "cannot be used", &format!("it {bad}")))?;
    if fields.boolean("primary")? == Some(true) {
        return Err(fields.invalid("primary", "is true", "only a phone number can be primary"));
    }
    if fields.take("regionCode").is_some() {
        return Err(fields.invalid("regionCode", "is given", "only a phone number has one"));
    }
    Ok(NewContact { kind, target, region: None, primary: None, status })
}
