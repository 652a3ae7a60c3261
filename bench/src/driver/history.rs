//! Deliveries of long ago, and of long from now, straight into the tables.

use sqlx::AssertSqlSafe;
use watchbell_core::Timestamp;
use watchbell_core::ids::id_floor;

use super::world::World;
use crate::clock::now_ms;
use crate::error::{Doing, Error};

const DAY_MS: i64 = 86_400_000;

/// A delivery's columns for row n, of an alert of its own; `{…}` are what differs.
fn deliveries(count: u32, users: u32, prefix: &str, at: &str, state: &str) -> String {
    let sent = if state == "sent" { at } else { "NULL" };
    let attempts = u8::from(state == "sent");
    let log = if attempts == 0 {
        "''".to_owned()
    } else {
        format!("'[1,' || {at} || ',\"twilio\",\"Accepted\",null,\"SM' || md5(n::text) || '\",120]' || chr(10)")
    };
    format!(
        "INSERT INTO deliveries (id, scope, event_id, alert_id, subject, attempt_log, user_id, purpose, cause, channel, contact_id, address, rules, critical, rank, \
         due_at, ready_at, expires_at, state, attempts, provider, message_id, sent_at, created_at, updated_at) \
         SELECT '{prefix}' || lpad(n::text, 16, '0'), 'alert:1:{prefix}' || n, '{prefix}' || lpad(n::text, 16, '0'), '{prefix}' || n, 'alert:{prefix}' || n, {log}, \
         n % {users} + 1, 'rule', 'alert_high', 'sms', (n % {users} + 1) * 4, '+49151…' || n % 100, '[' || n % {users} + 1 || ']', FALSE, 0, \
         {at}, {at}, {at} + {DAY_MS}, '{state}', {attempts}, 'twilio', 'SM' || md5(n::text), {sent}, {at}, {at} \
         FROM generate_series(1, {count}) AS n"
    )
}

/// So many that were sent in the last 25 days, with their events: what is older is deleted.
pub async fn add_old(world: &World, count: u32, users: u32) -> Result<(), Error> {
    let oldest = now_ms() - 25 * DAY_MS;
    // Ids begin with their time: by it, too old ones are found.
    let prefix = &id_floor(Timestamp::from_millis(oldest));
    let at = format!("({oldest}::bigint + n::bigint * 5)");
    let events = format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) SELECT '{prefix}' || lpad(n::text, 16, '0'), md5('old' || n), \
         'alert', {at}, {at}, 'alert:{prefix}' || n, '{{\"alertId\":\"{prefix}' || n || '\",\"priority\":\"HIGH\",\"summary\":\"Disk almost full\",\"responders\":[' || \
         n % {users} + 1 || ']}}' FROM generate_series(1, {count}) AS n"
    );
    write(world, [events, deliveries(count, users, prefix, &at, "sent")]).await
}

/// So many that are due from tomorrow on.
pub async fn add_pending(world: &World, count: u32, users: u32) -> Result<(), Error> {
    let at = format!("({}::bigint + n::bigint * 50)", now_ms() + DAY_MS);
    let waiting =
        "INSERT INTO ready_queue (id, user_id, channel, rank, ready_at) SELECT id, user_id, channel, rank, ready_at FROM deliveries";
    write(world, [deliveries(count, users, "01BENCHPEN", &at, "scheduled"), waiting.to_owned()]).await
}

async fn write(world: &World, statements: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let mut connection = world.database().await?;
    for statement in statements.into_iter().chain(["VACUUM ANALYZE".to_owned(), "CHECKPOINT".to_owned()]) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.doing("writing old deliveries")?;
    }
    Ok(())
}
