//! What verifying and trying addresses may cost: codes and test messages that are sent, and wrong codes that are tried, counted by user,
//! by address and in all.
//!
//! Contacts and users come and go, and two users may claim one address; what is counted here stays for its day all the same.
//! Rows are locked in one order, after the user, and before anything is written.

use sha2::{Digest, Sha256};
use watchbell_core::contact::Contact;
use watchbell_core::{Timestamp, UserId};

use super::super::array;
use super::{Connection, SqlStore, sql};
use crate::VerificationLimits;
use crate::error::{StoreError, VerificationError};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// One code a minute, the design's figure.
const PAUSE_MS: i64 = 60_000;

/// After so many wrong codes in a day, new ones have eight digits.
const WRONG_UNTIL_LONG: i64 = 3;

/// What was spent within the day, as far as it bears on one contact.
pub(super) struct Budgets {
    all: Spent,
    target: Spent,
    user: Spent,
}

#[derive(Clone, Debug, sqlx_macros::FromRow)]
struct Spent {
    scope: String,
    since: i64,
    codes: i64,
    wrong: i64,
    sent_at: i64,
}

impl Budgets {
    /// Locks and reads them; a day that has passed begins anew.
    pub async fn lock(on: &mut Connection, user: UserId, contact: &Contact, now: Timestamp) -> Result<Self, StoreError> {
        // In their order as texts, which is the order of locks.
        let scopes = ["all".to_owned(), format!("target:{}", digest(contact)), format!("user:{user}")];
        let spent = lock(on, scopes, now).await?;
        let [all, target, user] = <[Spent; 3]>::try_from(spent).map_err(|_| StoreError::Corrupt("a budget is missing".to_owned()))?;
        Ok(Self { all, target, user })
    }

    /// # Errors
    /// `TooSoon`, `OutOfCodes`.
    pub fn check_codes(&self, limits: &VerificationLimits, now: Timestamp) -> Result<(), StoreError> {
        check_pause(self.target.sent_at, now)?;
        let budgets = [
            (&self.user, limits.codes_per_user, "this user"),
            (&self.target, limits.codes_per_target, "this address"),
            (&self.all, limits.codes_in_all, "all users together"),
        ];
        let Some((spent, most, whose)) = budgets.into_iter().find(|(spent, most, _)| spent.codes >= *most) else { return Ok(()) };
        if spent.scope == self.all.scope {
            tracing::warn!(most, "all verification codes of a day have been sent; see verification.codes_in_all");
        }
        Err(StoreError::Verification(VerificationError::OutOfCodes { whose, retry_s: spent.rest_s(now) }))
    }

    /// # Errors
    /// `OutOfTries`.
    pub fn check_tries(&self, limits: &VerificationLimits, now: Timestamp) -> Result<(), StoreError> {
        if self.user.wrong < limits.wrong_per_user {
            return Ok(());
        }
        Err(StoreError::Verification(VerificationError::OutOfTries { retry_s: self.user.rest_s(now) }))
    }

    /// Whether more wrong codes were tried than a slip explains, by this user or of this address.
    pub fn is_guessed_at(&self) -> bool {
        self.user.wrong.max(self.target.wrong) >= WRONG_UNTIL_LONG
    }

    pub async fn spend_code(&self, on: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(sql("UPDATE verification_budgets SET codes = codes + 1, sent_at = $2 WHERE scope {in $1 text}"))
            .bind(array([&self.all.scope, &self.target.scope, &self.user.scope])?)
            .bind(now.as_millis())
            .execute(on)
            .await?;
        Ok(())
    }

    pub async fn spend_try(&self, on: &mut Connection) -> Result<(), StoreError> {
        sqlx::query(sql("UPDATE verification_budgets SET wrong = wrong + 1 WHERE scope {in $1 text}"))
            .bind(array([&self.target.scope, &self.user.scope])?)
            .execute(on)
            .await?;
        Ok(())
    }
}

