//! The processes that are measured; each is killed with its value.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::error::{Doing, Error};

/// No process needs longer to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Process {
    child: Child,
    said: Option<Lines<BufReader<ChildStdout>>>,
    pid: u32,
}

impl Process {
    /// Starts `command`; what it writes to standard error is appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, Error> {
        let log = std::fs::File::options().create(true).append(true).open(log).doing("opening a log")?;
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WATCHBELL_") && !command.as_std().get_envs().any(|(set, _)| set == name) {
                command.env_remove(name);
            }
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn();
        let mut child = child.doing(&format!("starting {}", command.as_std().get_program().display()))?;
        let said = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let pid = child.id().ok_or_else(|| Error::says("a process ended at once"))?;
        Ok(Self { child, said, pid })
    }

    /// Another role of this program.
    pub fn role<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, log: &Path) -> Result<Self, Error> {
        let mut command = Command::new(std::env::current_exe().doing("finding this program")?);
        command.args(arguments);
        Self::start(command, log)
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The next line that it says, `within` a time.
    pub async fn line(&mut self, within: Duration) -> Result<String, Error> {
        let said = self.said.as_mut().ok_or_else(|| Error::says("the process says nothing"))?;
        let line = tokio::time::timeout(within, said.next_line()).await.doing("waiting for a process")?.doing("reading from a process")?;
        line.ok_or_else(|| Error::says("a process ended; its log says why"))
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.child.kill().await.doing("killing a process")
    }

    /// SIGTERM, and waits until it has ended; kills it where it does not.
    pub async fn stop(mut self) -> Result<(), Error> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // It may have ended already.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(drop).doing("waiting for a process"),
            Err(_) => self.kill().await,
        }
    }
}
