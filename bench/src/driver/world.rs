//! All that the parts share, and what they start to be measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::provider::Provider;
use super::seed::Seed;
use super::servers::Servers;
use super::table::Table;
use super::template::{self, Templates};
use super::watchbell::{self, Program, Settings};
use super::{Arguments, cpu};
use crate::error::{Doing, Error};

/// The database that is being measured.
const DATABASE: &str = "bench";

pub struct World {
    pub arguments: Arguments,
    pub servers: Servers,
    pub provider: Provider,
    pub table: Table,
    /// SQLite's files and the logs.
    pub dir: TempDir,
    pub program: Program,
    templates: Templates,
    /// So many loads were published: it makes their events' ids differ.
    pub loads: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Postgres,
    Sqlite,
}

/// What alerts are published to: Watchbell, or the bare pipeline.
#[derive(Debug)]
pub struct Subject {
    pub processes: Vec<Process>,
    /// Where it takes alerts.
    pub address: &'static str,
    /// Where its API listens; empty where there is none.
    pub url: String,
    pub settings: Settings,
}

impl Subject {
    pub fn cpu_us(&self) -> u64 {
        self.processes.iter().map(|process| cpu::of_process(&process.pid().to_string())).sum()
    }

    pub fn peak_memory_mb(&self) -> f64 {
        self.processes.iter().map(|process| cpu::peak_memory_mb(process.pid())).fold(0.0, f64::max)
    }

    /// Ends it in order; what it was set to, to be started again.
    pub async fn stop(self) -> Result<Settings, Error> {
        for process in self.processes {
            process.stop().await?;
        }
        Ok(self.settings)
    }
}

impl World {
    pub async fn new(arguments: Arguments) -> Result<Self, Error> {
        // Not in memory, as /tmp often is: what is durable is to cost what it costs.
        let target = Path::new("target/bench");
        std::fs::create_dir_all(target).doing("making target/bench")?;
        let target = target.canonicalize().doing("finding target/bench")?;
        let dir = TempDir::with_prefix_in("run-", target).doing("making a folder")?;
        let program = Program::find(dir.path())?;
        let provider = Provider::start(&dir.path().join("receiver.log")).await?;
        let servers = Servers::find().await?;
        Ok(Self { arguments, servers, provider, table: Table::default(), dir, program, templates: Templates::default(), loads: 0 })
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.log"))
    }

    /// Small where everything is to be quick.
    pub fn size(&self, usual: u32, quick: u32) -> u32 {
        if self.arguments.quick { quick } else { usual }
    }

    /// Before every measurement: no streams, nothing noted, nothing left to be written.
    pub async fn clear(&self) -> Result<(), Error> {
        self.servers.clear_streams().await?;
        self.provider.reset(0).await?;
        self.servers.settle().await
    }

    /// The bare pipeline, ready, on an empty database.
    pub async fn bare(&mut self, variant: &'static str) -> Result<Subject, Error> {
        const ADDRESS: &str = "bench.bare";
        self.clear().await?;
        self.servers.make_database(DATABASE, None).await?;
        let database = self.servers.database_url(DATABASE);
        let port = self.provider.port.to_string();
        let arguments = ["limit", "--variant", variant, "--nats", &self.servers.nats_url, "--subject", ADDRESS, "--stream", "BARE"];
        let arguments = arguments.into_iter().chain(["--postgres", &database, "--receiver", &port]);
        let mut process = Process::role(arguments, &self.log("limit"))?;
        process.line(Duration::from_secs(10)).await?;
        Ok(Subject { processes: vec![process], address: ADDRESS, url: String::new(), settings: Settings::default() })
    }

    /// Watchbell's settings on a fresh copy of the seeded database.
    pub async fn fresh(&mut self, base: Base, seed: &Seed, in_flight: u32) -> Result<Settings, Error> {
        let url = match base {
            Base::Postgres => {
                let template = self.templates.postgres(seed, &self.servers, &self.program, &self.provider).await?;
                self.servers.make_database(DATABASE, Some(&template)).await?;
                self.servers.database_url(DATABASE)
            }
            Base::Sqlite => {
                let template = template::sqlite(seed, self.dir.path(), &self.program, &self.provider).await?;
                let path = self.dir.path().join("bench.db");
                for left in ["bench.db", "bench.db-wal", "bench.db-shm", "bench.db.lock"] {
                    // Most are not there.
                    let _ = std::fs::remove_file(self.dir.path().join(left));
                }
                std::fs::copy(template, &path).doing("copying a SQLite database")?;
                format!("sqlite://{}", path.display())
            }
        };
        self.clear().await?;
        Ok(Settings::new(&url, &self.servers.nats_url, &self.provider, in_flight))
    }

    /// One process of Watchbell with all roles, ready.
    pub async fn watchbell(&mut self, base: Base, seed: &Seed, in_flight: u32) -> Result<Subject, Error> {
        let settings = self.fresh(base, seed, in_flight).await?;
        self.serve(settings).await
    }

    /// The same with settings of one's own.
    pub async fn serve(&mut self, settings: Settings) -> Result<Subject, Error> {
        let mut watchbell = self.program.start(&settings, &[])?;
        watchbell.ready().await?;
        self.servers.stream_is_there().await?;
        let (processes, url) = (vec![watchbell.process], watchbell.url);
        Ok(Subject { processes, address: watchbell::SUBJECT, url, settings })
    }

    pub async fn database(&self) -> Result<sqlx::postgres::PgConnection, Error> {
        self.servers.connect(DATABASE).await
    }

    /// Gives all rules a delay.
    pub async fn delay_rules(&self, delay_s: u32) -> Result<(), Error> {
        let mut connection = self.database().await?;
        let change = sqlx::query("UPDATE rules SET offset_s = $1").bind(i64::from(delay_s));
        change.execute(&mut connection).await.map(drop).doing("changing rules")
    }

    pub async fn drop_database(&self) -> Result<(), Error> {
        self.servers.drop_database(DATABASE).await
    }
}

impl World {
    /// Copies the logs to where they outlive this run.
    pub fn keep_logs(&self) -> Result<(), Error> {
        for entry in std::fs::read_dir(self.dir.path()).doing("keeping logs")?.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                std::fs::copy(entry.path(), Path::new("target/bench").join(entry.file_name())).doing("keeping logs")?;
            }
        }
        Ok(())
    }
}