/// Test messages to one user's contacts within a day, and to one address, whoever's it is.
const TESTS_PER_USER: i64 = 20;
const TESTS_PER_TARGET: i64 = 10;

/// Counts a test message to a contact.
///
/// # Errors
/// `TooManyTests`: the last one was sent less than a minute ago, or there were as many as are sent in a day.
pub(super) async fn spend_test(on: &mut Connection, user: UserId, contact: &Contact, now: Timestamp) -> Result<(), StoreError> {
    let scopes = [format!("test:target:{}", digest(contact)), format!("test:user:{user}")];
    let spent = lock(on, scopes.clone(), now).await?;
    let too_many = |whose, per, retry_s| Err(StoreError::TooManyTests { whose, per, retry_s });
    let bounds = [(TESTS_PER_TARGET, "this address"), (TESTS_PER_USER, "this user")];
    if let Some((spent, (_, whose))) = spent.iter().zip(bounds).find(|(spent, (most, _))| spent.codes >= *most) {
        return too_many(whose, "day", spent.rest_s(now));
    }
    let wait_ms = spent.first().map_or(0, |target| target.sent_at + PAUSE_MS - now.as_millis());
    if wait_ms > 0 {
        return too_many("this address", "minute", seconds(wait_ms));
    }
    sqlx::query(sql("UPDATE verification_budgets SET codes = codes + 1, sent_at = $2 WHERE scope {in $1 text}"))
        .bind(array(&scopes)?)
        .bind(now.as_millis())
        .execute(on)
        .await?;
    Ok(())
}

/// Locks and reads what was spent, in the order of the scopes as texts; a day that has passed begins anew.
async fn lock<const N: usize>(on: &mut Connection, scopes: [String; N], now: Timestamp) -> Result<Vec<Spent>, StoreError> {
    let mut spent = Vec::with_capacity(N);
    for scope in scopes {
        let row: Spent = sqlx::query_as(sql("INSERT INTO verification_budgets (scope, since, codes, wrong, sent_at) \
             VALUES ($1, $2, 0, 0, 0) ON CONFLICT (scope) DO UPDATE SET \
             codes = CASE WHEN verification_budgets.since <= $3 THEN 0 ELSE verification_budgets.codes END, \
             wrong = CASE WHEN verification_budgets.since <= $3 THEN 0 ELSE verification_budgets.wrong END, \
             since = CASE WHEN verification_budgets.since <= $3 THEN $2 ELSE verification_budgets.since END \
             RETURNING scope, since, codes, wrong, sent_at"))
        .bind(scope)
        .bind(now.as_millis())
        .bind(now.as_millis() - DAY_MS)
        .fetch_one(&mut *on)
        .await?;
        spent.push(row);
    }
    Ok(spent)
}

impl Spent {
    /// Seconds until its day is over.
    fn rest_s(&self, now: Timestamp) -> i64 {
        seconds(self.since + DAY_MS - now.as_millis())
    }
}

impl SqlStore {
    /// Forgets days that have passed.
    pub(in super::super) async fn tidy_budgets(&self, on: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
        let before = now.as_millis() - DAY_MS;
        sqlx::query(sql("DELETE FROM verification_budgets WHERE since <= $1")).bind(before).execute(on).await?;
        Ok(())
    }
}

/// # Errors
/// `TooSoon`: the last code was sent less than a minute ago.
pub(super) fn check_pause(sent_at: i64, now: Timestamp) -> Result<(), StoreError> {
    let wait_ms = sent_at + PAUSE_MS - now.as_millis();
    if wait_ms <= 0 {
        return Ok(());
    }
    Err(StoreError::Verification(VerificationError::TooSoon { retry_s: seconds(wait_ms) }))
}

fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1_000) + i64::from(ms % 1_000 > 0)
}

/// Hex SHA-256 of an address, however it is spelt.
fn digest(contact: &Contact) -> String {
    hex::encode(Sha256::digest(format!("{}:{}", contact.kind, contact.target.to_lowercase())))
}
