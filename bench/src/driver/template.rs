//! Databases with many users, to copy from: each is made once, by Watchbell's own migrations and a [`Seed`].

use std::path::{Path, PathBuf};

use sqlx::Connection as _;

use super::provider::Provider;
use super::seed::Seed;
use super::servers::Servers;
use super::watchbell::Program;
use crate::error::{Doing, Error};

/// After rows with ids of our own, PostgreSQL has to be told where to go on, and what there is.
const AFTERWARDS: [&str; 4] = [
    "SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users))",
    "SELECT setval(pg_get_serial_sequence('contacts', 'id'), (SELECT max(id) FROM contacts))",
    "VACUUM ANALYZE",
    "CHECKPOINT",
];

/// The templates in PostgreSQL that are there, by name.
#[derive(Debug, Default)]
pub struct Templates {
    made: Vec<String>,
}

impl Templates {
    /// The name of a database in PostgreSQL.
    pub async fn postgres(&mut self, seed: &Seed, servers: &Servers, program: &Program, provider: &Provider) -> Result<String, Error> {
        let name = seed.name();
        if self.made.contains(&name) {
            return Ok(name);
        }
        servers.make_database(&name, None).await?;
        program.make_tables(&servers.database_url(&name), provider).await?;
        let mut connection = servers.connect(&name).await?;
        seed.write::<sqlx::Postgres>(&mut connection, provider.port).await?;
        for statement in AFTERWARDS {
            sqlx::query(statement).execute(&mut connection).await.doing("seeding users")?;
        }
        connection.close().await.doing("seeding users")?;
        self.made.push(name.clone());
        Ok(name)
    }
}

/// A database file of SQLite in `dir`.
pub async fn sqlite(seed: &Seed, dir: &Path, program: &Program, provider: &Provider) -> Result<PathBuf, Error> {
    let path = dir.join(format!("{}.db", seed.name()));
    if path.exists() {
        return Ok(path);
    }
    let url = format!("sqlite://{}", path.display());
    program.make_tables(&url, provider).await?;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.doing("opening a SQLite database")?;
    seed.write::<sqlx::Sqlite>(&mut connection, provider.port).await?;
    for statement in ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::query(statement).execute(&mut connection).await.doing("seeding users")?;
    }
    connection.close().await.doing("seeding users")?;
    Ok(path)
}
