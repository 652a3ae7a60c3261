//! A PostgreSQL server of the test's own, to be killed.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::wait;

/// A server; it is killed with this value, and its folder is gone.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl PostgresServer {
    pub async fn start() -> Self {
        let programs = std::env::var_os("WATCHBELL_TEST_POSTGRES_BIN").expect(
            "WATCHBELL_TEST_POSTGRES_BIN is not set: this test starts a PostgreSQL server of its own and needs the folder with initdb and \
             postgres; `make test` sets it",
        );
        let programs = PathBuf::from(programs);
        // In /tmp, where the server's user gets to, and with a name short enough for a unix socket.
        let folder = tempfile::Builder::new().prefix("wb-pg.").tempdir_in("/tmp").unwrap();
        let mut server = Self { folder, programs, port: free_port(), child: None };
        server.give_folder_away().await;
        let mut initdb = server.program("initdb");
        initdb.arg("--pgdata").arg(server.data()).args([
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        let output = initdb.output().await.unwrap();
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        server.up().await;
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who may log in, as lines of `pg_hba.conf` that come before "everybody".
    pub fn set_logins(&self, lines: &str) {
        let everybody = "host all all 127.0.0.1/32 trust\nlocal all all trust\n";
        std::fs::write(self.data().join("pg_hba.conf"), format!("{lines}\n{everybody}")).unwrap();
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and returns when it takes connections.
    pub async fn up(&mut self) {
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c"]);
        postgres.arg(format!("port={}", self.port)).arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        // Only the processes are killed, never the machine: what was written is there without fsync.
        postgres.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut child = postgres.stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn().unwrap();
        wait::until("PostgreSQL to be ready", async || {
            assert!(child.try_wait().unwrap().is_none(), "PostgreSQL ended:\n{}", self.log());
            // The eighth line says how far it is.
            let status = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            status.lines().nth(7).is_some_and(|line| line.starts_with("ready"))
        })
        .await;
        self.child = Some(child);
    }

    /// SIGKILL to the server; its own processes notice and end.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
        // A crash leaves this behind; the next start would believe it for a moment.
        std::fs::remove_file(self.data().join("postmaster.pid")).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// One of PostgreSQL's programs; as root by another user, because they refuse root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(path).env("HOME", self.folder.path());
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    async fn give_folder_away(&self) {
        if is_root() {
            let status = Command::new("chown").arg("postgres").arg(self.folder.path()).status().await.unwrap();
            assert!(status.success(), "chown to the postgres user failed: PostgreSQL refuses to run as root");
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
