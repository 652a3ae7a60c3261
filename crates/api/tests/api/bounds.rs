//! Every list ends somewhere: in entries, and in bytes.

use serde_json::{Value, json};
use watchbell_core::event::Original;
use watchbell_store::intake::Rejected;

use crate::harness::{ADMIN, READER, World, world};
use crate::notiflows::call;

/// All entries of a list, page by page; the largest page, in bytes; and how many pages there were.
async fn all(world: &World, path: &str, limit: usize) -> (Vec<Value>, usize, usize) {
    let (mut items, mut largest, mut pages, mut cursor) = (Vec::new(), 0, 0, String::new());
    loop {
        let page = world.get(ADMIN, &format!("/watchbell/v1/{path}?limit={limit}{cursor}")).await;
        let mut body = page.expect(200);
        let list = if body["items"].is_null() { "users" } else { "items" };
        let found = body[list].as_array_mut().map(std::mem::take).unwrap();
        assert!(found.len() <= limit);
        items.extend(found);
        (largest, pages) = (largest.max(page.text.len()), pages + 1);
        match body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, largest, pages),
        }
    }
}

#[tokio::test]
async fn keys_and_categories_have_pages() {
    let world = world().await.with_categories().await;
    for number in 0..7 {
        world.call(ADMIN, "POST", "/watchbell/v1/keys", &json!({ "name": format!("k{number}"), "role": "reader" })).await.expect(201);
    }
    // Those of the harness are there too.
    let (keys, _, pages) = all(&world, "keys", 3).await;
    assert_eq!((keys.len(), pages), (12, 4));
    assert!(keys.is_sorted_by_key(|key| key["id"].as_i64()));
    let (categories, _, pages) = all(&world, "categories", 2).await;
    let handles: Vec<&str> = categories.iter().map(|category| category["handle"].as_str().unwrap()).collect();
    assert_eq!((handles, pages), (vec!["chat.mention", "chat.message", "order.updated"], 2));
    for path in ["keys?limit=0", "keys?limit=501", "keys?cursor=x", "categories?limit=x"] {
        world.get(READER, &format!("/watchbell/v1/{path}")).await.expect(400);
    }
}

#[tokio::test]
async fn a_page_has_a_megabyte_at_most() {
    let world = world().await;
    let letter = |n: usize| {
        let original = Original { subject: "s".repeat(4_000), payload: vec![b'p'; 100_000], ..Original::default() };
        Rejected { original, reason: "bad_json".to_owned(), detail: format!("{n} {}", "d".repeat(9_000)) }
    };
    world.store.reject((0..300).map(letter).collect()).await.unwrap();
    let (letters, largest, pages) = all(&world, "dead-letters", 500).await;
    assert_eq!(letters.len(), 300);
    assert!(largest < (1 << 20) + 1_000 && pages > 2, "{largest} bytes, {pages} pages");
    assert!(letters.iter().all(|letter| letter.get("payload").is_none() && letter["detail"].as_str().unwrap().len() <= 4_096));
    // All of them in order, none left out where a page ended early.
    assert!(letters.windows(2).all(|pair| pair[0]["id"].as_i64() == pair[1]["id"].as_i64().map(|id| id + 1)));

    for number in 0..100 {
        let user = json!({ "custom_fields": { "text": "x".repeat(16_000) } });
        call(&world, "PUT", &format!("/admin/v1/users/u{number}"), &user).await;
    }
    let (users, largest, pages) = all(&world, "export", 500).await;
    assert_eq!(users.len(), 102);
    assert!(largest < (1 << 20) + 10_000 && pages == 2, "{largest} bytes, {pages} pages");
}

#[tokio::test]
async fn what_applications_keep_with_a_user_is_bounded_however_it_grows() {
    let world = world().await;
    let put = async |member: &str, length: usize| {
        let fields = json!({ "custom_fields": { member: "x".repeat(length) } });
        call(&world, "PUT", "/admin/v1/users/u1", &fields).await
    };
    put("a", 20_000).await.expect(400);
    assert!(put("a", 9_000).await.status.is_success());
    let refused = put("b", 9_000).await;
    assert!(refused.text.contains("16384"), "{}", refused.text);
    refused.expect(400);
    assert!(put("a", 100).await.status.is_success());
    assert!(put("b", 9_000).await.status.is_success());
    let import = json!({ "users": [{ "externalId": "u2", "username": "u2", "customFields": { "a": "x".repeat(20_000) } }] });
    let taken = world.call(ADMIN, "POST", "/watchbell/v1/import", &import).await.expect(200);
    assert!(taken["users"][0]["problems"][0].as_str().unwrap().contains("16384"), "{taken}");
}
