//! What users have set, out of four tables by one statement: planning for a user who is not remembered costs one round trip, not four.

use std::collections::HashMap;

use watchbell_core::UserId;
use watchbell_core::user::{Hours, User};

use super::rows::{ContactRow, DeviceRow, RuleRow, UserRow, json, readable};
use crate::StoreError;
use crate::facts::Policy;

/// A row of any of the tables; which of its columns are there, and what they are, is up to the table.
#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct PolicyRow {
    what: String,
    id: i64,
    user_id: i64,
    /// Of a user: whether there is more to read, in tables of which most users have nothing.
    flag: bool,
    n1: Option<i64>,
    n2: Option<i64>,
    n3: Option<i64>,
    n4: Option<i64>,
    n5: Option<i64>,
    t1: Option<String>,
    t2: Option<String>,
    t3: Option<String>,
    t4: Option<String>,
    t5: Option<String>,
    t6: Option<String>,
    t7: Option<String>,
    t8: Option<String>,
}

impl PolicyRow {
    /// `$1` is a list of users.
    pub(super) const SELECT: &'static str = "SELECT 'user' AS what, id, id AS user_id, EXISTS (SELECT 1 FROM preferences p \
         WHERE p.user_id = users.id) OR EXISTS (SELECT 1 FROM switches s WHERE s.user_id = users.id) AS flag, \
         version AS n1, created_at AS n2, updated_at AS n3, CAST(NULL AS BIGINT) AS n4, CAST(NULL AS BIGINT) AS n5, public_id AS t1, \
         external_id AS t2, username AS t3, first_name AS t4, last_name AS t5, timezone AS t6, locale AS t7, quiet_hours AS t8 \
         FROM users WHERE id {in $1 bigint} \
         UNION ALL SELECT 'contact', id, user_id, is_primary, NULL, NULL, NULL, NULL, NULL, kind, target, region, status, \
         NULL, NULL, NULL, NULL FROM contacts WHERE user_id {in $1 bigint} \
         UNION ALL SELECT 'device', id, user_id, FALSE, created_at, NULL, NULL, NULL, NULL, kind, token, keys, NULL, \
         NULL, NULL, NULL, NULL FROM devices WHERE user_id {in $1 bigint} \
         UNION ALL SELECT 'rule', id, user_id, critical, contact_id, offset_s, position, repeat_every_s, repeat_times, public_id, surface, \
         cause, channel, conditions, NULL, NULL, NULL FROM rules WHERE user_id {in $1 bigint}";

    /// The policies, and whose are not all that they said yet.
    pub(super) fn policies(mut rows: Vec<Self>) -> Result<(HashMap<UserId, Policy>, Vec<i64>), StoreError> {
        rows.sort_by_key(|row| row.id);
        let (users, others): (Vec<Self>, Vec<Self>) = rows.into_iter().partition(|row| row.what == "user");
        let have_more = users.iter().filter(|row| row.flag).map(|row| row.id).collect();
        let policy = |row: Self| User::try_from(row.user()?).map(|user| (user.id, Policy::of(user)));
        let mut policies = users.into_iter().map(policy).collect::<Result<HashMap<UserId, Policy>, _>>()?;
        for row in others {
            let Some(policy) = policies.get_mut(&UserId(row.user_id)) else { continue };
            let id = row.id;
            // One that a later version wrote is no reason to tell by none of the others.
            match row.what.as_str() {
                "contact" => policy.contacts.extend(readable("contact", id, row.contact()?)),
                "device" => policy.devices.extend(readable("device", id, row.device()?)),
                _ => policy.rules.extend(readable("rule", id, row.rule()?)),
            }
        }
        Ok((policies, have_more))
    }

    fn user(self) -> Result<UserRow, StoreError> {
        Ok(UserRow {
            id: self.id,
            public_id: there(self.t1)?,
            external_id: self.t2,
            username: there(self.t3)?,
            first_name: there(self.t4)?,
            last_name: there(self.t5)?,
            timezone: there(self.t6)?,
            locale: there(self.t7)?,
            // Unreadable hours keep nobody quiet: a message at a bad time is better than none.
            quiet_hours: self.t8.filter(|hours| json::<Hours>(hours).is_ok()),
            // Nothing is planned by these.
            custom_fields: "{}".to_owned(),
            profile: "{}".to_owned(),
            version: there(self.n1)?,
            created_at: there(self.n2)?,
            updated_at: there(self.n3)?,
        })
    }

    fn contact(self) -> Result<ContactRow, StoreError> {
        Ok(ContactRow {
            id: self.id,
            user_id: self.user_id,
            kind: there(self.t1)?,
            target: there(self.t2)?,
            region: self.t3,
            is_primary: self.flag,
            status: there(self.t4)?,
        })
    }

    fn device(self) -> Result<DeviceRow, StoreError> {
        Ok(DeviceRow {
            id: self.id,
            user_id: self.user_id,
            kind: there(self.t1)?,
            token: there(self.t2)?,
            keys: self.t3,
            created_at: there(self.n1)?,
        })
    }

    fn rule(self) -> Result<RuleRow, StoreError> {
        Ok(RuleRow {
            id: self.id,
            public_id: self.t1,
            user_id: self.user_id,
            surface: there(self.t2)?,
            cause: there(self.t3)?,
            channel: self.t4,
            contact_id: self.n1,
            offset_s: there(self.n2)?,
            position: self.n3,
            critical: self.flag,
            conditions: self.t5,
            repeat_every_s: self.n4,
            repeat_times: self.n5,
        })
    }
}

fn there<T>(value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::Corrupt("a user's row has an empty column".to_owned()))
}
