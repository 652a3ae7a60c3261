//! Which user somebody is whom the identity provider knows, and the key that stands for them.

use std::net::IpAddr;

use watchbell_core::Secret;
use watchbell_core::access::Role;
use watchbell_core::contact::{ContactKind, parse_target};
use watchbell_core::ids::{UserRef, check_external_id};
use watchbell_core::network::Reach;
use watchbell_core::user::{User, is_locale, parse_timezone};
use watchbell_oidc::{Identity, SignOn};
use watchbell_store::StoreError;
use watchbell_store::access::{Actor, ApiKey};
use watchbell_store::directory::NewUser;

use super::Trouble;
use crate::auth::hash_key;
use crate::people;
use crate::state::Api;

/// A key's name is no longer than others'.
const LONGEST_NAME: usize = 100;

/// The key that stands for them, in the role that the provider gives them now. Whoever has none any more is signed out everywhere.
pub(super) async fn key_of(api: &Api, sign_on: &SignOn, identity: &Identity, address: IpAddr) -> Result<ApiKey, Trouble> {
    let subject = hash_key(&Secret::new(format!("{} {}", sign_on.settings.issuer, identity.subject)));
    let _turn = api.gates.change().await?;
    let Some(role) = sign_on.settings.role_of(identity) else {
        api.store.end_sign_on(&subject).await?;
        return Err(Trouble::Role);
    };
    let user = match known(api, identity, &subject).await? {
        Some(user) => Some(user),
        None if sign_on.settings.create_users => Some(create(api, identity, address).await?),
        None => None,
    };
    // Operators need be nobody here; a user's key belongs to a user.
    if user.is_none() && role == Role::User {
        return Err(Trouble::User);
    }
    let name = user.as_ref().map(User::display_name).or_else(|| identity.username.clone()).unwrap_or_default();
    let name: String = format!("single sign-on {name}").trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    Ok(api.store.sign_on_key(&subject, &name, role, user.map(|user| user.id)).await?)
}

/// Who they were before, whoever has the provider's id of them as external id, or whose their verified address is.
async fn known(api: &Api, identity: &Identity, subject: &str) -> Result<Option<User>, Trouble> {
    if let Some(id) = api.store.signed_on_user(subject).await? {
        return Ok(api.store.user(&UserRef::Id(id)).await?);
    }
    if check_external_id(&identity.subject).is_ok() {
        let named = api.store.user(&UserRef::Name(identity.subject.clone())).await?;
        if let Some(user) = named.filter(|user| user.external_id.as_ref() == Some(&identity.subject)) {
            return Ok(Some(user));
        }
    }
    match &identity.email {
        Some(email) => Ok(people::with_email(api, email).await?),
        None => Ok(None),
    }
}

async fn create(api: &Api, identity: &Identity, address: IpAddr) -> Result<User, Trouble> {
    let username = identity.username.clone().or_else(|| identity.email.clone()).unwrap_or_else(|| identity.subject.clone());
    let new = NewUser {
        external_id: Some(identity.subject.clone()).filter(|id| check_external_id(id).is_ok()),
        username: plain(&username),
        first_name: plain(&identity.first_name),
        last_name: plain(&identity.last_name),
        timezone: identity.timezone.clone().filter(|zone| parse_timezone(zone).is_ok()).unwrap_or_default(),
        locale: identity.locale.clone().filter(|locale| is_locale(locale)).unwrap_or_default(),
        email: identity.email.as_deref().and_then(|email| parse_target(ContactKind::Email, email, &Reach::default()).ok()),
        ..NewUser::default()
    };
    match api.store.create_user(Actor::Stranger { address }, new).await {
        // Somebody has the name, or had the address before they did: an admin says who is who.
        Err(StoreError::Taken(_)) => Err(Trouble::User),
        made => Ok(made?),
    }
}

/// What somebody else's system wrote, as names are here.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect::<String>().trim().to_owned()
}
