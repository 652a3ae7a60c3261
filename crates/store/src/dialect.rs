//! What differs between SQLite and PostgreSQL, filled into one body of SQL.
//!
//! | In the text | PostgreSQL | SQLite |
//! | --- | --- | --- |
//! | `{rows $3: id text, due_at bigint}` | a subquery named `r` of `unnest($3::text[])` … | a `jsonb_each` subquery named `r` |
//! | `{in $1 bigint}` | `= ANY($1::bigint[])` | `IN (SELECT …)` |
//! | `{lock}`, `{share}`, `{skip}`, `{skip d}` | `FOR UPDATE`, `FOR KEY SHARE`, `FOR UPDATE SKIP LOCKED`, the same of one table | nothing: its one writer locks all |
//! | `{stop}` | what cancels a delivery, for a reason in `r.reason` | the same |
//! | `{first_of_digest}` | that the entry `w` waits for no digest, or is the first of its digest | the same |
//! | `{if lease = $1}` | the condition, as none that a planner takes for rare, and looks for everywhere before it joins | the same |
//! | `{rank high}` | a rank's number ([`crate::rank`]) | the same |
//! | `{states pending}`, `{purposes collective}` | `IN ('scheduled', …)`: a list that has a name (`states.rs`) | the same |
//! | `{row}` | `ctid` | `rowid` |
//! | `{numeric}` | that `external_id` is written as a whole number | the same |
//! | `{entries}` | where the entries of deliveries `d` lie that nobody has locked | where they lie |
//! | `{each}` | `OFFSET 0`: that an `EXISTS` is asked row by row, not joined with all | nothing |
//! | `{topic}` | the topic in the data of an event `e` | the same |
//! | `{anyof}` … `{end}` | `= ANY(ARRAY(` … `))` | `IN (` … `)` |
//!
//! Batches travel as parameters of one statement, whatever their size ([`crate::columns`]): rows as one parameter a column, so that
//! they come last, or as one of JSON. `= ANY(ARRAY(…))` is there because `IN (SELECT … LIMIT $1)` under a generic plan scans the table.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use crate::{rank, states};

/// What holds for the engine's statements on PostgreSQL: those that accept, plan, claim, begin, finish and tidy up.
///
/// They go through an index (a test looks at their plans), at any size of the tables. Each is planned once for a connection, which
/// may be when its tables are still empty, or empty at night: what looks cheap then, such as reading a whole table, must not be
/// chosen. So what counts is how many rows are looked at, not how many pages a table happens to have. Why this is no property of
/// every connection: `docs/decisions/0010-planner-settings.md`.
pub const PLAN_FOR_LARGE_TABLES: &str = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
     SET random_page_cost = 0; SET seq_page_cost = 0; SET plan_cache_mode = force_generic_plan";

/// The beginning of a change for a request to the API on PostgreSQL. It runs the engine's statements, to plan anew what was not sent
/// yet, on a connection that is otherwise for reading: what holds for these statements holds until it ends.
pub const BEGIN_CHANGE: &str = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
     SET LOCAL jit = off; SET LOCAL random_page_cost = 0; SET LOCAL seq_page_cost = 0; SET LOCAL plan_cache_mode = force_generic_plan";

/// What holds for statements that only read for a request to the API on PostgreSQL: each is planned for the values that it is given
/// and the tables as they are now, by PostgreSQL's own rules. Their filters combine freely, so no plan fits all of them.
pub const PLAN_EACH_TIME: &str = "SET jit = off; SET plan_cache_mode = force_custom_plan";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

