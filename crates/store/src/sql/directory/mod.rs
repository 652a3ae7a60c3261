//! Users and all that belongs to them, one file for each part.

use super::access::no_such_user;
use super::change::Change;
use super::{Connection, Db, SqlStore, Tx, rows, sql};

mod accounts;
mod budgets;
mod chains;
mod codes;
mod consent;
mod contacts;
mod devices;
mod duties;
mod owners;
mod rules;
mod telegram;
mod topics;
mod trials;
mod users;
mod verification;
