//! Categories of events.

use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};

use watchbell_core::Channel;
use watchbell_core::ids::{is_uuid, uuid};

use super::super::audit::Done;
use super::super::{BindAll, array, columns};
use super::rows::{all, at, json, to_json};
use super::{SqlStore, Tx, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::columns::row;
use crate::preferences::{Categories, Category, NewCategory};

#[async_trait]
impl Categories for SqlStore {
    async fn ensure_categories(&self, handles: &[String]) -> Result<(), StoreError> {
        ensure(self, handles).await
    }

    async fn put_category(&self, by: Actor, category: NewCategory) -> Result<(Category, bool), StoreError> {
        put(self, by, category).await
    }

    async fn delete_category(&self, by: Actor, handle: &str) -> Result<(), StoreError> {
        delete(self, by, handle).await
    }

    async fn category(&self, id_or_handle: &str) -> Result<Option<Category>, StoreError> {
        get(self, id_or_handle).await
    }

    async fn categories(&self) -> Result<Vec<Category>, StoreError> {
        list(self).await
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
struct CategoryRow {
    handle: String,
    id: String,
    name: String,
    default_channels: String,
    created_at: i64,
}

impl TryFrom<CategoryRow> for Category {
    type Error = StoreError;

    fn try_from(row: CategoryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            handle: row.handle,
            name: row.name,
            default_channels: json(&row.default_channels)?,
            created_at: at(row.created_at),
        })
    }
}

pub(super) async fn ensure(store: &SqlStore, handles: &[String]) -> Result<(), StoreError> {
    row! {
        struct Row<'a> {
            handle: &'a str,
            id: String,
        }
    }
    let handles: BTreeSet<&str> = handles.iter().map(String::as_str).collect();
    let rows: Vec<Row<'_>> = handles.into_iter().map(|handle| Row { handle, id: uuid() }).collect();
    let mut tx = store.begin_edit().await?;
    sqlx::query(sql("INSERT INTO categories (handle, id, name, default_channels, created_at) \
         SELECT r.handle, r.id, r.handle, '[]', $1 FROM {rows $2: handle text, id text} WHERE true ORDER BY r.handle \
         ON CONFLICT (handle) DO NOTHING"))
    .bind(store.clock.now().as_millis())
    .bind_all(columns(&rows)?)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

pub(super) async fn put(store: &SqlStore, by: Actor, category: NewCategory) -> Result<(Category, bool), StoreError> {
    let id = uuid();
    let mut tx = store.begin_edit().await?;
    let before: Option<CategoryRow> =
        sqlx::query_as(sql("SELECT handle, id, name, default_channels, created_at FROM categories WHERE handle = $1"))
            .bind(category.handle.clone())
            .fetch_optional(&mut *tx)
            .await?;
    let before: Option<Category> = before.map(TryInto::try_into).transpose()?;
    let row: CategoryRow =
        sqlx::query_as(sql("INSERT INTO categories (handle, id, name, default_channels, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (handle) DO UPDATE SET name = excluded.name, default_channels = excluded.default_channels \
         RETURNING handle, id, name, default_channels, created_at"))
        .bind(category.handle)
        .bind(id.clone())
        .bind(category.name)
        .bind(to_json(&category.default_channels)?)
        .bind(store.clock.now().as_millis())
        .fetch_one(&mut *tx)
        .await?;
    let category: Category = row.try_into()?;
    let done = Done::new(format!("categories/{}", category.handle), changes(before.as_ref(), Some(&category)));
    store.record(&mut tx, by, "category.put", done).await?;
    tx.commit().await?;
    let is_new = category.id == id;
    Ok((category, is_new))
}

pub(super) async fn delete(store: &SqlStore, by: Actor, handle: &str) -> Result<(), StoreError> {
    let mut tx = store.begin_edit().await?;
    let deleted: Option<CategoryRow> =
        sqlx::query_as(sql("DELETE FROM categories WHERE handle = $1 RETURNING handle, id, name, default_channels, created_at"))
            .bind(handle)
            .fetch_optional(&mut *tx)
            .await?;
    let deleted: Category = deleted.ok_or(StoreError::NotFound("category"))?.try_into()?;
    store.record(&mut tx, by, "category.delete", Done::new(format!("categories/{handle}"), changes(Some(&deleted), None))).await?;
    Ok(tx.commit().await?)
}

fn changes(before: Option<&Category>, after: Option<&Category>) -> Changes {
    Changes::default().field("name", before.map(|category| &category.name), after.map(|category| &category.name)).field(
        "defaultChannels",
        before.map(|category| &category.default_channels),
        after.map(|category| &category.default_channels),
    )
}

pub(super) async fn get(store: &SqlStore, id_or_handle: &str) -> Result<Option<Category>, StoreError> {
    let row: Option<CategoryRow> =
        sqlx::query_as(sql("SELECT handle, id, name, default_channels, created_at FROM categories WHERE handle = $1 OR id = $2 \
         ORDER BY CASE WHEN id = $2 THEN 0 ELSE 1 END LIMIT 1"))
        .bind(id_or_handle)
        // Ids are kept in lower case; a handle may look like one, and is then found all the same.
        .bind(if is_uuid(id_or_handle) { id_or_handle.to_ascii_lowercase() } else { String::new() })
        .fetch_optional(&store.read)
        .await?;
    row.map(Category::try_from).transpose()
}

pub(super) async fn list(store: &SqlStore) -> Result<Vec<Category>, StoreError> {
    let rows: Vec<CategoryRow> =
        sqlx::query_as(sql("SELECT handle, id, name, default_channels, created_at FROM categories ORDER BY handle"))
            .fetch_all(&store.read)
            .await?;
    all(rows)
}

impl SqlStore {
    /// Where these categories' subscription events go without any rule; those that go nowhere are left out.
    pub(in super::super) async fn default_channels(
        &self,
        tx: &mut Tx,
        handles: &BTreeSet<&str>,
    ) -> Result<HashMap<String, Vec<Channel>>, StoreError> {
        if handles.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(String, String)> =
            sqlx::query_as(sql("SELECT handle, default_channels FROM categories WHERE handle {in $1 text} AND default_channels <> '[]'"))
                .bind(array(handles)?)
                .fetch_all(&mut **tx)
                .await?;
        rows.into_iter().map(|(handle, channels)| Ok((handle, json(&channels)?))).collect()
    }
}
