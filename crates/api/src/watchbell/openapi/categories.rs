//! Categories.

use serde_json::json;
use watchbell_core::Channel;

use super::paged;
use crate::openapi::schema::{array, closed, described, names, object, of, page, string, text, time};
use crate::openapi::{Operation, Part};

const CATEGORIES: &str = "Categories";

const PATH: &str = "/categories/{handle}";

pub(super) fn describe(part: &mut Part) {
    part.tag(CATEGORIES, "What events are of; a notiflow is one");
    let channels = || {
        let list = array(&names(Channel::ALL.iter().map(|channel| channel.as_str())));
        described(list, "Where its subscription events go without any rule, at each user's first usable address")
    };
    part.schema(
        "Category",
        object([("id!", string()), ("handle!", string()), ("name!", string()), ("defaultChannels!", channels()), ("createdAt!", time())]),
    );
    part.add(Operation::get("/categories", "List categories").of(CATEGORIES).with(paged).answers(
        200,
        "A page, in order of handle",
        page(&of("Category")),
    ));
    let one = |operation: Operation| {
        let schema = json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,255}$", "example": "order.updated" });
        operation.of(CATEGORIES).path("handle", "As events name it", schema)
    };
    part.add(Operation::get(PATH, "Show a category").with(one).says("By its handle or by its id.").answers(
        200,
        "The category",
        of("Category"),
    ));
    part.add(
        Operation::put(PATH, "Make or change a category")
            .with(one)
            .takes(
                closed([("name", described(text(1, 255), "Its handle unless told")), ("defaultChannels", channels())]),
                json!({ "name": "Order updates", "defaultChannels": ["email"] }),
            )
            .answers(200, "It was there", of("Category"))
            .answers(201, "It is new", of("Category")),
    );
    part.add(
        Operation::delete(PATH, "Delete a category")
            .with(one)
            .says("What users have said of it stays, and holds again for one of the same handle.")
            .answers_nothing("It is gone"),
    );
}
