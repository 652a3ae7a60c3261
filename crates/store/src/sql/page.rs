//! Pages of lists that have the newest first, by what their order is made of.
//!
//! A page beside a place is what the database finds first when it goes on from there: downwards for what is older, and upwards for
//! what is newer, which is then turned round.

use sqlx::QueryBuilder;

use super::Db;
use crate::page::Side;

/// How what lies on that side compares with the place that it lies beside.
pub(super) fn beyond<C>(side: &Side<C>) -> &'static str {
    if side.is_upwards() { ">" } else { "<" }
}

pub(super) fn push_order<C>(query: &mut QueryBuilder<Db>, side: &Side<C>, columns: &[&str], limit: i64) {
    let direction = if side.is_upwards() { "ASC" } else { "DESC" };
    for (at, column) in columns.iter().enumerate() {
        query.push(format_args!("{} {column} {direction}", if at == 0 { " ORDER BY" } else { "," }));
    }
    query.push(" LIMIT ").push_bind(limit.max(0));
}

/// The page as it is shown, of rows in the order in which they were found.
pub(super) fn newest_first<T, C>(mut rows: Vec<T>, side: &Side<C>) -> Vec<T> {
    if side.is_upwards() {
        rows.reverse();
    }
    rows
}
