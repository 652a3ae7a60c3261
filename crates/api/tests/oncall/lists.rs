//! Lists: filters, order and pages.

use serde_json::{Value, json};

use crate::harness::{ADMIN, PUBLISHER, READER, RULES, USER, World, path, world};

async fn fill(world: &World, count: usize) {
    for _ in 0..count {
        world.made(&json!({ "type": "wait" })).await;
    }
}

async fn page(world: &World, query: &str) -> Value {
    let mut page = world.get(ADMIN, &format!("{RULES}/{query}")).await.expect(200);
    page["results"] = page["results"].as_array().unwrap().len().into();
    page
}

#[tokio::test]
async fn pages_link_to_each_other() {
    let world = world().await;
    fill(&world, 53).await;
    let url = |query: &str| format!("http://bell.test:8080{RULES}/{query}");
    let envelope = |next: Value, previous: Value, results: i64, size: i64, number: i64, pages: i64| {
        json!({
            "count": 53, "next": next, "previous": previous, "results": results,
            "page_size": size, "current_page_number": number, "total_pages": pages,
        })
    };
    let (none, link) = (Value::Null, |query: &str| json!(url(query)));
    let table = [
        ("", envelope(link("?page=2"), none.clone(), 50, 50, 1, 2)),
        ("?page=2", envelope(none.clone(), link(""), 3, 50, 2, 2)),
        ("?perpage=20&page=2", envelope(link("?page=3&perpage=20"), link("?perpage=20"), 20, 20, 2, 3)),
        ("?page=3&perpage=20", envelope(none.clone(), link("?page=2&perpage=20"), 13, 20, 3, 3)),
        ("?perpage=100", envelope(none.clone(), none.clone(), 53, 100, 1, 1)),
        ("?perpage=1000", envelope(none.clone(), none.clone(), 53, 100, 1, 1)),
        ("?page=1&important=false", envelope(link("?important=false&page=2"), none.clone(), 50, 50, 1, 2)),
        ("?x=%20a%26&page=2", envelope(none.clone(), link("?x=+a%26"), 3, 50, 2, 2)),
        // The nearest there is.
        ("?page=99", envelope(none.clone(), link(""), 3, 50, 2, 2)),
        ("?page=9223372036854775807", envelope(none.clone(), link(""), 3, 50, 2, 2)),
        ("?page=0", envelope(link("?page=2"), none.clone(), 50, 50, 1, 2)),
        ("?page=-1", envelope(link("?page=2"), none.clone(), 50, 50, 1, 2)),
        ("?page=x", envelope(link("?page=2"), none.clone(), 50, 50, 1, 2)),
        ("?page=", envelope(link("?page=2"), none.clone(), 50, 50, 1, 2)),
        ("?page=x&page=2", envelope(none.clone(), link(""), 3, 50, 2, 2)),
        ("?perpage=0", envelope(link("?page=2&perpage=0"), none.clone(), 50, 50, 1, 2)),
        ("?perpage=-5", envelope(link("?page=2&perpage=-5"), none.clone(), 50, 50, 1, 2)),
        ("?perpage=x", envelope(link("?page=2&perpage=x"), none, 50, 50, 1, 2)),
    ];
    for (query, expected) in table {
        assert_eq!(page(&world, query).await, expected, "{query}");
    }
    // Without its slash a list links to itself without one.
    let bare = world.get(ADMIN, RULES).await.expect(200);
    assert_eq!(bare["next"], format!("http://bell.test:8080{RULES}?page=2"));
}

#[tokio::test]
async fn nothing_is_one_empty_page() {
    let world = world().await;
    let empty = json!({
        "count": 0, "next": null, "previous": null, "results": 0, "page_size": 50, "current_page_number": 1, "total_pages": 1,
    });
    for query in ["", "?page=7"] {
        assert_eq!(page(&world, query).await, empty);
    }
}

