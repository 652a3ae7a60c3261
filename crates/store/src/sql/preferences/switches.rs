//! Notiflows' switches, each a row: a category or all, a channel type or the category's own.

use std::collections::BTreeMap;

use watchbell_core::UserId;

use super::super::audit::Done;
use super::super::{BindAll, Connection, columns};
use super::rows::name;
use super::{Change, SqlStore, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;
use crate::preferences::Switches;

#[derive(Debug, sqlx_macros::FromRow)]
pub(in super::super) struct SwitchRow {
    pub user_id: i64,
    category: String,
    channel_type: String,
    enabled: bool,
}

impl SwitchRow {
    /// Adds the row to a user's switches.
    pub fn add_to(self, switches: &mut Switches) -> Result<(), StoreError> {
        match (self.category.as_str(), self.channel_type.as_str()) {
            ("", channel_type) => drop(switches.channel_types.insert(name(channel_type)?, self.enabled)),
            (_, "") => switches.notiflows.entry(self.category).or_default().enabled = Some(self.enabled),
            (_, channel_type) => {
                let channel_type = name(channel_type)?;
                switches.notiflows.entry(self.category).or_default().channel_types.insert(channel_type, self.enabled);
            }
        }
        Ok(())
    }
}

row! {
    struct Row<'a> {
        category: &'a str,
        channel_type: &'static str,
        enabled: bool,
    }
}

fn rows_of(switches: &Switches) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut add = |category, channel_type, enabled| rows.push(Row { category, channel_type, enabled });
    for (channel_type, enabled) in &switches.channel_types {
        add("", channel_type.as_str(), *enabled);
    }
    for (category, of_category) in &switches.notiflows {
        if let Some(enabled) = of_category.enabled {
            add(category, "", enabled);
        }
        for (channel_type, enabled) in &of_category.channel_types {
            add(category, channel_type.as_str(), *enabled);
        }
    }
    rows
}

pub(super) async fn merge(store: &SqlStore, by: Actor, user: UserId, changes: &Switches) -> Result<Switches, StoreError> {
    let Change { mut tx, user } = store.begin_change(user).await?;
    let before = list(&mut tx, user).await?;
    sqlx::query(sql("INSERT INTO switches (user_id, category, channel_type, enabled) \
         SELECT $1, category, channel_type, r.enabled FROM {rows $2: category text, channel_type text, enabled boolean} WHERE true \
         ON CONFLICT (user_id, category, channel_type) DO UPDATE SET enabled = excluded.enabled"))
    .bind(user.0)
    .bind_all(columns(&rows_of(changes))?)
    .execute(&mut *tx)
    .await?;
    let switches = list(&mut tx, user).await?;
    let done = Done::new(format!("users/{user}/switches"), differences(&before, &switches));
    store.commit_change(Change { tx, user }, by, "switches.merge", done).await?;
    Ok(switches)
}

/// Each switch by its category and channel type; `*` is every category.
fn differences(before: &Switches, after: &Switches) -> Changes {
    let of = |switches: &Switches| {
        let rows = rows_of(switches).into_iter();
        let name = |row: &Row<'_>| match (row.category, row.channel_type) {
            ("", channel_type) => format!("*/{channel_type}"),
            (category, "") => category.to_owned(),
            (category, channel_type) => format!("{category}/{channel_type}"),
        };
        rows.map(|row| (name(&row), row.enabled)).collect::<BTreeMap<String, bool>>()
    };
    let (before, after) = (of(before), of(after));
    after.iter().fold(Changes::default(), |changes, (name, enabled)| changes.field(name, before.get(name), Some(enabled)))
}

pub(super) async fn list(on: &mut Connection, user: UserId) -> Result<Switches, StoreError> {
    let rows: Vec<SwitchRow> = sqlx::query_as(sql("SELECT user_id, category, channel_type, enabled FROM switches WHERE user_id = $1"))
        .bind(user.0)
        .fetch_all(on)
        .await?;
    let mut switches = Switches::default();
    for row in rows {
        row.add_to(&mut switches)?;
    }
    Ok(switches)
}
