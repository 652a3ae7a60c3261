//! The contact that a rule names.

use watchbell_core::contact::ContactKind;
use watchbell_core::{Channel, ContactId, UserId};

use super::super::contacts::matching;
use crate::problem::Problem;
use crate::state::Api;
use crate::validate::{Fields, address};

/// Which contacts a channel's rule may name. ilert has Telegram rules name the phone number; the chat is the one that the
/// user linked to the bot.
pub(crate) fn kinds(channel: Channel) -> &'static [ContactKind] {
    match channel {
        Channel::Email => &[ContactKind::Email],
        Channel::Sms | Channel::Voice | Channel::Whatsapp | Channel::Telegram => &[ContactKind::Phone],
        _ => &[],
    }
}

/// Reads `contact`: its id is enough; a body that was read from here and has only the target will do.
pub(super) async fn read(api: &Api, user: UserId, channel: Channel, fields: &mut Fields) -> Result<Option<ContactId>, Problem> {
    let contact = fields.object("contact")?;
    let [kind] = kinds(channel) else {
        return match contact {
            None => Ok(None),
            Some(_) => Err(fields.invalid("contact", "is given", "PUSH goes to the user's devices; leave contact out")),
        };
    };
    let what = if *kind == ContactKind::Email { "an email" } else { "a phone" };
    let mut contact =
        fields.required("contact", contact, &format!(r#"it must be {{"id":…}} with the id of {what} contact of the user"#))?;
    if let Some(id) = contact.integer("id", &(1..=i64::MAX))? {
        return Ok(Some(ContactId(id)));
    }
    if !contact.is_given("target") {
        return Err(contact.invalid("id", "is missing", &format!("it must be the id of {what} contact of the user")));
    }
    let target = address::written(&mut contact, "target")?;
    let contacts = api.store.contacts(user, Some(*kind)).await?;
    match matching(&contacts, &target) {
        Some(found) => Ok(Some(found.id)),
        None => Err(contact.invalid("target", "is not among the user's contacts", &format!("it must be {what} contact of the user"))),
    }
}
