//! Chains: places, and who gives way.

use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::{Channel, RuleId, UserId};
use watchbell_store::StoreError;
use watchbell_store::directory::{ChainFilter, ChainStep, NewRule, Place};

use crate::harness::{BY, Bed};
use crate::rules::rule;

on_both![
    a_rule_is_added_after_all_others,
    a_rule_that_is_added_or_moved_shifts_those_between,
    a_swap_moves_nobody_else,
    deleting_a_rule_leaves_a_gap,
    a_rule_is_changed_where_it_stands,
    each_user_and_importance_has_a_chain_of_its_own,
    rules_of_all_chains_are_listed_in_pages,
    concurrent_changes_leave_positions_unique,
    what_is_no_rule_of_a_chain_is_not_found,
];

fn step(trigger: Trigger, name: &str) -> NewRule {
    NewRule { surface: Surface::Oncall, trigger, contact_kinds: &[], public_id: Some(format!("N{name}")), ..rule(None, 0) }
}

async fn add(bed: &Bed, user: UserId, name: &str, place: Place) -> Rule {
    bed.store.create_chain_rule(BY, user, step(Trigger::AlertLow, name), place).await.unwrap()
}

async fn put(bed: &Bed, rule: &Rule, place: Place) -> Rule {
    bed.store.change_chain_rule(BY, rule.user_id, Surface::Oncall, rule.id, None, Some(place)).await.unwrap()
}

/// A chain as text: `Na@0 Nb@1`.
async fn shown(bed: &Bed, user: UserId) -> String {
    let (rules, total) = bed.store.chain_rules(&ChainFilter { user: Some(user), ..all() }).await.unwrap();
    assert_eq!(i64::try_from(rules.len()).unwrap(), total);
    let shown = rules.iter().map(|r| format!("{}@{}", r.rule.public_id.as_deref().unwrap(), r.rule.position.unwrap()));
    shown.collect::<Vec<_>>().join(" ")
}

fn all() -> ChainFilter {
    ChainFilter { surface: Surface::Oncall, user: None, trigger: None, offset: 0, limit: 100 }
}

async fn a_rule_is_added_after_all_others(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    assert_eq!(add(bed, anna, "a", Place::End).await.position, Some(0));
    assert_eq!(add(bed, anna, "b", Place::End).await.position, Some(1));
    // Far away it stays far away, and the next one follows it.
    assert_eq!(add(bed, anna, "c", Place::At(50)).await.position, Some(50));
    assert_eq!(add(bed, anna, "d", Place::End).await.position, Some(51));
    assert_eq!(shown(bed, anna).await, "Na@0 Nb@1 Nc@50 Nd@51");
    // The user's first version, and one for each change.
    assert_eq!(bed.number("SELECT version FROM users").await, 5);
}

async fn a_rule_that_is_added_or_moved_shifts_those_between(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let a = add(bed, anna, "a", Place::End).await;
    let b = add(bed, anna, "b", Place::At(5)).await;
    // It came from 6, so what stands from 3 to 5 moves, although 3 was free.
    let c = add(bed, anna, "c", Place::At(3)).await;
    assert_eq!((c.position, shown(bed, anna).await.as_str()), (Some(3), "Na@0 Nc@3 Nb@6"));
    add(bed, anna, "d", Place::At(0)).await;
    assert_eq!(shown(bed, anna).await, "Nd@0 Na@1 Nc@4 Nb@7");
    assert_eq!(put(bed, &b, Place::At(1)).await.position, Some(1));
    assert_eq!(shown(bed, anna).await, "Nd@0 Nb@1 Na@2 Nc@5");
    assert_eq!(put(bed, &b, Place::At(5)).await.position, Some(5));
    assert_eq!(shown(bed, anna).await, "Nd@0 Na@1 Nc@4 Nb@5");
    assert_eq!(put(bed, &a, Place::End).await.position, Some(5));
    assert_eq!(shown(bed, anna).await, "Nd@0 Nc@3 Nb@4 Na@5");
    // Who stands at the end stays there, and who is where it should be moves nobody.
    put(bed, &a, Place::End).await;
    put(bed, &c, Place::At(3)).await;
    assert_eq!(shown(bed, anna).await, "Nd@0 Nc@3 Nb@4 Na@5");
    put(bed, &c, Place::At(9)).await;
    assert_eq!(shown(bed, anna).await, "Nd@0 Nb@3 Na@4 Nc@9");
}

async fn a_swap_moves_nobody_else(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let a = add(bed, anna, "a", Place::End).await;
    for name in ["b", "c"] {
        add(bed, anna, name, Place::End).await;
    }
    assert_eq!(add(bed, anna, "d", Place::Swap(0)).await.position, Some(0));
    assert_eq!(shown(bed, anna).await, "Nd@0 Nb@1 Nc@2 Na@3");
    put(bed, &a, Place::Swap(1)).await;
    assert_eq!(shown(bed, anna).await, "Nd@0 Na@1 Nc@2 Nb@3");
    put(bed, &a, Place::Swap(7)).await;
    put(bed, &a, Place::Swap(7)).await;
    assert_eq!(shown(bed, anna).await, "Nd@0 Nc@2 Nb@3 Na@7");
}

async fn deleting_a_rule_leaves_a_gap(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    add(bed, anna, "a", Place::End).await;
    let b = add(bed, anna, "b", Place::End).await;
    add(bed, anna, "c", Place::End).await;
    bed.store.delete_rule(BY, anna, Surface::Oncall, &[Trigger::AlertLow], b.id).await.unwrap();
    assert_eq!(shown(bed, anna).await, "Na@0 Nc@2");
    add(bed, anna, "d", Place::End).await;
    assert_eq!(shown(bed, anna).await, "Na@0 Nc@2 Nd@3");
}

