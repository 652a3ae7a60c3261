//! What an error of the database is about, and so what may be done next.
//!
//! The table is closed, and what it does not name is [`Fault::Database`]: something is the matter with the database, its schema, its
//! settings or whoever runs it, and what was to be written is kept and tried again. So nothing is lost by a code that nobody
//! thought of. Codes are those of PostgreSQL's appendix A (five characters) and of SQLite's `sqlite3.h` (numbers, the primary
//! code in the low byte).

use sqlx::Error;

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A row with that key is there already.
    Known,
    /// A value cannot be stored by any database in its right mind: met again by the same value alone, it is the value's own fault.
    Data,
    /// Another transition came in between: to be done again at once.
    Conflict,
    /// What was prepared on this connection no longer fits the schema, or is not known to the server any more: to be done
    /// again at once, prepared anew.
    Stale,
    /// The connection, or the server behind it: nothing at all can be done until there is another one.
    Connection,
    /// SQLite's file: another connection may find it mended.
    File,
    /// What is in the database is not what this version writes.
    Unreadable,
    /// Anything else.
    Database,
}

impl Fault {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Database(error) => error.code().map_or(Self::Database, |code| Self::of_code(&code)),
            Error::Encode(_) => Self::Data,
            Error::ColumnDecode { .. } | Error::Decode(_) => Self::Unreadable,
            Error::Io(_)
            | Error::Tls(_)
            | Error::Protocol(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed
            | Error::BeginFailed
            | Error::InvalidSavePointStatement => Self::Connection,
            _ => Self::Database,
        }
    }

    fn of_code(code: &str) -> Self {
        if code.len() == 5 { Self::of_sqlstate(code) } else { code.parse().map_or(Self::Database, Self::of_sqlite) }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            "23505" => Self::Known,
            // program_limit_exceeded: a value too large for its index.
            "54000" => Self::Data,
            // lock_not_available and query_canceled pass by themselves, and say nothing about the connection.
            "55P03" | "57014" => Self::Database,
            // feature_not_supported, which is how "cached plan must not change result type" is told; invalid and duplicate
            // statement names, as when a pooler gave this connection another server's session.
            "0A000" | "26000" | "42P05" => Self::Stale,
            // read_only_sql_transaction: the server has become a standby. idle_in_transaction_session_timeout.
            "25006" | "25P03" => Self::Connection,
            _ => match &code[..2] {
                "22" => Self::Data,
                "40" => Self::Conflict,
                // Connection, logins, server shut down or out of connections.
                "08" | "28" | "57" => Self::Connection,
                _ => Self::Database,
            },
        }
    }

    fn of_sqlite(code: u32) -> Self {
        match (code, code & 0xff) {
            // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE.
            (1555 | 2067, _) => Self::Known,
            // TOOBIG, MISMATCH.
            (_, 18 | 20) => Self::Data,
            // PERM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
            (_, 3 | 8 | 10 | 11 | 13 | 14 | 15 | 26) => Self::File,
            _ => Self::Database,
        }
    }

    /// Whether the connection on which it was met is of no further use.
    pub(crate) fn spoils_connection(self) -> bool {
        matches!(self, Self::Connection | Self::File) || self.spoils_connections()
    }

    /// Whether all connections of before are of none.
    pub(crate) fn spoils_connections(self) -> bool {
        self == Self::Stale
    }

    /// Whether a server that is just being started, or has all its connections in use, answers like that.
    pub(crate) fn is_starting(error: &Error) -> bool {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        match error {
            Error::Io(error) => matches!(error.kind(), ConnectionRefused | ConnectionReset | ConnectionAborted),
            Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_class() {
        let table = [
            (Fault::Known, "23505 1555 2067"),
            (Fault::Data, "22001 22003 22021 22P05 54000 18 20"),
            (Fault::Conflict, "40001 40P01"),
            (Fault::Stale, "0A000 26000 42P05"),
            (Fault::Connection, "08006 28000 28P01 25006 25P03 57P01 57P03"),
            (Fault::File, "3 8 264 1032 10 522 778 11 267 13 14 15 26"),
            // Schema, rights, database, time limits, resources, other constraints, damaged pages, nonsense.
            (
                Fault::Database,
                "3F000 42P01 42703 42501 3D000 55000 55P03 57014 53100 53200 53300 23502 23503 23514 54001 58030 XX000 XX001",
            ),
            (Fault::Database, "1 5 6 261 517 7 9 19 275 787 1299 21 99999 -1 nonsense"),
        ];
        for (fault, codes) in table {
            for code in codes.split(' ') {
                assert_eq!(Fault::of_code(code), fault, "{code}");
            }
        }
    }

    #[test]
    fn only_a_value_that_cannot_be_stored_is_the_datas_fault() {
        let data: Vec<String> = (0..10_000_u32).map(|code| code.to_string()).filter(|code| Fault::of_code(code) == Fault::Data).collect();
        assert!(data.iter().all(|code| matches!(code.parse::<u32>().unwrap_or(0) & 0xff, 18 | 20)), "{data:?}");
    }
}
