//! `/api/users`: who there is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::ids::UserRef;
use watchbell_core::user::{Profile, User};
use watchbell_store::directory::{NewContact, NewUser, UserFilter};

use super::contacts::status_of_new;
use super::{refused, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::{Fault, Problem};
use crate::request::{Params, Payload, parameter};
use crate::state::Api;
use crate::surface::json;
use crate::validate::{Fields, address, person};

/// Users on a page, at most and unless told.
const MOST: i64 = 100;
const USUAL: i64 = 50;

/// A page of users, in order of id.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let offset = params.integer("start-index", &(0..=i64::MAX))?.unwrap_or(0);
    let limit = params.integer("max-results", &(1..=MOST))?.unwrap_or(USUAL);
    let (users, _) = api.store.users(&UserFilter { offset, limit, ..UserFilter::default() }).await?;
    Ok(json(StatusCode::OK, &Value::Array(people::written(&api, &users, wire::user).await?)))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = Body::read(&mut payload.object()?)?.new_user()?;
    let user = api.store.create_user(caller.actor(), user).await.map_err(refused)?;
    Ok(json(StatusCode::CREATED, &with_contacts(&api, &user).await?))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = found(&api, &caller, &params, Intent::Read).await?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// Replaces what this surface shows of a user; what only others show stays. Another email address or phone number takes the place
/// of the one that was shown.
pub(super) async fn replace(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let before = found(&api, &caller, &params, Intent::Change).await?;
    let body = Body::read(&mut payload.object()?)?;
    // A role gives no rights here, but whoever reads it may go by it.
    if wire::role(&body.profile) != wire::role(&before.profile) && !caller.is_admin() {
        return Err(Problem::forbidden("a user key does not change its user's role"));
    }
    people::check_username(&caller, &before, body.username.as_deref())?;
    let addresses = body.addresses(status_of_new(&caller));
    let user = api.store.replace_user(caller.actor(), before.id, body.replacing(before), &addresses).await.map_err(refused)?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// A user goes with all that is theirs, so a user key cannot do it.
pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = found(&api, &caller, &params, Intent::Change).await?;
    api.store.delete_user(caller.actor(), user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The user with an email address. Whom a key may not see, it does not find.
pub(super) async fn search_email(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    if caller.0.user_id.is_none() {
        caller.check_reads_all()?;
    }
    let mut fields = payload.object()?;
    let email = address::email(&mut fields, "email")?;
    let email = fields.required("email", email, "it must be an email address")?;
    let user = people::with_email(&api, &email).await?.filter(|user| caller.0.may_read_user(user.id));
    let user = user.ok_or_else(|| Problem::not_found("user with this email"))?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// The user that a path names: by number, by user name, or as `current`.
async fn found(api: &Api, caller: &Authenticated, params: &Params, intent: Intent) -> Result<User, Problem> {
    let named = params.path("user");
    let is_number = !named.is_empty() && named.strip_prefix('-').unwrap_or(named).bytes().all(|byte| byte.is_ascii_digit());
    if named == "current" || is_number {
        let id = subject(caller, params, intent)?;
        return api.store.user(&UserRef::Id(id)).await?.ok_or_else(|| Problem::not_found("user"));
    }
    if !person::NAME.contains(&named.chars().count()) || named.chars().any(char::is_control) {
        return Err(parameter("user-id", "names nobody", "it must be a user's number, a username or current"));
    }
    let filter = UserFilter { username: Some(named.to_owned()), limit: 1, ..UserFilter::default() };
    match api.store.users(&filter).await?.0.pop() {
        Some(user) => caller.check_user(user.id, intent).map(|()| user),
        None if caller.sees_everybody() => Err(Problem::not_found("user")),
        None => Err(caller.refusal()),
    }
}

async fn with_contacts(api: &Api, user: &User) -> Result<Value, Problem> {
    Ok(wire::user(user, &api.store.contacts(user.id, None).await?))
}

/// A user as a request writes them.
struct Body {
    username: Option<String>,
    first_name: String,
    last_name: String,
    timezone: String,
    locale: String,
    profile: Profile,
    email: Option<String>,
    /// As E.164, and its region.
    phone: Option<(String, String)>,
}

impl Body {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self {
            username: fields.text("username", &person::NAME)?,
            first_name: fields.text("firstName", &person::OPTIONAL_NAME)?.unwrap_or_default(),
            last_name: fields.text("lastName", &person::OPTIONAL_NAME)?.unwrap_or_default(),
            timezone: person::timezone(fields, "timezone")?.unwrap_or_default(),
            locale: person::locale(fields, "language")?.unwrap_or_default(),
            profile: Profile { avatar: None, ..person::profile(fields)? },
            email: address::email(fields, "email")?,
            phone: match fields.object("phone")? {
                Some(mut phone) => Some(address::phone(&mut phone, "number", "regionCode")?),
                None => None,
            },
        })
    }

    fn new_user(self) -> Result<NewUser, Problem> {
        let username = self.username.or_else(|| self.email.clone());
        let missing = || Problem::invalid("username", "is missing", "it must be a text of 1 to 255 characters, unless there is an email");
        Ok(NewUser {
            username: username.ok_or_else(|| missing().because(Fault::Missing))?,
            first_name: self.first_name,
            last_name: self.last_name,
            timezone: self.timezone,
            locale: self.locale,
            profile: self.profile,
            email: self.email,
            phone: self.phone,
            ..NewUser::default()
        })
    }

    /// What a user becomes by it. A user name that is not given stays: clients that had it made from the email never send it.
    fn replacing(self, before: User) -> NewUser {
        NewUser {
            username: self.username.unwrap_or_else(|| before.username.clone()),
            first_name: self.first_name,
            last_name: self.last_name,
            timezone: self.timezone,
            locale: self.locale,
            // Pictures are another surface's.
            profile: Profile { avatar: before.profile.avatar.clone(), ..self.profile },
            ..NewUser::from(before)
        }
    }

    fn addresses(&self, status: ContactStatus) -> Vec<NewContact> {
        let address = |kind, target: &str, region| NewContact { kind, target: target.to_owned(), region, primary: None, status };
        let email = self.email.as_ref().map(|email| address(ContactKind::Email, email, None));
        let phone = self.phone.as_ref().map(|(number, region)| address(ContactKind::Phone, number, Some(region.clone())));
        email.into_iter().chain(phone).collect()
    }
}
