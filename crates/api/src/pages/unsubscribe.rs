//! `/u/{token}`: no more mails of a category. `List-Unsubscribe` of mails leads here; a mail program's POST (RFC 8058) acts at once.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::answer_key::Purpose;
use watchbell_core::event::EventData;
use watchbell_core::ids::UserRef;
use watchbell_core::preference::{ChannelType, NotiflowSwitches, Switches};
use watchbell_core::user::User;
use watchbell_providers::phrase::Phrase;
use watchbell_store::access::Actor;

use super::{Page, gone, no_link};
use crate::callbacks::said::say;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;

/// What a link is about.
enum Link {
    /// Mails of this category to this user.
    Category {
        user: Box<User>,
        category: String,
    },
    /// It was one, and what it was about is gone.
    Gone,
    Never,
}

pub(super) async fn show(State(api): State<Api>, params: Params, request: Request) -> Result<Response, Problem> {
    Ok(match link(&api, params.path("token")).await? {
        Link::Never => no_link(&api, &request),
        Link::Gone => gone(&api, "", Phrase::PageUnsubscribeGone),
        Link::Category { user, category } => {
            let lines = vec![say(&api, Phrase::PageUnsubscribeAsk, &user.locale, None, &[("category", &category)])];
            let stop = say(&api, Phrase::PageUnsubscribeStop, &user.locale, None, &[]);
            let page = Page::saying(&api, &user.locale, Phrase::PageUnsubscribe, lines);
            Page { buttons: vec![("stop", stop, true)], ..page }.write(&api, StatusCode::OK)
        }
    })
}

pub(super) async fn act(State(api): State<Api>, params: Params, request: Request) -> Result<Response, Problem> {
    let (user, category) = match link(&api, params.path("token")).await? {
        Link::Never => return Ok(no_link(&api, &request)),
        Link::Gone => return Ok(gone(&api, "", Phrase::PageUnsubscribeGone)),
        Link::Category { user, category } => (user, category),
    };
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    let _turn = api.gates.change().await?;
    let off = NotiflowSwitches { enabled: None, channel_types: BTreeMap::from([(ChannelType::Email, false)]) };
    let switches = Switches { notiflows: BTreeMap::from([(category.clone(), off)]), ..Switches::default() };
    api.store.merge_switches(Actor::Stranger { address }, user.id, &switches).await?;
    let lines = vec![say(&api, Phrase::PageUnsubscribed, &user.locale, None, &[("category", &category)])];
    Ok(Page::saying(&api, &user.locale, Phrase::PageUnsubscribe, lines).write(&api, StatusCode::OK))
}

async fn link(api: &Api, token: &str) -> Result<Link, Problem> {
    let Some(id) = api.settings.answer_key.read(Purpose::Unsubscribe, token) else { return Ok(Link::Never) };
    let Some((delivery, _)) = api.store.delivery(&id).await? else { return Ok(Link::Gone) };
    let user = api.store.user(&UserRef::Id(delivery.user_id)).await?;
    let data = api.store.event_data(&delivery.event_id).await?;
    Ok(match (user, data) {
        (Some(user), Some(EventData::Subscription(data))) => match data.category {
            Some(category) => Link::Category { user: Box::new(user), category },
            None => Link::Gone,
        },
        _ => Link::Gone,
    })
}