#[tokio::test]
async fn rules_are_in_order_of_user_importance_and_position() {
    let world = world().await;
    let of = |user: &str, important: bool, position: i64| json!({ "type": "wait", "user_id": user, "important": important, "position": position });
    let (anna, ben) = (&world.anna.public_id, &world.ben.public_id);
    let bodies = [of(ben, false, 0), of(anna, true, 1), of(anna, false, 4), of(anna, true, 0), of(anna, false, 2)];
    for body in &bodies {
        world.made(body).await;
    }
    let seen = async |query: &str| {
        let page = world.get(ADMIN, &format!("{RULES}/{query}")).await.expect(200);
        let rules = page["results"].as_array().unwrap().clone();
        rules.into_iter().map(|rule| (rule["user_id"] == **anna, rule["important"] == true, rule["position"].as_i64().unwrap())).collect()
    };
    let all: Vec<(bool, bool, i64)> = seen("").await;
    // The rule that was made at 2 pushed the one at 4 on.
    assert_eq!(all, [(true, false, 2), (true, false, 5), (true, true, 0), (true, true, 2), (false, false, 0)]);
    assert_eq!(seen("?important=true").await, all[2..4]);
    assert_eq!(seen(&format!("?important=false&user_id={anna}")).await, all[..2]);
    assert_eq!(seen(&format!("?user_id={ben}")).await, all[4..]);
    assert_eq!(seen(&format!("?user_id={ben}&important=true")).await, []);
    assert_eq!(seen("?user_id=ext-ben").await, all[4..]);
}

#[tokio::test]
async fn filters_that_cannot_be_are_400_on_a_rule_too() {
    let world = world().await;
    let rule = world.made(&json!({ "type": "wait" })).await;
    let table = [
        ("?important=True", "Important is not bool"),
        ("?important=1", "Important is not bool"),
        ("?important=", "Important is not bool"),
        ("?user_id=UNOPE", "User not found."),
        ("?user_id=", "User not found."),
        ("?user_id=1", "User not found."),
        ("?user_id=UNOPE&important=True", "User not found."),
    ];
    for (query, detail) in table {
        for path in [format!("{RULES}/"), path(&rule), format!("{RULES}/NOPE/")] {
            assert_eq!(world.get(ADMIN, &format!("{path}{query}")).await.expect(400), json!({ "detail": detail }), "{path}{query}");
        }
    }
    let (hers, his) = (&world.anna.public_id, &world.ben.public_id);
    world.get(ADMIN, &format!("{}?important=false&user_id={hers}", path(&rule))).await.expect(200);
    world.get(ADMIN, &format!("{}?important=true", path(&rule))).await.expect(404);
    world.get(ADMIN, &format!("{}?user_id={his}", path(&rule))).await.expect(404);
    assert!(world.get(ADMIN, &format!("{RULES}?user_id=%00")).await.expect(400)["detail"].is_string());
}

/// What the original has and this has nothing of, with the length of a page. Its own migrators list these, without a slash.
const ABSENT: [(&str, i64); 16] = [
    ("organizations", 25),
    ("integrations", 50),
    ("routes", 25),
    ("schedules", 50),
    ("escalation_chains", 50),
    ("escalation_policies", 50),
    ("alerts", 50),
    ("alert_groups", 50),
    ("slack_channels", 50),
    ("resolution_notes", 50),
    ("actions", 50),
    ("user_groups", 50),
    ("on_call_shifts", 50),
    ("teams", 50),
    ("shift_swaps", 50),
    ("webhooks", 50),
];

#[tokio::test]
async fn what_there_is_nothing_of_is_an_empty_page() {
    let world = world().await;
    for (name, usual) in ABSENT {
        let page = |size: i64| {
            json!({
                "count": 0, "next": null, "previous": null, "results": [],
                "page_size": size, "current_page_number": 1, "total_pages": 1,
            })
        };
        let path = format!("/api/v1/{name}");
        for key in [ADMIN, READER, USER] {
            assert_eq!(world.get(key, &path).await.expect(200), page(usual), "{name}");
        }
        // However it is filtered, and whichever page is asked for.
        assert_eq!(world.get(ADMIN, &format!("{path}/?name=x&page=7&perpage=10")).await.expect(200), page(10), "{name}");
        world.get(PUBLISHER, &path).await.expect(403);
        for one in [format!("{path}/F1"), format!("{path}/F1/")] {
            assert_eq!(world.get(ADMIN, &one).await.expect(404), json!({ "detail": "Not found." }), "{one}");
            world.get(PUBLISHER, &one).await.expect(403);
        }
        // There is no making one, and the answer says so; a 404 would be taken for a wrong address.
        let refused = world.raw(ADMIN, "POST", &path, "application/json", r#"{"name":"x"}"#).await;
        assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
        assert_eq!(refused.expect(405), json!({ "detail": "Method \"POST\" not allowed." }));
        for method in ["PUT", "PATCH", "DELETE"] {
            world.raw(ADMIN, method, &format!("{path}/F1"), "application/json", "{}").await.expect(405);
        }
    }
}
