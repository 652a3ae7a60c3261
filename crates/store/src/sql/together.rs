//! Statements of which nothing is asked but how many rows each writes: one round trip for all of them on PostgreSQL, where there
//! are few rows. With many rows the round trips are shared by all of them, and counting what is written as one costs more.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sqlx::Row as _;

use super::{Argument, DIALECT, Db, Tx, columns, sql};
use crate::StoreError;
use crate::columns::Row;
use crate::dialect::Dialect;

/// What a parameter is.
#[derive(Debug)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Batch(Argument),
}

/// So many rows, or the transaction fails with this.
type Must = Option<(usize, StoreError)>;

/// Rows of all statements that go as one.
const FEW: usize = 64;

/// Statements that write, in the order in which they are added. None of them sees what another one writes.
#[derive(Debug, Default)]
pub(super) struct Together {
    parts: Vec<Part>,
    rows: usize,
}

#[derive(Debug)]
struct Part {
    text: &'static str,
    values: Vec<Value>,
    must: Must,
}

impl Together {
    /// A statement without a batch.
    pub(super) fn add(&mut self, text: &'static str, values: impl IntoIterator<Item = Value>, must: Must) {
        self.parts.push(Part { text, values: values.into_iter().collect(), must });
    }

    /// The columns of the rows come last, as the parameters of a `{rows …}` hole.
    pub(super) fn add_rows<R: Row>(
        &mut self,
        text: &'static str,
        values: impl IntoIterator<Item = Value>,
        rows: &[R],
        must: Must,
    ) -> Result<(), StoreError> {
        self.rows += rows.len();
        let batch = columns(rows)?;
        let values = values.into_iter().chain(batch.into_iter().map(Value::Batch)).collect();
        self.parts.push(Part { text, values, must });
        Ok(())
    }

    /// # Errors
    /// What goes with the statement that wrote other than as many rows as it must.
    pub(super) async fn run(self, tx: &mut Tx) -> Result<(), StoreError> {
        if DIALECT == Dialect::Sqlite || self.parts.len() < 2 || self.rows > FEW {
            for Part { text, values, must } in self.parts {
                let written = values.into_iter().fold(sqlx::query(sql(text)), bind).execute(&mut **tx).await?.rows_affected();
                check(must, usize::try_from(written).ok())?;
            }
            return Ok(());
        }
        let text = merged(&self.parts);
        let (values, musts): (Vec<_>, Vec<_>) = self.parts.into_iter().map(|part| (part.values, part.must)).unzip();
        let counts = values.into_iter().flatten().fold(sqlx::query(text), bind).fetch_one(&mut **tx).await?;
        for (at, must) in musts.into_iter().enumerate() {
            check(must, usize::try_from(counts.try_get::<i64, _>(at)?).ok())?;
        }
        Ok(())
    }
}

type Query = sqlx::query::Query<'static, Db, <Db as sqlx::Database>::Arguments>;

fn bind(query: Query, value: Value) -> Query {
    match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Batch(batch) => query.bind(batch),
    }
}

fn check(must: Must, written: Option<usize>) -> Result<(), StoreError> {
    match must {
        Some((rows, error)) if written != Some(rows) => Err(error),
        _ => Ok(()),
    }
}

/// The statements as one, which answers how many rows each has written. There are few combinations, so there is an end to them.
fn merged(parts: &[Part]) -> &'static str {
    static MERGED: LazyLock<RwLock<HashMap<Vec<&'static str>, &'static str>>> = LazyLock::new(RwLock::default);
    let key: Vec<&'static str> = parts.iter().map(|part| part.text).collect();
    if let Some(text) = MERGED.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return text;
    }
    let mut before = 0;
    let (mut statements, mut counts) = (Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        statements.push(format!("p{at} AS ({} RETURNING 1)", renumbered(sql(part.text), before)));
        counts.push(format!("(SELECT count(*) FROM p{at})"));
        before += part.values.len();
    }
    let text: &'static str = Box::leak(format!("WITH {} SELECT {}", statements.join(", "), counts.join(", ")).into_boxed_str());
    MERGED.write().unwrap_or_else(PoisonError::into_inner).insert(key, text);
    text
}

/// `$1` becomes `$4` behind three parameters of others.
fn renumbered(text: &str, before: usize) -> String {
    let mut parts = text.split('$');
    let mut renumbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().unwrap_or_default();
        renumbered.extend(["$", &(number + before).to_string(), &part[digits..]]);
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_count_on() {
        assert_eq!(renumbered("SELECT $1, $12::text[] FROM t", 3), "SELECT $4, $15::text[] FROM t");
        assert_eq!(renumbered("SELECT 1", 3), "SELECT 1");
    }
}
