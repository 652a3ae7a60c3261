//! What an application says of its user: fields that are given are set, all others stay.

use serde_json::{Map, Value};
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::user::{self as core, User};
use watchbell_store::StoreError;
use watchbell_store::directory::{NewContact, NewUser};

use super::find;
use crate::auth::{Authenticated, random_text};
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
    avatar: Option<String>,
    custom_fields: Option<Map<String, Value>>,
}

impl Profile {
    pub fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let custom_fields = fields.object("custom_fields")?.map(Fields::into_members);
        person::check_custom_fields("custom_fields", custom_fields.as_ref().unwrap_or(&Map::new()))?;
        Ok(Self {
            email: address::email(fields, "email")?,
            phone: address::e164(fields, "phone")?,
            first_name: fields.text("first_name", &person::OPTIONAL_NAME)?,
            last_name: fields.text("last_name", &person::OPTIONAL_NAME)?,
            locale: person::locale(fields, "locale")?,
            timezone: person::timezone(fields, "timezone")?,
            avatar: person::avatar(fields)?,
            custom_fields,
        })
    }

    /// Makes the user, or changes who is there; whether they are new.
    pub async fn put(self, api: &Api, caller: &Authenticated, external_id: &str) -> Result<(User, bool), Problem> {
        if let Some(user) = find(api, external_id).await? {
            return Ok((self.change(api, caller, user).await?, false));
        }
        let mut made = api.store.create_user(caller.actor(), self.clone().new_user(external_id)).await;
        // This surface gives nobody a user name, so one that another user has is in nobody's way.
        if matches!(made, Err(StoreError::Taken("username"))) {
            let new = self.clone().new_user(external_id);
            let username = format!("{} {}", new.username, random_text::<6>());
            made = api.store.create_user(caller.actor(), NewUser { username, ..new }).await;
        }
        match made {
            Ok(user) => Ok((user, true)),
            // Another request has just made them.
            Err(StoreError::Taken(what)) => {
                let user = find(api, external_id).await?.ok_or(StoreError::Taken(what))?;
                Ok((self.change(api, caller, user).await?, false))
            }
            Err(StoreError::BadExternalId(error)) => Err(Problem::bad_request(format!("external_id {error}")).at("external_id")),
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
            custom_fields: self.custom_fields.unwrap_or_default(),
            profile: core::Profile { avatar: self.avatar, ..core::Profile::default() },
            email: self.email,
            phone: self.phone,
            ..NewUser::default()
        }
    }

    /// Sets what was given of a user who is there.
    async fn change(self, api: &Api, caller: &Authenticated, user: User) -> Result<User, Problem> {
        let id = user.id;
        let contacts = api.store.contacts(id, None).await?;
        // Only an admin's key comes here, and what an admin says is verified. An address that the user has already stays as it is.
        let address = |kind, target, region| NewContact { kind, target, region, primary: None, status: ContactStatus::Ok };
        let email = self.email.map(|email| address(ContactKind::Email, email, None));
        let phone = self.phone.map(|(number, region)| address(ContactKind::Phone, number, Some(region)));
        let is_there =
            |new: &NewContact| contacts.iter().any(|contact| contact.kind == new.kind && contact.target.eq_ignore_ascii_case(&new.target));
        let addresses: Vec<NewContact> = email.into_iter().chain(phone).filter(|new| !is_there(new)).collect();
        let mut wanted = NewUser::from(user);
        if let Some(custom_fields) = self.custom_fields {
            merge(&mut wanted.custom_fields, custom_fields);
            person::check_custom_fields("custom_fields", &wanted.custom_fields)?;
        }
        let set = |kept: &mut String, given: Option<String>| {
            if let Some(given) = given {
                *kept = given;
            }
        };
        wanted.profile.avatar = self.avatar.or(wanted.profile.avatar);
        set(&mut wanted.first_name, self.first_name);
        set(&mut wanted.last_name, self.last_name);
        set(&mut wanted.timezone, self.timezone);
        set(&mut wanted.locale, self.locale);
        Ok(api.store.replace_user(caller.actor(), id, wanted, &addresses).await?)
    }
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
