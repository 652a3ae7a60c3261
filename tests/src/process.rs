//! The real program, to be killed and frozen.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use reqwest::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::free_port;
use crate::client::Client;
use crate::settings::{ADMIN_KEY, Settings};
use crate::wait;

/// A running `watchbell` process; it is killed with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it wrote to standard error. Not through a file: a disk may be full.
    log: watch::Receiver<String>,
    reader: JoinHandle<()>,
    port: u16,
}

/// The clock of a machine, which is off by so many seconds; it can be set while a process runs.
#[derive(Debug)]
pub struct WrongClock {
    file: NamedTempFile,
}

impl WrongClock {
    pub fn ahead_by(seconds: i64) -> Self {
        let clock = Self { file: NamedTempFile::new().unwrap() };
        clock.set(seconds);
        clock
    }

    pub fn set(&self, ahead_s: i64) {
        std::fs::write(self.file.path(), format!("{ahead_s:+}\n")).unwrap();
    }
}

/// How a process ended, and what it wrote to standard error.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Process {
    /// Starts `watchbell serve` with more arguments, listening on a free port.
    pub fn serve(settings: &Settings, arguments: &[&str]) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new(program());
        command.arg("serve").args(arguments);
        Self::start(command, &settings, port)
    }

    /// As [`Process::serve`], on a machine whose clock stands elsewhere.
    pub fn serve_at(clock: &WrongClock, settings: &Settings, arguments: &[&str]) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new(program());
        command.arg("serve").args(arguments);
        command.env("LD_PRELOAD", std::env::var_os("WATCHBELL_TEST_FAKETIME").expect("`make test` sets it: libfaketime's file"));
        // Only what the wall shows is false: seconds are as long as ever.
        command.envs([("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("NO_FAKE_STAT", "1"), ("FAKETIME_NO_CACHE", "1")]);
        command.env("FAKETIME_TIMESTAMP_FILE", clock.file.path());
        Self::start(command, &settings, port)
    }

    /// As [`Process::serve`], by a shell that first has the signal for too large files ignored: writing then fails as on a
    /// full disk.
    pub fn serve_on_small_disk(settings: &Settings) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" serve"]).arg(program());
        Self::start(command, &settings, port)
    }

    /// As [`Process::serve`], by a shell that first lets it open no more than so many files.
    pub fn serve_with_few_files(settings: &Settings, files: u32) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {files}; exec \"$0\" serve")]).arg(program());
        Self::start(command, &settings, port)
    }

    /// As [`Process::serve`], by a shell that first sets the umask, such as `022`.
    pub fn serve_with_umask(settings: &Settings, umask: &str) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\"; exec \"$0\" serve"]).arg(program()).arg(umask);
        Self::start(command, &settings, port)
    }

    /// As [`Process::serve_on_small_disk`], and without root's right to write what is read-only.
    pub fn serve_without_privileges(settings: &Settings) -> Self {
        let port = free_port();
        let mut settings = settings.clone();
        settings.set("HTTP__LISTEN", &format!("127.0.0.1:{port}"));
        let mut command = Command::new("sh");
        let without = "--bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search";
        let script = format!("trap '' XFSZ; if [ \"$(id -u)\" = 0 ]; then exec setpriv {without} \"$0\" serve; fi; exec \"$0\" serve");
        command.args(["-c", &script]).arg(program());
        Self::start(command, &settings, port)
    }

    /// Starts `watchbell` with any arguments.
    pub fn run(settings: &Settings, arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments);
        Self::start(command, settings, 0)
    }

    fn start(mut command: Command, settings: &Settings, port: u16) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WATCHBELL_") {
                command.env_remove(name);
            }
        }
        command.envs(settings.variables());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{} cannot be started: {error}", program().display()));
        let (said, log) = watch::channel(String::new());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                said.send_modify(|log| log.extend([&line, "\n"]));
            }
        });
        Self { child, log, reader, port }
    }

    /// An admin's client of it.
    pub fn api(&self) -> Client {
        Client::new(format!("http://127.0.0.1:{}", self.port), ADMIN_KEY)
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&mut self) {
        let api = self.api();
        wait::until("the process to be ready", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the process ended ({status}) before it was ready:\n{}", self.log());
            }
            api.try_call(Method::GET, "/-/ready", &[], None).await.is_some_and(|answer| answer.status == 200)
        })
        .await;
    }

    /// Waits for a line in the log, for processes without an API.
    pub async fn logged(&self, words: &str) {
        let mut log = self.log.clone();
        let logged = log.wait_for(|log| log.contains(words));
        let found = tokio::time::timeout(wait::PATIENCE, logged).await.is_ok_and(|found| found.is_ok());
        assert!(found, "waited in vain for {words:?} in the log:\n{}", self.log());
    }

    /// What it has written to standard error.
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// The end of the name under which it is known to the others: `host:pid`.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// SIGKILL, and waits until it is gone; what its pid was.
    pub async fn kill(&mut self) -> u32 {
        let pid = self.id();
        self.signal(Signal::KILL);
        wait::within("the killed process to be gone", self.child.wait()).await.unwrap();
        pid
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn terminate(mut self) -> Ended {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// SIGSTOP: it stands still until [`Process::thaw`].
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Lets no file of it grow beyond `bytes`; None lifts that.
    pub fn limit_files(&self, bytes: Option<u64>) {
        rustix::process::prlimit(Some(self.pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Ended {
        let status = wait::within("the process to end", self.child.wait()).await.unwrap();
        wait::within("the end of the log", &mut self.reader).await.unwrap();
        Ended { status, log: self.log() }
    }
}

/// A test that fails shows how each of its processes ended up.
impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "it stands with what the failed test says")]
    fn drop(&mut self) {
        const SHOWN: usize = 40;
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let ended = self.child.try_wait();
            eprintln!("a process ({ended:?}) wrote last:\n{}", lines[lines.len().saturating_sub(SHOWN)..].join("\n"));
        }
    }
}

impl Ended {
    /// It failed as an operator should see it: exit code 1 and one line that says why.
    #[track_caller]
    pub fn expect_one_line(&self, words: &str) {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        let lines: Vec<&str> = self.log.lines().collect();
        assert!(lines.len() == 1 && lines[0].contains(words), "one line with {words:?} expected:\n{}", self.log);
    }

    pub fn was_killed(&self) -> bool {
        self.status.signal().is_some()
    }
}

/// Runs a command against a server, with the client's key.
pub async fn watchbell(api: &Client, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WATCHBELL_") {
            command.env_remove(name);
        }
    }
    command.env("WATCHBELL_URL", api.base()).env("WATCHBELL_KEY", api.key()).args(arguments).output().await.unwrap()
}

/// What it said; it has to succeed.
#[track_caller]
pub fn said(output: &std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The program under test.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("WATCHBELL_TEST_BIN") {
        return path.into();
    }
    // …/target/debug/deps/main-0123456789abcdef: the program lies two folders up.
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(std::path::Path::parent).unwrap().join("watchbell");
    assert!(
        path.is_file(),
        "the watchbell program is not at {}: build it by `cargo build -p watchbell`, or name it in WATCHBELL_TEST_BIN; `make test` does",
        path.display()
    );
    path
}
