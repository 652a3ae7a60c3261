//! Who there is.

use serde_json::{Value, json};
use watchbell_core::access::Role;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_store::access::Actor;
use watchbell_store::directory::NewContact;

use crate::harness::{ADMIN, READER, USER, World, add_key, add_user, world};

const USERS: &str = "/api/v1/users/";

fn written(world: &World, name: &str, is_phone_number_verified: bool) -> Value {
    let user = if name == "anna" { &world.anna } else { &world.ben };
    json!({
        "id": user.public_id,
        "grafana_id": user.id.0,
        "email": format!("{name}@example.org"),
        "slack": null,
        "username": name,
        "role": "user",
        "is_phone_number_verified": is_phone_number_verified,
        "timezone": "Europe/Berlin",
        "teams": [],
    })
}

#[tokio::test]
async fn users_are_looked_up_by_name_and_email() {
    let world = world().await;
    let (anna, ben) = (written(&world, "anna", false), written(&world, "ben", false));
    let page = world.get(ADMIN, USERS).await.expect(200);
    let expected = json!({
        "count": 2, "next": null, "previous": null, "results": [anna, ben],
        "page_size": 100, "current_page_number": 1, "total_pages": 1,
    });
    assert_eq!(page, expected);
    let table = [
        (ADMIN, "?username=ben", vec![&ben]),
        (ADMIN, "?email=anna@example.org", vec![&anna]),
        (ADMIN, "?email=ANNA%40example.org&username=anna", vec![&anna]),
        (ADMIN, "?email=anna@example.org&username=ben", vec![]),
        (ADMIN, "?username=nobody", vec![]),
        (ADMIN, "?username=", vec![]),
        (ADMIN, "?perpage=1&page=2", vec![&ben]),
        (READER, "", vec![&anna, &ben]),
        (USER, "", vec![&anna]),
        (USER, "?page=3", vec![&anna]),
        (USER, "?username=anna&email=anna@example.org", vec![&anna]),
        (USER, "?username=ben", vec![]),
        (USER, "?email=ben@example.org", vec![]),
    ];
    for (key, query, expected) in table {
        for path in [USERS, USERS.trim_end_matches('/')] {
            let page = world.get(key, &format!("{path}{query}")).await.expect(200);
            assert_eq!(page["results"], json!(expected), "{query}");
        }
    }
}

#[tokio::test]
async fn a_user_is_shown_by_id_or_as_current() {
    let world = world().await;
    let anna = written(&world, "anna", false);
    let table = [
        (ADMIN, world.anna.public_id.as_str(), 200),
        (ADMIN, "ext-anna", 200),
        (READER, &world.anna.public_id, 200),
        (USER, &world.anna.public_id, 200),
        (USER, "current", 200),
        // This key is nobody's.
        (ADMIN, "current", 404),
        (USER, &world.ben.public_id, 404),
        (ADMIN, "UNOPE", 404),
        (ADMIN, "1", 404),
    ];
    for (key, id, status) in table {
        for path in [format!("{USERS}{id}"), format!("{USERS}{id}/")] {
            let answer = world.get(key, &path).await.expect(status);
            let expected = if status == 200 { anna.clone() } else { json!({ "detail": "Not found." }) };
            assert_eq!(answer, expected, "{id}");
        }
    }
}

#[tokio::test]
async fn a_phone_is_verified_when_it_may_be_used_and_an_admin_key_makes_its_user_one() {
    let world = world().await;
    let phone = |target: &str, status| NewContact {
        kind: ContactKind::Phone,
        target: target.to_owned(),
        region: Some("DE".to_owned()),
        primary: None,
        status,
    };
    let locked = phone("+4915112345678", ContactStatus::Locked);
    world.store.create_contact(Actor::System, world.anna.id, locked).await.unwrap();
    assert_eq!(world.get(USER, &format!("{USERS}current/")).await.expect(200), written(&world, "anna", false));
    let ok = phone("+4915187654321", ContactStatus::Ok);
    world.store.create_contact(Actor::System, world.anna.id, ok).await.unwrap();
    assert_eq!(world.get(USER, &format!("{USERS}current/")).await.expect(200), written(&world, "anna", true));
    add_key(&*world.store, "wb_ben", Role::Admin, Some(world.ben.id)).await;
    let ben = world.get("wb_ben", &format!("{USERS}current/")).await.expect(200);
    assert_eq!((&ben["username"], &ben["role"]), (&json!("ben"), &json!("admin")));
}

#[tokio::test]
async fn a_page_has_a_hundred_users() {
    let world = world().await;
    for at in 0..99 {
        add_user(&*world.store, &format!("user-{at}")).await;
    }
    let page = world.get(ADMIN, USERS).await.expect(200);
    assert_eq!((&page["count"], page["results"].as_array().unwrap().len()), (&json!(101), 100));
    assert_eq!(page["next"], "http://bell.test:8080/api/v1/users/?page=2");
}
