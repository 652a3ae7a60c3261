//! The rows of recipients: what each address takes by a channel, shared by all workers. A row is locked while a claim is made.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::{Channel, Timestamp};

use super::rows::{at, json, to_json};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::Target;
use crate::throttle::Recipient;

impl SqlStore {
    /// The recipients of deliveries that are about to be leased, locked before these where there is a limit.
    pub(super) async fn recipients_of(
        &self,
        tx: &mut Tx,
        channel: Channel,
        deliveries: &[(String, i64)],
    ) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let addresses: Vec<(Option<String>, Option<String>)> =
            sqlx::query_as(sql("SELECT c.target, v.token FROM deliveries d LEFT JOIN contacts c ON c.id = d.contact_id \
             LEFT JOIN devices v ON v.id = d.device_id WHERE d.id {in $1 text}"))
            .bind(array(deliveries.iter().map(|(id, _)| id))?)
            .fetch_all(&mut **tx)
            .await?;
        let keys = addresses.into_iter().filter_map(|(target, token)| Some(address_key(channel, target.or(token)?.as_str())));
        self.recipients(tx, channel, &keys.collect()).await
    }

    /// What recipients take: locked where there is a limit, else only those who are to be left alone.
    pub(super) async fn recipients(
        &self,
        tx: &mut Tx,
        channel: Channel,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        if keys.is_empty() {
            Ok(BTreeMap::new())
        } else if self.limits.bind(channel) {
            self.lock_recipients(tx, &keys).await
        } else {
            self.paused_recipients(tx, &keys).await
        }
    }

    /// Where recipients take whatever comes, their rows say only which of them a provider asked to leave alone.
    async fn paused_recipients(&self, tx: &mut Tx, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, Recipient>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as(sql("SELECT id, busy_until FROM recipients WHERE id {in $1 text} AND busy_until > $2"))
                .bind(array(keys)?)
                .bind(self.clock.now().as_millis())
                .fetch_all(&mut **tx)
                .await?;
        Ok(rows.into_iter().map(|(id, busy_until)| (id, Recipient { busy_until: at(busy_until), ..Recipient::default() })).collect())
    }

    /// The recipients' rows, made if absent, locked in one order.
    pub(super) async fn lock_recipients(&self, tx: &mut Tx, keys: &BTreeSet<&str>) -> Result<BTreeMap<String, Recipient>, StoreError> {
        row! {
            struct Row<'a> {
                id: &'a str,
            }
        }
        let rows: Vec<Row<'_>> = keys.iter().map(|id| Row { id }).collect();
        // One statement, in which PostgreSQL has no choice of how to find them: this table is nearly empty at times, and a plan made
        // then would read all of it.
        let rows: Vec<(String, i64, String, String)> = sqlx::query_as(sql(
            "INSERT INTO recipients (id, busy_until, sent, quiet_at) SELECT id, 0, '[]', 0 FROM {rows $1: id text} WHERE true ORDER BY id \
             ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id, busy_until, sent, queued",
        ))
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        let recipient = |(id, busy_until, sent, queued): (String, i64, String, String)| {
            Ok((id, Recipient { busy_until: at(busy_until), sent: json(&sent)?, queued: json(&queued)? }))
        };
        rows.into_iter().map(recipient).collect()
    }

    pub(super) async fn write_recipients(
        &self,
        tx: &mut Tx,
        recipients: &BTreeMap<String, Recipient>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                id: &'a str,
                busy_until: Timestamp,
                sent: String,
                queued: String,
                quiet_at: Timestamp,
            }
        }
        let window_s = i64::from(self.limits.bundling.window_s);
        let rows = recipients
            .iter()
            .map(|(id, recipient)| {
                Ok(Row {
                    id,
                    busy_until: recipient.busy_until,
                    sent: to_json(&recipient.sent)?,
                    queued: to_json(&recipient.queued)?,
                    quiet_at: recipient.busy_until.max(now.plus_s(window_s)),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        sqlx::query(sql("INSERT INTO recipients (id, busy_until, sent, queued, quiet_at) SELECT id, busy_until, sent, queued, quiet_at \
             FROM {rows $1: id text, busy_until bigint, sent text, queued text, quiet_at bigint} WHERE true ON CONFLICT (id) DO UPDATE SET \
             busy_until = excluded.busy_until, sent = excluded.sent, queued = excluded.queued, quiet_at = excluded.quiet_at"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Of a target, as [`address_key`].
pub(super) fn recipient_key(channel: Channel, target: &Target) -> Option<String> {
    match target {
        Target::Contact { target, .. } => Some(address_key(channel, target.expose())),
        Target::Device(device) => Some(address_key(channel, &device.token)),
        Target::Gone | Target::User => None,
    }
}

/// One address by one channel; the address itself stays with the contact.
pub(super) fn address_key(channel: Channel, address: &str) -> String {
    watchbell_core::ids::digest(&[channel.as_str(), address])
}
