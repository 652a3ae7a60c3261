//! Lists: `{"object":"list","page_info":{…},"data":[…]}`.

use url::form_urlencoded::Serializer;
use watchbell_store::page::Side;
use watchbell_store::preferences::NotificationCursor;
use watchbell_wire::messaging::{List, ListObject, PageInfo};

use super::MOUNT;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::request::{Params, parameter};

/// Where a page stands among the others.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    pub next: Option<String>,
    pub previous: Option<String>,
}

pub(super) fn list<T>(data: Vec<T>, neighbours: Neighbours) -> List<T> {
    let page_info = PageInfo {
        has_next_page: neighbours.next.is_some(),
        has_prev_page: neighbours.previous.is_some(),
        next_page_url: neighbours.next,
        previous_page_url: neighbours.previous,
    };
    List { object: ListObject::List.into(), page_info, data }
}

/// Which side of the list a request asks for. A cursor names the notification it starts beside, and `before.` or `after.`
/// for the side.
pub(super) fn from(params: &Params) -> Result<Side<NotificationCursor>, Problem> {
    let Some(text) = params.query("cursor")? else { return Ok(Side::Newest) };
    let read = |cursor: &str| cursor.parse().ok();
    let from = match text.split_once('.') {
        Some(("after", cursor)) => read(cursor).map(Side::After),
        Some(("before", cursor)) => read(cursor).map(Side::Before),
        _ => None,
    };
    from.ok_or_else(|| parameter("cursor", "is none of ours", "take next_page_url or previous_page_url as they are"))
}

/// The address of the page after (`after`, older) or before (`before`, newer) a notification, for the same filters.
pub(super) fn url(origin: &Origin, params: &Params, side: &str, cursor: &NotificationCursor) -> Result<String, Problem> {
    let mut query = Serializer::new(String::new());
    query.append_pair("cursor", &format!("{side}.{cursor}"));
    for name in ["limit", "category", "status"] {
        if let Some(value) = params.query(name)? {
            query.append_pair(name, value);
        }
    }
    Ok(format!("{}{MOUNT}/notifications?{}", origin.0, query.finish()))
}
