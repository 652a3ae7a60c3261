//! Categories.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_wire::Page;
use watchbell_wire::categories::{Category, CategoryPut};

use super::paged;
use crate::openapi::{Operation, Part};

const CATEGORIES: &str = "Categories";

const PATH: &str = "/categories/{handle}";

pub(super) fn describe(part: &mut Part) {
    part.tag(CATEGORIES, "What events are of; a notiflow is one");
    part.add(
        Operation::get("/categories", "List categories")
            .of(CATEGORIES)
            .with(paged)
            .returns::<Page<Category>>(200, "A page, in order of handle"),
    );
    let one = |operation: Operation| {
        let schema = json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,255}$", "example": "order.updated" });
        operation.of(CATEGORIES).path("handle", "As events name it", schema)
    };
    part.add(
        Operation::get(PATH, "Show a category").with(one).says("By its handle or by its id.").returns::<Category>(200, "The category"),
    );
    part.add(
        Operation::put(PATH, "Make or change a category")
            .with(one)
            .accepts(&CategoryPut { name: Some("Order updates".to_owned()), default_channels: Some(vec![Channel::Email.into()]) })
            .returns::<Category>(200, "It was there")
            .returns::<Category>(201, "It is new"),
    );
    part.add(
        Operation::delete(PATH, "Delete a category")
            .with(one)
            .says("What users have said of it stays, and holds again for one of the same handle.")
            .answers_nothing("It is gone"),
    );
}
