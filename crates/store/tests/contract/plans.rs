//! Query plans stay flat as tables grow: every statement that the store uses on a growing table goes through an index.

use std::time::Duration;

use watchbell_core::delivery::State;
use watchbell_core::device::DeviceKind;
use watchbell_core::{Channel, DeliveryId, EventId, Reason, Timestamp, UserId};
use watchbell_store::access::AuditFilter;
use watchbell_store::dialect::Dialect;
use watchbell_store::history::DeliveryFilter;
use watchbell_store::housekeeping::Cutoffs;
use watchbell_store::inline::NoInlineDispatch;
use watchbell_store::intake::DeadLetterFilter;
use watchbell_store::queue::{AddressFate, Call, Finished, HeldLeases, Next, Ranks};

use crate::harness::Bed;
use crate::queue::receipt;

/// Rows of old deliveries, and as many events.
const ROWS: i64 = 200_000;

/// The tables that grow without end.
const GROWING: [&str; 8] = ["deliveries", "ready_queue", "failures", "events", "responders", "alerts", "audit", "dead_letters"];

/// Statements that read a growing table as a whole on purpose, each with the reason.
const ALLOWED: [(&str, &str); 0] = [];

/// A plan is kept as long as its connection, and the tables may have held next to nothing when it was made: what is cheap for
/// sixty rows, such as comparing all of them with all of a batch, would not end with a million.
async fn no_plan_of_a_young_database_compares_all_with_all(bed: &Bed) {
    fill(bed, 60).await;
    use_everything(bed).await;
    if bed.is_sqlite() {
        // Chooses by what there is an index for.
        return;
    }
    let takes_batches = |sql: &&str| sql.contains("unnest($") || sql.contains("= ANY(");
    let statements: Vec<&str> = Dialect::Postgres.used().into_iter().filter(takes_batches).collect();
    assert!(statements.len() > 20, "only {} statements were looked at", statements.len());
    // Some tables are empty at times while others are large.
    for before in ["", "DELETE FROM ready_queue; DELETE FROM failures; DELETE FROM alerts; DELETE FROM responders; ANALYZE"] {
        bed.execute(before).await;
        for sql in &statements {
            let plan = bed.explain(sql).await;
            assert!(!plan.contains("Join Filter"), "{sql}\n{plan}");
        }
    }
}

/// Statements that change deliveries go through them in the order of their ids, as they are given: whoever wants some of the same
/// waits at the first. Others change only what their transaction has locked before, which is told from them by `LOCKED`.
async fn deliveries_are_locked_in_one_order(bed: &Bed) {
    if bed.is_sqlite() {
        // Its one writer locks all.
        return;
    }
    fill(bed, 60).await;
    use_everything(bed).await;
    let changes = |sql: &&str| sql.contains("UPDATE deliveries") || sql.contains("DELETE FROM deliveries");
    let (mut seen, mut unordered) = (0, Vec::new());
    // Who passes over what others have locked waits for nobody.
    for sql in Dialect::Postgres.used().into_iter().filter(changes).filter(|sql| !sql.contains("SKIP LOCKED")) {
        seen += 1;
        let plan = bed.explain(sql).await;
        let list = plan.find("ProjectSet").unwrap_or(plan.len());
        let by_list = plan[list..].contains("Index Scan using deliveries_pkey");
        let is_one = sql.contains("WHERE id = $1 ") || sql.ends_with("WHERE id = $1");
        if !by_list && !is_one && !LOCKED.iter().any(|(part, _)| sql.contains(part)) {
            unordered.push(format!("{sql}\n{plan}"));
        }
    }
    assert!(seen > 8, "only {seen} statements were looked at");
    assert!(unordered.is_empty(), "{}", unordered.join("\n\n"));
    let locks = |sql: &&str| sql.starts_with("SELECT") && sql.contains("FROM deliveries") && sql.ends_with("FOR UPDATE");
    let locks: Vec<&str> = Dialect::Postgres.used().into_iter().filter(locks).collect();
    assert!(!locks.is_empty() && locks.iter().all(|sql| sql.contains("ORDER BY id")), "{locks:?}");
}

