//! The private nats-server and PostgreSQL that `scripts/bench.sh` started, and fresh databases and streams there.

use std::time::Duration;

use async_nats::jetstream;
use futures::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::clock::pause;
use crate::error::{Doing, Error};

#[derive(Debug)]
pub struct Servers {
    pub nats_url: String,
    pub nats_pid: u32,
    pub postgres_url: String,
    pub postgres_pid: u32,
    admin: PgPool,
    pub jetstream: jetstream::Context,
}

impl Servers {
    pub async fn find() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).map_err(|_| Error::says(format!("{name} is not set; run this by `make bench`")));
        let pid = |name| variable(name)?.parse().doing(name);
        let (nats_url, postgres_url) = (variable("WATCHBELL_BENCH_NATS_URL")?, variable("WATCHBELL_BENCH_POSTGRES_URL")?);
        let admin = PgPoolOptions::new().max_connections(2).connect(&postgres_url).await.doing("connecting to PostgreSQL")?;
        let client = async_nats::connect(&nats_url).await.doing("connecting to NATS")?;
        Ok(Self {
            nats_pid: pid("WATCHBELL_BENCH_NATS_PID")?,
            postgres_pid: pid("WATCHBELL_BENCH_POSTGRES_PID")?,
            nats_url,
            postgres_url,
            admin,
            jetstream: jetstream::new(client),
        })
    }

    /// The address of a database of that name.
    pub fn database_url(&self, name: &str) -> String {
        let server = self.postgres_url.rsplit_once('/').map_or(self.postgres_url.as_str(), |(server, _)| server);
        format!("{server}/{name}")
    }

    async fn execute(&self, statement: String) -> Result<(), Error> {
        sqlx::query(AssertSqlSafe(statement)).execute(&self.admin).await.map(drop).doing("preparing a database")
    }

    /// A database like `template`, or an empty one, in place of any that had that name.
    pub async fn make_database(&self, name: &str, template: Option<&str>) -> Result<(), Error> {
        self.drop_database(name).await?;
        let template = template.unwrap_or("template1");
        self.execute(format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await
    }

    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
    }

    pub async fn connect(&self, database: &str) -> Result<PgConnection, Error> {
        PgConnection::connect(&self.database_url(database)).await.doing("connecting to PostgreSQL")
    }

    /// What earlier parts left to be written is written now, not during the next one.
    pub async fn settle(&self) -> Result<(), Error> {
        self.execute("CHECKPOINT".to_owned()).await
    }

    /// Waits until Watchbell has made its stream: it is ready before that, and what is published then is refused.
    pub async fn stream_is_there(&self) -> Result<(), Error> {
        for _ in 0..2_000 {
            if self.jetstream.get_stream("WATCHBELL").await.is_ok() {
                return Ok(());
            }
            pause(Duration::from_millis(5)).await;
        }
        Err(Error::says("watchbell made no stream within ten seconds"))
    }

    /// Deletes all streams.
    pub async fn clear_streams(&self) -> Result<(), Error> {
        let names: Vec<String> = self.jetstream.stream_names().try_collect().await.doing("listing streams")?;
        for name in names {
            self.jetstream.delete_stream(name).await.doing("deleting a stream")?;
        }
        Ok(())
    }
}
