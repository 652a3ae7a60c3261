//! Positions: shift, swap, gaps, the end.

use serde_json::{Value, json};

use crate::harness::{ADMIN, World, path, world};

/// Makes a rule of Anna's at a place; its wait is its name.
async fn add(world: &World, name_s: i64, place: Value) -> Value {
    let mut body = json!({ "type": "wait", "duration": name_s });
    for (name, value) in place.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.made(&body).await
}

/// The chain as names and positions.
async fn chain(world: &World) -> Vec<(i64, i64)> {
    world.rules().await.iter().map(|rule| (rule["duration"].as_i64().unwrap(), rule["position"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_new_rule_shifts_who_stands_there_and_after() {
    let world = world().await;
    add(&world, 60, json!({})).await;
    assert_eq!(add(&world, 300, json!({ "position": -1 })).await["position"], 1);
    assert_eq!(add(&world, 900, json!({ "position": 0 })).await["position"], 0);
    assert_eq!(chain(&world).await, [(900, 0), (60, 1), (300, 2)]);
    assert_eq!(add(&world, 1800, json!({ "position": 50 })).await["position"], 50);
    assert_eq!(add(&world, 3600, json!({})).await["position"], 51);
    assert_eq!(chain(&world).await, [(900, 0), (60, 1), (300, 2), (1800, 50), (3600, 51)]);
}

#[tokio::test]
async fn a_rule_moves_both_ways_and_to_the_end() {
    let world = world().await;
    let first = add(&world, 60, json!({})).await;
    for name in [300, 900] {
        add(&world, name, json!({})).await;
    }
    for (position, at, expected) in [
        (2, 2, [(300, 0), (900, 1), (60, 2)]),
        (0, 0, [(60, 0), (300, 1), (900, 2)]),
        (-1, 2, [(300, 0), (900, 1), (60, 2)]),
        (-1, 2, [(300, 0), (900, 1), (60, 2)]),
        (1, 1, [(300, 0), (60, 1), (900, 2)]),
    ] {
        assert_eq!(world.patch(&first, &json!({ "position": position })).await.expect(200)["position"], at);
        assert_eq!(chain(&world).await, expected, "{position}");
    }
    // With what it does in the same request.
    let moved = world.patch(&first, &json!({ "position": 0, "duration": 1800 })).await.expect(200);
    assert_eq!((&moved["position"], &moved["duration"]), (&json!(0), &json!(1800)));
    assert_eq!(chain(&world).await, [(1800, 0), (300, 1), (900, 2)]);
}

#[tokio::test]
async fn manual_order_swaps() {
    let world = world().await;
    let first = add(&world, 60, json!({ "position": 0, "manual_order": true })).await;
    add(&world, 300, json!({ "position": 1, "manual_order": true })).await;
    add(&world, 900, json!({ "position": 2, "manual_order": "true" })).await;
    add(&world, 1800, json!({ "position": 0, "manual_order": true })).await;
    assert_eq!(chain(&world).await, [(1800, 0), (300, 1), (900, 2), (60, 3)]);
    world.patch(&first, &json!({ "position": 1, "manual_order": true })).await.expect(200);
    assert_eq!(chain(&world).await, [(1800, 0), (60, 1), (900, 2), (300, 3)]);
    world.patch(&first, &json!({ "position": 9, "manual_order": true })).await.expect(200);
    assert_eq!(chain(&world).await, [(1800, 0), (900, 2), (300, 3), (60, 9)]);
}

/// As Terraform makes a whole chain: all at once, in any order, each with its place.
#[tokio::test]
async fn terraform_s_chain_comes_out_whatever_the_order() {
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]];
    for order in orders {
        let world = world().await;
        for at in order {
            add(&world, [60, 300, 900][at], json!({ "position": at, "manual_order": true, "important": false })).await;
        }
        assert_eq!(chain(&world).await, [(60, 0), (300, 1), (900, 2)], "{order:?}");
    }
}

#[tokio::test]
async fn delete_renumbers_nothing() {
    let world = world().await;
    add(&world, 60, json!({})).await;
    let middle = add(&world, 300, json!({})).await;
    add(&world, 900, json!({})).await;
    world.call(ADMIN, "DELETE", &path(&middle), &json!({})).await.expect(204);
    assert_eq!(chain(&world).await, [(60, 0), (900, 2)]);
    // A shift moves those after, although there is a gap.
    add(&world, 1800, json!({ "position": 1 })).await;
    assert_eq!(chain(&world).await, [(60, 0), (1800, 1), (900, 3)]);
}

#[tokio::test]
async fn each_user_and_importance_counts_for_itself() {
    let world = world().await;
    for body in [json!({}), json!({ "important": true }), json!({ "user_id": world.ben.public_id })] {
        assert_eq!(add(&world, 60, body).await["position"], 0);
    }
}