/// What changes deliveries of which its transaction has locked all before, and where.
const LOCKED: [(&str, &str); 9] = [
    ("WHEN stop IS NOT NULL THEN stop ELSE $4 END", "leases.rs, free"),
    ("reason = COALESCE(stop, $3), attempts = attempts - 1", "leases.rs, free"),
    ("FROM (SELECT unnest($2::text[]) AS subject", "known.rs, lock_known"),
    ("WHERE bundle_id = ANY($1::text[]) AND state = 'bundled' RETURNING bundle_id", "queue.rs, begin"),
    ("state = 'cancelled', reason = $3, lease = NULL, begun_at = NULL", "queue.rs, begin"),
    ("WHERE deliveries.bundle_id = b.bundle", "finish.rs, receipts.rs and leases.rs, lock_ends"),
    ("SET state = 'bundled', bundle_id = $1", "bundles.rs: claimed, or found unlocked"),
    ("SET due_at = $4, ready_at = $4, reason = $5", "finish.rs and receipts.rs, lock_ends"),
    ("state = 'cancelled', reason = $3, lease = NULL, updated_at", "directory/users.rs"),
];

async fn no_statement_reads_a_growing_table_as_a_whole(bed: &Bed) {
    fill(bed, ROWS).await;
    use_everything(bed).await;
    let dialect = if bed.is_sqlite() { Dialect::Sqlite } else { Dialect::Postgres };
    let mut slow = Vec::new();
    let mut seen = 0;
    for sql in dialect.used() {
        let verb = sql.split_whitespace().next().unwrap_or_default();
        if !matches!(verb, "SELECT" | "UPDATE" | "DELETE" | "INSERT") || ALLOWED.iter().any(|(start, _)| sql.starts_with(start)) {
            continue;
        }
        seen += 1;
        let plan = bed.explain(sql).await;
        if let Some(table) = GROWING.iter().find(|table| scans(&plan, sql, table, bed.is_sqlite())) {
            slow.push(format!("reads all of {table}: {sql}\n{plan}"));
        }
    }
    assert!(seen > 30, "only {seen} statements were looked at");
    assert!(slow.is_empty(), "{}", slow.join("\n\n"));
}