type Expanded = RwLock<HashMap<(Dialect, &'static str), &'static str>>;

/// Every text is expanded once; they are literals of this crate, so there is an end to them.
static EXPANDED: LazyLock<Expanded> = LazyLock::new(Expanded::default);

impl Dialect {
    /// The statement in this dialect.
    pub fn sql(self, text: &'static str) -> &'static str {
        if let Some(sql) = EXPANDED.read().unwrap_or_else(PoisonError::into_inner).get(&(self, text)) {
            return sql;
        }
        let sql: &'static str = Box::leak(self.expand(text).into_boxed_str());
        EXPANDED.write().unwrap_or_else(PoisonError::into_inner).insert((self, text), sql);
        sql
    }

    /// Every statement that this process has used so far: what a test of query plans looks at.
    pub fn used(self) -> Vec<&'static str> {
        let expanded = EXPANDED.read().unwrap_or_else(PoisonError::into_inner);
        expanded.iter().filter(|((dialect, _), _)| *dialect == self).map(|(_, sql)| *sql).collect()
    }

    fn expand(self, text: &str) -> String {
        let mut sql = String::with_capacity(text.len() + 256);
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            sql.push_str(&rest[..start]);
            let end = closing(rest, start);
            self.fill(&mut sql, &rest[start + 1..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        sql.push_str(rest);
        sql
    }

    fn fill(self, sql: &mut String, hole: &str) {
        let postgres = self == Self::Postgres;
        match hole {
            "lock" | "share" | "skip" if !postgres => {}
            "lock" => sql.push_str("FOR UPDATE"),
            // As the index `users_numeric` has it.
            "numeric" => sql.push_str(if postgres {
                "external_id ~ '^[+-]?[0-9]+$'"
            } else {
                "external_id GLOB '[0-9+-]*' AND substr(external_id, 2) NOT GLOB '*[^0-9]*'"
            }),
            // Changes of other columns than keys, such as a heartbeat, need not wait for it; deletions and `FOR UPDATE` do.
            "share" => sql.push_str("FOR KEY SHARE"),
            "skip" => sql.push_str("FOR UPDATE SKIP LOCKED"),
            // What waits looks empty to a planner that came by at night: its entries must be looked up one by one all the same.
            "entries" => sql.push_str(if postgres {
                "SELECT w.place FROM deliveries d CROSS JOIN LATERAL (SELECT ctid AS place FROM ready_queue WHERE user_id = d.user_id \
                 AND id = d.id FOR UPDATE SKIP LOCKED) AS w"
            } else {
                "SELECT w.rowid FROM deliveries d JOIN ready_queue w ON w.user_id = d.user_id AND w.id = d.id"
            }),
            "skip d" => sql.push_str(if postgres { "FOR UPDATE OF d SKIP LOCKED" } else { "" }),
            // Cancels what is pending; what has begun only takes note, for the case that it would be tried again.
            "stop" => sql.push_str(
                "stop = CASE WHEN deliveries.begun_at IS NOT NULL THEN r.reason ELSE stop END, \
                 reason = CASE WHEN deliveries.begun_at IS NOT NULL THEN deliveries.reason ELSE r.reason END, \
                 lease = CASE WHEN deliveries.begun_at IS NOT NULL THEN lease END, \
                 state = CASE WHEN deliveries.begun_at IS NOT NULL THEN deliveries.state ELSE 'cancelled' END",
            ),
            // A digest's first member stands for all: whoever locks it gathers the others, so that no two workers share them out.
            // (As expressions, so that the others are looked for among the user's, not among all that is ready.)
            "first_of_digest" => sql.push_str(
                "(w.collect IS NULL OR w.collect NOT IN ('hourly', 'daily') OR NOT EXISTS (SELECT 1 FROM ready_queue o \
                 WHERE o.user_id = w.user_id AND o.id < w.id AND o.collect = w.collect AND o.channel || '' = w.channel \
                 AND o.rank + 0 = w.rank AND o.ready_at + 0 <= $3))",
            ),
            // Where a row lies: what is written at once needs no key.
            "row" => sql.push_str(if postgres { "ctid" } else { "rowid" }),
            "topic" => sql.push_str(if postgres { "e.data::json->>'topic'" } else { "e.data->>'topic'" }),
            "each" => sql.push_str(if postgres { "OFFSET 0" } else { "" }),
            "anyof" => sql.push_str(if postgres { "= ANY(ARRAY(" } else { "IN (" }),
            "end" => sql.push_str(if postgres { "))" } else { ")" }),
            "purposes collective" => push_list(sql, states::COLLECTIVE.iter().map(|purpose| purpose.as_str())),
            _ => {
                if let Some((parameter, ty)) = hole.strip_prefix("in ").and_then(|in_| in_.split_once(' ')) {
                    if postgres {
                        sql.extend([format!("= ANY({parameter}::{ty}[])")]);
                    } else {
                        sql.extend([format!("IN (SELECT value FROM json_each({parameter}))")]);
                    }
                } else if let Some(condition) = hole.strip_prefix("if ") {
                    sql.extend(["CASE WHEN ", &self.expand(condition), " THEN TRUE ELSE FALSE END"]);
                } else if let Some(rank) = hole.strip_prefix("rank ").and_then(rank::named) {
                    sql.push_str(&rank.to_string());
                } else if let Some(states) = hole.strip_prefix("states ").and_then(states::named) {
                    push_list(sql, states.iter().map(|state| state.as_str()));
                } else if let Some((parameter, columns)) = hole.strip_prefix("rows ").and_then(|rows| rows.split_once(':')) {
                    self.rows(sql, parameter, columns.trim());
                } else {
                    unreachable!("unknown hole in a statement: {hole}");
                }
            }
        }
    }

    fn rows(self, sql: &mut String, parameter: &str, columns: &str) {
        let (names, types): (Vec<&str>, Vec<&str>) = columns.split(',').filter_map(|column| column.trim().split_once(' ')).unzip();
        if self == Self::Postgres {
            let first: usize = parameter.trim_start_matches('$').parse().unwrap_or(1);
            // In FROM, `unnest` would put all rows down somewhere before the first one is read.
            let arrays = types.iter().zip(&names).enumerate();
            let arrays: Vec<String> = arrays.map(|(at, (ty, name))| format!("unnest(${}::{ty}[]) AS {name}", first + at)).collect();
            sql.extend([format!("(SELECT {}) AS r", arrays.join(", "))]);
        } else {
            let fields: Vec<String> = names.iter().map(|name| format!("value->>'{name}' AS {name}")).collect();
            sql.extend([format!("(SELECT {} FROM jsonb_each({parameter})) AS r", fields.join(", "))]);
        }
    }
}

/// Where the hole ends that begins at `start`: there may be holes within it.
fn closing(text: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn push_list<'a>(sql: &mut String, names: impl Iterator<Item = &'a str>) {
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    sql.extend(["IN (", &names.join(", "), ")"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_for_each_database() {
        let text = "UPDATE t SET a = r.a FROM {rows $2: id text, a bigint} WHERE t.id = r.id AND b {in $1 bigint} {skip}";
        assert_eq!(
            Dialect::Postgres.sql(text),
            "UPDATE t SET a = r.a FROM (SELECT unnest($2::text[]) AS id, unnest($3::bigint[]) AS a) AS r WHERE t.id = r.id \
             AND b = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED"
        );
        assert_eq!(
            Dialect::Sqlite.sql(text),
            "UPDATE t SET a = r.a FROM (SELECT value->>'id' AS id, value->>'a' AS a FROM jsonb_each($2)) AS r WHERE t.id = r.id \
             AND b IN (SELECT value FROM json_each($1)) "
        );
    }

    #[test]
    fn ranks_and_lists_have_names_within_other_holes_too() {
        let text = "SELECT {if state {states pending} AND rank = {rank high}} FROM t WHERE purpose NOT {purposes collective}";
        assert_eq!(
            Dialect::Sqlite.sql(text),
            "SELECT CASE WHEN state IN ('scheduled', 'held') AND rank = 0 THEN TRUE ELSE FALSE END FROM t \
             WHERE purpose NOT IN ('bundle', 'digest')"
        );
    }
}
