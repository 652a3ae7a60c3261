//! The commands that publish events and make keys and rules, as somebody types them.

use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::process::{said, watchbell};
use watchbell_tests::team::Person;

on_both!(an_event_is_published_and_a_key_is_made_by_commands, rules_are_made_changed_and_judged_by_commands);

async fn an_event_is_published_and_a_key_is_made_by_commands(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "EMAIL", 30).await;
    let user = anna.id.to_string();
    let alert = ["event", "alert", "db-1: disk full", "--to", &user, "--alert", "A-1", "--event-id", "1", "--label", "host=db-1"];
    let published = said(&watchbell(bed.api(), &alert).await);
    assert!(published.ends_with(": 2 deliveries are planned\n"), "{published}");
    let repeated = said(&watchbell(bed.api(), &alert).await);
    assert!(repeated.ends_with(": known already; nothing was done\n"), "{repeated}");
    let accepted = said(&watchbell(bed.api(), &["event", "update", "ACCEPTED", "A-1", "--actor", &user]).await);
    assert!(accepted.contains(": 0 deliveries are planned"), "{accepted}");
    let states: Vec<_> = bed.api().deliveries("").await.iter().map(|delivery| delivery["state"].clone()).collect();
    assert!(states.contains(&"cancelled".into()), "{states:?}");
    let shift = ["event", "duty", &user, "--starts-at", "2030-01-01T08:00:00Z", "--ends-at", "2030-01-02T08:00:00Z", "--duty", "D-1"];
    said(&watchbell(bed.api(), &shift).await);
    said(&watchbell(bed.api(), &["event", "news", "Maintenance on Sunday", "--to", &user]).await);

    // Nobody of that name: it is kept as a dead letter, and the command says why.
    let stranger = said(&watchbell(bed.api(), &["event", "alert", "x", "--to", "nobody-here"]).await);
    assert!(stranger.contains(": 0 deliveries are planned\n") && stranger.contains("nobody-here"), "{stranger}");
    let mistyped = watchbell(bed.api(), &["event", "update", "DONE", "A-1"]).await;
    assert_eq!(mistyped.status.code(), Some(2));

    let key = said(&watchbell(bed.api(), &["keys", "create", "for scripts", "--role", "publisher"]).await);
    let publisher = bed.api().with_key(key.trim());
    said(&watchbell(&publisher, &["event", "alert", "db-2: disk full", "--to", &user]).await);
    let listed = said(&watchbell(bed.api(), &["keys", "list"]).await);
    let line = listed.lines().find(|line| line.ends_with("for scripts")).unwrap_or_default();
    let id = line.split_whitespace().next().unwrap_or_default();
    assert_eq!(said(&watchbell(bed.api(), &["keys", "delete", id]).await), format!("deleted {id}\n"));
    assert_eq!(watchbell(&publisher, &["event", "alert", "y", "--to", &user]).await.status.code(), Some(1));

    assert!(said(&watchbell(bed.api(), &["completions", "bash"]).await).contains("dead-letters"));
    assert!(said(&watchbell(bed.api(), &["man", "event", "alert"]).await).contains("NAME=VALUE"), "a manual page of a command");
}

async fn rules_are_made_changed_and_judged_by_commands(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let user = anna.id.to_string();
    assert_eq!(said(&watchbell(bed.api(), &["lint"]).await), "every rule can tell, and every alert of the last 30 days would be told\n");
    let on_duty = r#"{"trigger":"alert_high","channel":"sms","when":{"onDuty":{}},"repeatEveryMin":5,"repeatTimes":3}"#;
    let id = said(&watchbell(bed.api(), &["rules", "add", &user, on_duty]).await).trim().to_owned();
    let listed = said(&watchbell(bed.api(), &["rules", "list", &user]).await);
    assert!(listed.contains(r#"watchbell  alert_high  sms      0        3 × 5 min  {"onDuty":{}}"#), "{listed}");
    let alert = ["event", "alert", "db-1: disk full", "--to", &user, "--alert", "A-1"];
    said(&watchbell(bed.api(), &alert).await);

    // She is never on duty: the rule tells nobody, and only the email for who has no rule went out.
    let found = watchbell(bed.api(), &["lint"]).await;
    let told = String::from_utf8(found.stdout.clone()).unwrap();
    assert_eq!(found.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("user {user}: rule {id} (alert_high by sms) never tells anybody: ")), "{told}");
    assert!(told.contains("alert A-1 of ") && told.contains("would be told only by the email for who has no rule\n"), "{told}");

    let always = r#"{"trigger":"alert_high","channel":"sms"}"#;
    assert_eq!(said(&watchbell(bed.api(), &["rules", "change", &user, &id, always]).await), format!("changed {id}\n"));
    said(&watchbell(bed.api(), &["lint"]).await);
    let refused =
        watchbell(bed.api(), &["rules", "add", &user, r#"{"trigger":"alert_high","channel":"sms","when":{"moon":"full"}}"#]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("when.moon is no known field"), "{refused:?}");
    assert_eq!(watchbell(bed.api(), &["rules", "add", &user, "sms"]).await.status.code(), Some(2));
    assert_eq!(said(&watchbell(bed.api(), &["rules", "delete", &user, &id]).await), format!("deleted {id}\n"));
}
