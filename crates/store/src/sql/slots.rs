//! What calls that ended say about their recipients: who was not reached has used up nothing, and who is to be left alone is.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::recipients::address_key;
use super::rows::name;
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::queue::{Finished, Next};

impl SqlStore {
    /// Settles what ended calls had taken of their recipients. The last lock of a transaction: who has locked recipients waits for no
    /// delivery.
    pub(super) async fn settle_slots<'a>(&self, tx: &mut Tx, ended: impl Iterator<Item = &'a Finished>) -> Result<(), StoreError> {
        let mut unused = Vec::new();
        let mut pauses = BTreeMap::new();
        for end in ended {
            if end.next != Next::Sent && end.attempt.as_ref().is_none_or(crate::queue::Attempt::reached_nobody) {
                unused.push(&end.id);
            }
            if let Some(until) = end.pause {
                pauses.insert(end.id.as_str(), until);
            }
        }
        self.give_back_slots(tx, &unused, &pauses).await
    }

    /// Gives the slots of `unused` deliveries back, each of which had taken one in its claim; then leaves the recipients of those
    /// in `pauses` alone until the times given.
    pub(super) async fn give_back_slots(
        &self,
        tx: &mut Tx,
        unused: &[&DeliveryId],
        pauses: &BTreeMap<&str, Timestamp>,
    ) -> Result<(), StoreError> {
        let ids: BTreeSet<&str> = unused.iter().map(|id| id.as_str()).chain(pauses.keys().copied()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, String, Option<String>, Option<String>)> =
            sqlx::query_as(sql("SELECT d.id, d.channel, c.target, v.token FROM deliveries d LEFT JOIN contacts c ON c.id = d.contact_id \
             LEFT JOIN devices v ON v.id = d.device_id WHERE d.id {in $1 text}"))
            .bind(array(&ids)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut keys: BTreeMap<String, (Channel, String)> = BTreeMap::new();
        for (id, channel, target, token) in rows {
            let channel: Channel = name(&channel)?;
            let is_limited = self.limits.bind(channel) || pauses.contains_key(id.as_str());
            if let Some(address) = target.or(token).filter(|_| is_limited) {
                keys.insert(id, (channel, address_key(channel, &address)));
            }
        }
        let distinct: BTreeSet<&str> = keys.values().map(|(_, key)| key.as_str()).collect();
        if distinct.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut recipients = self.lock_recipients(tx, &distinct).await?;
        for id in unused {
            if let Some((channel, key)) = keys.get(id.as_str())
                && let Some(recipient) = recipients.get_mut(key)
            {
                recipient.give_back(self.limits.rates.get(channel).copied(), now);
            }
        }
        for (id, until) in pauses {
            if let Some((channel, key)) = keys.get(*id)
                && let Some(recipient) = recipients.get_mut(key)
            {
                let slack_ms = self.limits.rates.get(channel).map_or(0, |rate| rate.slack_ms());
                recipient.busy_until = recipient.busy_until.max(until.plus_ms(slack_ms));
            }
        }
        self.write_recipients(tx, &recipients, now).await
    }
}