async fn a_rule_is_changed_where_it_stands(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    add(bed, anna, "a", Place::End).await;
    let b = add(bed, anna, "b", Place::End).await;
    let wait = ChainStep { channel: None, critical: false, offset_s: 900 };
    let changed = bed.store.change_chain_rule(BY, anna, Surface::Oncall, b.id, Some(wait), None).await.unwrap();
    assert_eq!(changed, Rule { channel: None, offset_s: 900, ..b.clone() });
    let push = ChainStep { channel: Some(Channel::Push), critical: true, offset_s: 0 };
    let changed = bed.store.change_chain_rule(BY, anna, Surface::Oncall, b.id, Some(push), Some(Place::At(0))).await.unwrap();
    assert_eq!(changed, Rule { channel: Some(Channel::Push), critical: true, position: Some(0), ..b.clone() });
    let kept = bed.store.chain_rule(Surface::Oncall, "Nb").await.unwrap().unwrap();
    assert_eq!(kept.rule, changed);
    assert_eq!(kept.user_public_id, bed.store.user(&watchbell_core::ids::UserRef::Id(anna)).await.unwrap().unwrap().public_id);
    assert_eq!(shown(bed, anna).await, "Nb@0 Na@1");
    // Made, two rules, two changes.
    assert_eq!(bed.number("SELECT version FROM users").await, 5);
    assert_eq!(bed.number("SELECT COUNT(*) FROM audit WHERE action = 'rule.replace'").await, 2);
}

async fn each_user_and_importance_has_a_chain_of_its_own(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    add(bed, anna, "a", Place::End).await;
    add(bed, ben, "b", Place::At(0)).await;
    bed.store.create_chain_rule(BY, anna, step(Trigger::AlertHigh, "c"), Place::At(0)).await.unwrap();
    // A rule that stands alone is in no chain.
    bed.store.create_rule(BY, anna, rule(None, 60)).await.unwrap();
    assert_eq!(shown(bed, anna).await, "Na@0 Nc@0");
    assert_eq!(shown(bed, ben).await, "Nb@0");
}

async fn rules_of_all_chains_are_listed_in_pages(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    add(bed, ben, "z", Place::End).await;
    bed.store.create_chain_rule(BY, anna, step(Trigger::AlertHigh, "h"), Place::End).await.unwrap();
    add(bed, anna, "b", Place::End).await;
    add(bed, anna, "a", Place::At(0)).await;
    let names = async |filter: ChainFilter| {
        let (rules, total) = bed.store.chain_rules(&filter).await.unwrap();
        (rules.into_iter().map(|r| r.rule.public_id.unwrap()).collect::<Vec<_>>().join(" "), total)
    };
    assert_eq!(names(all()).await, ("Na Nb Nh Nz".to_owned(), 4));
    assert_eq!(names(ChainFilter { offset: 1, limit: 2, ..all() }).await, ("Nb Nh".to_owned(), 4));
    assert_eq!(names(ChainFilter { offset: 4, limit: 2, ..all() }).await, (String::new(), 4));
    assert_eq!(names(ChainFilter { trigger: Some(Trigger::AlertHigh), ..all() }).await, ("Nh".to_owned(), 1));
    assert_eq!(names(ChainFilter { user: Some(ben), ..all() }).await, ("Nz".to_owned(), 1));
    assert_eq!(names(ChainFilter { surface: Surface::Ilert, ..all() }).await, (String::new(), 0));
}

async fn concurrent_changes_leave_positions_unique(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let name = |at: usize| format!("{at:02}");
    let made = (0..12).map(|at| {
        let place = [Place::End, Place::At(0), Place::Swap(1)][at % 3];
        bed.store.create_chain_rule(BY, anna, step(Trigger::AlertLow, &name(at)), place)
    });
    let mut rules = Vec::new();
    for made in futures_join(made).await {
        rules.push(made.unwrap());
    }
    let moved = rules.iter().map(|rule| {
        let place = if rule.id.0 % 2 == 0 { Place::At(3) } else { Place::Swap(5) };
        bed.store.change_chain_rule(BY, anna, Surface::Oncall, rule.id, None, Some(place))
    });
    for moved in futures_join(moved).await {
        moved.unwrap();
    }
    assert_eq!(bed.number("SELECT COUNT(DISTINCT position) FROM rules").await, 12);
}

/// Runs all at once, each to its end.
async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in waiting.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(done) = future.as_mut().poll(context) {
                *output = Some(done);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}

async fn what_is_no_rule_of_a_chain_is_not_found(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let hers = add(bed, anna, "a", Place::End).await;
    let alone = bed.store.create_rule(BY, anna, NewRule { public_id: Some("Nx".to_owned()), ..rule(None, 0) }).await.unwrap();
    let table = [
        (ben, Surface::Oncall, hers.id),
        (anna, Surface::Ilert, hers.id),
        (anna, Surface::Ilert, alone.id),
        (anna, Surface::Oncall, RuleId(999)),
    ];
    for (user, surface, id) in table {
        let changed = bed.store.change_chain_rule(BY, user, surface, id, None, Some(Place::At(7))).await;
        assert!(matches!(changed, Err(StoreError::NotFound("rule"))), "{changed:?}");
    }
    let nobody = bed.store.create_chain_rule(BY, UserId(999), step(Trigger::AlertLow, "n"), Place::End).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))), "{nobody:?}");
    for name in ["Nx", "Nz", "", "n"] {
        assert_eq!(bed.store.chain_rule(Surface::Oncall, name).await.unwrap(), None, "{name}");
    }
    assert_eq!(bed.store.chain_rule(Surface::Ilert, "Na").await.unwrap(), None);
    assert_eq!(shown(bed, anna).await, "Na@0");
}
