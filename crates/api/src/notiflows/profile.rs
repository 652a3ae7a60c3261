//! What an application says of its user: fields that are given are set, all others stay.

use serde_json::{Map, Value};
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::user::User;
use watchbell_store::StoreError;
use watchbell_store::directory::{NewContact, NewUser};

use super::find;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::state::Api;
use crate::validate::{Fields, address, person};

/// What was given.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    email: Option<String>,
    /// As E.164, and its region.
    phone: Option<(String, String)>,
    first_name: Option<String>,
    last_name: Option<String>,
    locale: Option<String>,
    timezone: Option<String>,
    custom_fields: Option<Map<String, Value>>,
}

impl Profile {
    pub fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            email: address::email(fields, "email")?,
            phone: address::e164(fields, "phone")?,
            first_name: fields.text("first_name", &person::OPTIONAL_NAME)?,
            last_name: fields.text("last_name", &person::OPTIONAL_NAME)?,
            locale: person::locale(fields, "locale")?,
            timezone: person::timezone(fields, "timezone")?,
            custom_fields: fields.object("custom_fields")?.map(Fields::into_members),
        })
    }

    /// Makes the user, or changes who is there; whether they are new.
    pub async fn put(self, api: &Api, caller: &Authenticated, external_id: &str) -> Result<(User, bool), Problem> {
        if let Some(user) = find(api, external_id).await? {
            return Ok((self.change(api, caller, user).await?, false));
        }
        match api.store.create_user(caller.actor(), self.clone().new_user(external_id)).await {
            Ok(user) => Ok((user, true)),
            // Another request has just made them.
            Err(StoreError::Taken(what)) => {
                let user = find(api, external_id).await?.ok_or(StoreError::Taken(what))?;
                Ok((self.change(api, caller, user).await?, false))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn new_user(self, external_id: &str) -> NewUser {
        NewUser {
            external_id: Some(external_id.to_owned()),
            username: self.email.clone().unwrap_or_else(|| external_id.to_owned()),
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
            timezone: self.timezone.unwrap_or_default(),
            locale: self.locale.unwrap_or_default(),
            quiet_hours: None,
            custom_fields: self.custom_fields.unwrap_or_default(),
            email: self.email,
            phone: self.phone,
        }
    }

    /// Sets what was given of a user who is there. Each step can be done again, so a request that was cut off is repeated.
    async fn change(self, api: &Api, caller: &Authenticated, user: User) -> Result<User, Problem> {
        let id = user.id;
        if let Some(email) = self.email {
            set_address(api, caller, &user, ContactKind::Email, email, None).await?;
        }
        if let Some((number, region)) = self.phone {
            set_address(api, caller, &user, ContactKind::Phone, number, Some(region)).await?;
        }
        let mut custom_fields = user.custom_fields;
        merge(&mut custom_fields, self.custom_fields.unwrap_or_default());
        let wanted = NewUser {
            external_id: user.external_id,
            username: user.username,
            first_name: self.first_name.unwrap_or(user.first_name),
            last_name: self.last_name.unwrap_or(user.last_name),
            timezone: self.timezone.unwrap_or(user.timezone),
            locale: self.locale.unwrap_or(user.locale),
            quiet_hours: user.quiet_hours,
            custom_fields,
            email: None,
            phone: None,
        };
        Ok(api.store.replace_user(caller.actor(), id, wanted).await?)
    }
}

/// Sets the address of a kind that this surface shows. It takes the place of the one that was shown, so that rules which
/// use that follow; an address that the user has already stays as it is.
async fn set_address(
    api: &Api,
    caller: &Authenticated,
    user: &User,
    kind: ContactKind,
    target: String,
    region: Option<String>,
) -> Result<(), Problem> {
    let contacts = api.store.contacts(user.id, Some(kind)).await?;
    if contacts.iter().any(|contact| contact.target.eq_ignore_ascii_case(&target)) {
        return Ok(());
    }
    // Only an admin's key comes here, and what an admin says is verified.
    let wanted = NewContact { kind, target, region, primary: None, status: ContactStatus::Ok };
    let shown: Option<&Contact> = contacts.iter().find(|contact| contact.primary).or(contacts.first());
    match shown {
        Some(shown) => api.store.replace_contact(caller.actor(), user.id, shown.id, wanted).await?,
        None => api.store.create_contact(caller.actor(), user.id, wanted).await?,
    };
    Ok(())
}

/// Merges objects member by member; whatever else is given replaces what was there.
fn merge(kept: &mut Map<String, Value>, given: Map<String, Value>) {
    for (name, value) in given {
        match (kept.get_mut(&name), value) {
            (Some(Value::Object(kept)), Value::Object(given)) => merge(kept, given),
            (_, value) => {
                kept.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use serde_json::json;

    #[test]
    fn custom_fields_are_merged_deeply() {
        let table = [
            (json!({}), json!({ "a": 1 }), json!({ "a": 1 })),
            (json!({ "a": { "b": 1, "c": 2 } }), json!({ "a": { "c": 3 } }), json!({ "a": { "b": 1, "c": 3 } })),
            (json!({ "a": { "b": 1 } }), json!({ "a": 5 }), json!({ "a": 5 })),
            (json!({ "a": [1, 2] }), json!({ "a": [3] }), json!({ "a": [3] })),
            (json!({ "a": 1 }), json!({ "a": null }), json!({ "a": null })),
        ];
        for (kept, given, expected) in table {
            let mut merged = kept.as_object().unwrap().clone();
            merge(&mut merged, given.as_object().unwrap().clone());
            assert_eq!(Value::Object(merged), expected, "{kept} {given}");
        }
    }
}
