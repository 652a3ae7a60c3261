//! Notifications and deliveries.

use serde_json::json;
use watchbell_core::preference::ChannelType;

use super::{RUNS, created, list, of_user, paged};
use crate::notiflows::told::{NOTIFICATION_STATUSES, STATUSES};
use crate::openapi::schema::{described, free, names, nullable, object, of, string, time};
use crate::openapi::{Operation, Part};

pub(super) fn describe(part: &mut Part) {
    let common = || {
        object([
            ("id!", string()),
            ("notiflow_id!", string()),
            ("notiflow_handle!", string()),
            ("recipient!", of("NotiflowsUser")),
            ("actor!", nullable(of("NotiflowsUser"))),
            ("topic!", nullable(string())),
            ("created_at!", time()),
            ("updated_at!", time()),
        ])
    };
    let delivery_statuses = || names(STATUSES.iter().map(|(name, _)| *name));
    let content = object([("title!", string()), ("body!", string()), ("url!", nullable(string()))]);
    let delivery = object([
        ("notification_id!", string()),
        ("channel_type!", names(ChannelType::ALL.iter().map(|kind| kind.as_str()))),
        ("channel_id!", described(nullable(string()), "The provider, once there was one")),
        ("status!", delivery_statuses()),
        ("data!", content),
        ("sent_at!", nullable(time())),
        ("seen_at!", nullable(time())),
        ("read_at!", nullable(time())),
        ("clicked_at!", nullable(time())),
        ("archived_at!", nullable(time())),
    ]);
    let notification_statuses = || names(NOTIFICATION_STATUSES.iter().map(|(name, _)| *name));
    let notification = object([
        ("notiflow_run_id!", string()),
        ("status!", notification_statuses()),
        ("data!", described(free(), "What the run was given, or what its event says")),
        ("processed_at!", time()),
    ]);
    part.schema("NotiflowsDelivery", json!({ "allOf": [common(), delivery] }));
    part.schema("NotiflowsNotification", json!({ "allOf": [common(), notification] }));
    let filtered = |operation: Operation| operation.query("topic", "Only those of a run for that topic", string()).with(created);
    let deliveries = |operation: Operation| {
        let operation = operation.with(paged).with(filtered).query("status", "Only those of a status", delivery_statuses());
        let operation = operation.query("channel_id", "Only those by that provider", string());
        operation.answers(200, "A page, newest first", list(&of("NotiflowsDelivery")))
    };
    let notifications = |operation: Operation| {
        let operation = operation.with(paged).with(filtered).query("status", "Only those of a status", notification_statuses());
        operation.answers(200, "A page, newest first", list(&of("NotiflowsNotification")))
    };
    let id = |operation: Operation| operation.path("id", "Its id", json!({ "type": "string", "example": "01KAFX8M00ABCDEFGHJKMNPQRS" }));
    let of_everybody: fn(Operation) -> Operation = |operation| operation.of(RUNS);
    for (mount, whose, with) in [("", "", of_everybody), ("/users/{user_id}", " of a user", of_user)] {
        let path = |rest: &str| format!("{mount}{rest}");
        part.add(Operation::get(path("/deliveries"), &format!("List deliveries{whose}")).with(with).with(deliveries));
        let one = Operation::get(path("/deliveries/{id}"), &format!("Get a delivery{whose}")).with(with).with(id);
        part.add(one.answers(200, "The delivery", of("NotiflowsDelivery")));
        part.add(Operation::get(path("/notifications"), &format!("List notifications{whose}")).with(with).with(notifications));
        let one = Operation::get(path("/notifications/{id}"), &format!("Get a notification{whose}")).with(with).with(id);
        part.add(one.answers(200, "The notification", of("NotiflowsNotification")));
    }
    let of_one = Operation::get("/notifications/{id}/deliveries", "List a notification's deliveries").of(RUNS).with(id);
    part.add(of_one.with(deliveries));
}