/// Settings of a connection that has none of the engine's, but that plans are made whatever the parameters are.
const AS_POSTGRESQL_LIKES: &str = "RESET ALL; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// Statements for requests that only read have PostgreSQL's own settings, and find an index by themselves once tables are large.
async fn what_only_reads_needs_no_settings(bed: &Bed) {
    if bed.is_sqlite() {
        return;
    }
    fill(bed, ROWS).await;
    use_everything(bed).await;
    // What is unanswered is looked up by the connections that have settings (answers.rs, unanswered).
    let has_settings = |sql: &str| sql.contains("FROM devices v JOIN responders");
    // What goes out now is looked up by a plan that is made for the time that is asked for (history.rs, lately): of few that are due
    // the index finds them, of many the first are found at once.
    let is_planned_each_time = |sql: &str| sql.contains("ready_at <= $4 LIMIT $2");
    let is_asked = |sql: &str| !sql.contains(" FOR ") && !sql.contains("unnest($") && !has_settings(sql) && !is_planned_each_time(sql);
    let only_reads = |sql: &&str| sql.starts_with("SELECT") && is_asked(sql);
    let statements: Vec<&str> = Dialect::Postgres.used().into_iter().filter(only_reads).collect();
    assert!(statements.len() > 30, "only {} statements were looked at", statements.len());
    let mut slow = Vec::new();
    for sql in statements {
        let plan = bed.explain_planned_by(AS_POSTGRESQL_LIKES, sql).await;
        if let Some(table) = GROWING.iter().find(|table| scans(&plan, sql, table, false)) {
            slow.push(format!("reads all of {table}: {sql}\n{plan}"));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n\n"));
}

/// Whether a plan reads the table from one end to the other. Reading it in the order of an index, up to a limit, does not.
fn scans(plan: &str, sql: &str, table: &str, sqlite: bool) -> bool {
    let aliases = [" d", " e", " a", " r", " m", " b", " f", " o", " w", ""];
    plan.lines().any(|line| {
        let line = line.trim();
        if sqlite {
            let names =
                aliases.iter().map(|alias| alias.trim()).filter(|alias| !alias.is_empty() && sql.contains(&format!("{table} {alias}")));
            let mut names = names.chain([table]);
            names.any(|name| line.starts_with(&format!("SCAN {name}"))) && !line.contains("USING") && !line.contains("VIRTUAL")
        } else {
            line.contains(&format!("Seq Scan on {table}"))
        }
    })
}

async fn fill(bed: &Bed, rows: i64) {
    bed.user("anna").await;
    let series = if bed.is_sqlite() {
        format!("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s)")
    } else {
        format!("(SELECT n FROM generate_series(1, {rows}) AS s(n))")
    };
    let now = bed.now().as_millis();
    for insert in [
        format!(
            "INSERT INTO users (id, public_id, username, first_name, last_name, timezone, locale, custom_fields, version, created_at, updated_at) \
             SELECT n + 1, 'U' || n, 'u' || n, 'F', 'L', 'UTC', 'en', '{{}}', 1, {now}, {now} FROM {series} AS s WHERE n < 1000"
        ),
        format!(
            "INSERT INTO contacts (user_id, kind, target, is_primary, status) SELECT n, 'email', 'u' || n || '@example.org', TRUE, 'OK' \
             FROM {series} AS s WHERE n < 1000"
        ),
        format!(
            "INSERT INTO devices (user_id, kind, token, created_at) SELECT n, 'fcm', 't' || n, {now} FROM {series} AS s WHERE n < 1000"
        ),
        format!(
            "INSERT INTO rules (user_id, surface, cause, offset_s, critical) SELECT n, 'ilert', 'alert_low', 0, FALSE FROM {series} AS s \
             WHERE n < 1000"
        ),
        format!(
            "INSERT INTO deliveries (id, scope, event_id, alert_id, subject, user_id, purpose, cause, channel, address, rules, critical, rank, \
             due_at, ready_at, state, attempts, created_at, updated_at) SELECT '01A' || n, 'alert:1:A-' || n, '01E' || n, 'A-' || n, 'alert:A-' || n, 1 + n % 1000, 'rule', 'alert_high', 'email', '…', '[]', FALSE, n % 2, {now} - n, {now} - n, \
             CASE WHEN n % 100 = 0 THEN 'scheduled' WHEN n % 101 = 0 THEN 'held' ELSE 'sent' END, 1, {now}, {now} FROM {series} AS s"
        ),
        format!(
            "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) SELECT '01E' || n, 'i' || n, 'subscription', {now}, {now}, \
             'event:01E' || n, '{{\"title\":\"t\",\"message\":\"m\"}}' FROM {series} AS s"
        ),
        format!(
            "INSERT INTO dead_letters (subject, reason, detail, headers, payload, received_at, created_at) \
             SELECT 'watchbell.events.alert', 'bad_json', 'd', '[]', '', {now}, {now} FROM {series} AS s"
        ),
        format!(
            "INSERT INTO alerts (id, state, priority, summary, round, since_round, event_id, updated_at) \
             SELECT 'A-' || n, 'resolved', 'HIGH', 's', 1, 1, '01E' || n, {now} FROM {series} AS s"
        ),
        format!(
            "INSERT INTO responders (alert_id, round, user_id, base_at, event_id) \
             SELECT 'A-' || n, 1, 1 + n % 1000, {now}, '01E' || n FROM {series} AS s"
        ),
        format!("INSERT INTO keys (name, hash, role, created_at) SELECT 'k', 'h' || n, 'reader', {now} FROM {series} AS s WHERE n < 1000"),
        format!("INSERT INTO audit (at, action, object) SELECT {now} - n, 'a', 'o' FROM {series} AS s"),
    ] {
        bed.execute(&insert).await;
    }
    bed.queue_anew().await;
    bed.execute("INSERT INTO failures (id) SELECT id FROM deliveries WHERE due_at % 50 = 0").await;
    bed.execute("ANALYZE").await;
}

/// Calls what runs while Watchbell works, so that its statements are known.
async fn use_everything(bed: &Bed) {
    let store = &bed.store;
    let epoch = store.open_session("test", "worker", &[Channel::Email], Duration::from_mins(1)).await.unwrap();
    let jobs = store.claim(epoch, Channel::Email, Ranks::All, 10).await.unwrap();
    let calls: Vec<Call> = jobs.iter().map(|job| Call { id: job.id.clone(), provider: "p".to_owned(), is_bundle: false }).collect();
    let begun = store.begin(epoch, &calls).await.unwrap();
    let ends = begun.iter().enumerate().map(|(at, id)| Finished {
        id: id.clone(),
        is_bundle: false,
        attempt: None,
        next: match at % 3 {
            0 => Next::Sent,
            1 => Next::Retry { at: bed.now().plus_s(5), reason: Reason::PassingFault { code: None } },
            _ => Next::Failed { reason: Reason::BadMessage { code: None }, address: AddressFate::Keep },
        },
        pause: None,
        receipt_by: None,
    });
    store.finish(epoch, &ends.collect::<Vec<_>>()).await.unwrap();
    store.release(epoch, vec![(DeliveryId("01A1".to_owned()), bed.now())]).await.unwrap();
    store.next_ready(Channel::Email, Ranks::All).await.unwrap();
    store.next_ready(Channel::Email, Ranks::High).await.unwrap();
    store.last_served(Channel::Email).await.unwrap();
    if let Some(job) = jobs.first() {
        store.ids_of_others(job, &["SM1".to_owned()]).await.unwrap();
    }
    store.ready().await.unwrap();
    store.overview().await.unwrap();
    store.receipts(vec![receipt(&DeliveryId("01A1".to_owned()))]).await.unwrap();
    store.take_answers(100, bed.now()).await.unwrap();
    store.answers_told(&[EventId("01E1".to_owned())]).await.unwrap();
    store.answers_to(&[DeliveryId("01A1".to_owned())]).await.unwrap();
    store.unanswered(DeviceKind::Pushover, "pushover", bed.now(), None, 100).await.unwrap();
    assert!(store.heartbeat(epoch, Duration::from_mins(1), &[]).await.unwrap().is_alive);
    store.reap(epoch, &HeldLeases::default(), bed.now()).await.unwrap();
    store.close_session(epoch).await.unwrap();
    let user = UserId(1);
    let filters = [
        DeliveryFilter { limit: 50, ..DeliveryFilter::default() },
        DeliveryFilter { user: Some(user), limit: 50, ..DeliveryFilter::default() },
        DeliveryFilter { alert: Some("A-7".to_owned()), limit: 50, ..DeliveryFilter::default() },
        DeliveryFilter { event: Some(EventId("01E7".to_owned())), limit: 50, ..DeliveryFilter::default() },
        DeliveryFilter { user: Some(user), state: Some(State::Failed), limit: 50, ..DeliveryFilter::default() },
        DeliveryFilter { state: Some(State::Failed), limit: 50, ..DeliveryFilter::default() },
    ];
    for filter in filters {
        store.deliveries(&filter).await.unwrap();
    }
    store.delivery(&DeliveryId("01A7".to_owned())).await.unwrap();
    store.tidy(&Cutoffs::all(Timestamp::from_millis(0)), 500).await.unwrap();
    store.audit(&AuditFilter { limit: 50, ..AuditFilter::default() }).await.unwrap();
    store.dead_letters(&DeadLetterFilter { limit: 50, ..DeadLetterFilter::default() }).await.unwrap();
    store.purge_dead_letters(crate::harness::BY, &DeadLetterFilter::default()).await.unwrap();
    store.accept(&crate::queue::events(bed), None, &NoInlineDispatch).await.unwrap();
    let rule = watchbell_store::directory::NewRule {
        surface: watchbell_core::rule::Surface::Ilert,
        trigger: watchbell_core::rule::Trigger::AlertHigh,
        channel: Some(Channel::Push),
        contact_id: None,
        contact_kinds: &[],
        offset_s: 0,
        position: None,
        critical: false,
        public_id: None,
        when: watchbell_core::rule::Conditions::default(),
        repeat: None,
    };
    store.create_rule(crate::harness::BY, user, rule).await.unwrap();
}

on_both![
    deliveries_are_locked_in_one_order,
    no_plan_of_a_young_database_compares_all_with_all,
    no_statement_reads_a_growing_table_as_a_whole,
    what_only_reads_needs_no_settings
];
