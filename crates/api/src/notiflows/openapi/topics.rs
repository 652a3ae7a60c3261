//! Topics, and who has subscribed to them.

use serde_json::json;

use super::{TOPICS, created, list, of_user, paged};
use crate::openapi::schema::{array, object, of, string, text, time};
use crate::openapi::{Operation, Part};

const SUBSCRIPTIONS: &str = "/topics/{topic}/subscriptions";
const OF_USER: &str = "/users/{user_id}/subscriptions";
const ONE: &str = "/users/{user_id}/subscriptions/{topic}";

pub(super) fn describe(part: &mut Part) {
    part.schema("NotiflowsTopic", object([("id!", string()), ("name!", string()), ("created_at!", time())]));
    part.schema(
        "NotiflowsSubscription",
        object([("id!", string()), ("topic_name!", string()), ("user_id!", string()), ("created_at!", time())]),
    );
    let failed = object([("external_id!", string()), ("reason!", string())]);
    part.schema("NotiflowsBulk", object([("successful!", array(&of("NotiflowsSubscription"))), ("failed!", array(&failed))]));
    let of_topic = |operation: Operation| {
        let name = json!({ "type": "string", "minLength": 1, "maxLength": 255, "example": "releases" });
        operation.of(TOPICS).path("topic", "Its name", name)
    };
    let all = Operation::get("/topics", "List topics").of(TOPICS).with(paged);
    part.add(all.answers(200, "A page, newest first", list(&of("NotiflowsTopic"))));
    part.add(Operation::get("/topics/{topic}", "Get a topic").with(of_topic).answers(200, "The topic", of("NotiflowsTopic")));
    let delete = Operation::delete("/topics/{topic}", "Delete a topic with all subscriptions").with(of_topic);
    part.add(delete.answers_nothing("It is gone"));
    let subscriptions = || list(&of("NotiflowsSubscription"));
    let all = Operation::get(SUBSCRIPTIONS, "List a topic's subscriptions").with(of_topic).with(paged).with(created);
    part.add(all.answers(200, "A page, newest first", subscriptions()));
    for (method, summary) in [("post", "Subscribe users to a topic"), ("delete", "End users' subscriptions to a topic")] {
        let mut ids = array(&text(1, 255));
        ids["maxItems"] = 1_000.into();
        part.add(
            Operation::new(method, SUBSCRIPTIONS, summary)
                .with(of_topic)
                .says("What can be done for some is done.")
                .takes(object([("user_external_ids!", ids)]), json!({ "user_external_ids": ["ext-anna"] }))
                .answers(200, "It is done for all", of("NotiflowsBulk"))
                .answers(207, "It is not done for those in failed", of("NotiflowsBulk")),
        );
    }
    let all = Operation::get(OF_USER, "List a user's subscriptions").with(of_user).with(paged).with(created);
    part.add(all.answers(200, "A page, newest first", subscriptions()));
    part.add(
        Operation::post(OF_USER, "Subscribe a user to a topic")
            .with(of_user)
            .takes(object([("topic_name!", text(1, 255))]), json!({ "topic_name": "releases" }))
            .answers(200, "The subscription, which was there", of("NotiflowsSubscription"))
            .answers(201, "The subscription, which is new", of("NotiflowsSubscription")),
    );
    let one = |operation: Operation| operation.with(of_user).with(of_topic);
    let show = Operation::get(ONE, "Get a user's subscription to a topic").with(one);
    part.add(show.answers(200, "The subscription", of("NotiflowsSubscription")));
    part.add(Operation::delete(ONE, "End a user's subscription to a topic").with(one).answers_nothing("It is ended"));
}
