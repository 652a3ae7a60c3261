//! The command line: what there is to type, and how it ends.
//!
//! Exit codes: 0 done, 1 it went wrong, 2 it was typed wrong. What goes wrong is one clear line on standard error (a wrong
//! configuration: one for each problem), without a backtrace. Every command but `serve`, `demo` and `check-config` speaks HTTP to
//! a running server; none opens the database.

mod apply;
mod check_config;
mod client;
mod dead_letters;
mod deliveries;
mod demo;
mod event;
mod explain;
mod export;
mod health;
mod import;
mod keys;
mod lint;
mod output;
mod provider;
mod reference;
mod rules;
mod serve;
mod transfer;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Invalid;

/// Decides who hears about what, when, and through which channel.
#[derive(Debug, Parser)]
#[command(name = "watchbell", bin_name = "watchbell", version, about, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server, or some of its roles
    Serve(serve::Serve),
    /// Say whether the configuration can be used, and if not, all that is wrong with it
    CheckConfig(check_config::CheckConfig),
    /// Publish an event
    #[command(subcommand)]
    Event(event::Event),
    /// See what was sent to whom, and why
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// What a user was told of an event and why, or what they would be told
    Explain(explain::Explain),
    /// See, replay or throw away events that could not be used
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    /// See, make or take away API keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// See, make, change or take away a user's rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Say what today's rules would leave untold
    Lint(lint::Lint),
    /// See how providers do, or try one before it matters
    #[command(subcommand)]
    Provider(provider::Providers),
    /// Write all that users have said to a file, to be imported elsewhere
    Export(export::Export),
    /// Take over what users have said: from Grafana OnCall, or from an export
    #[command(subcommand)]
    Import(import::Import),
    /// Make users be what a file says of them
    Apply(apply::Apply),
    /// Ask a server whether it is ready
    Health(health::Health),
    /// Run a server with a demo team, publish a small story and show what happens
    Demo(demo::Demo),
    /// Print what a shell completes commands by
    Completions(reference::Completions),
    /// Print the manual page
    Man(reference::Man),
}

/// How a command fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Config(#[from] Invalid),
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("{0}")]
    Serve(#[from] crate::serve::Error),
    #[error(transparent)]
    Demo(#[from] demo::Error),
    #[error("cannot start: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("cannot {what} {file}: {why}")]
    File { what: &'static str, file: String, why: String },
    #[error("{url}: {why}")]
    Source { url: String, why: client::Error },
    #[error("there is no command {0:?}; see --help")]
    NoCommand(String),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    /// The answer has been given on standard output already.
    #[error("")]
    Told,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs one command line, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage::answer(&error),
    };
    // Fails only if a provider is installed already, which then does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime);
    let result = runtime.and_then(|runtime| runtime.block_on(arguments.command.run()));
    match result {
        Ok(()) | Err(Error::Told) => {}
        // `watchbell deliveries list | head` has all it wants.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(ref error) => output::fail(error),
    }
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Command {
    async fn run(self) -> Result<(), Error> {
        match self {
            Self::Serve(command) => command.run().await,
            Self::CheckConfig(command) => command.run(),
            Self::Event(command) => command.run().await,
            Self::Deliveries(command) => command.run().await,
            Self::Explain(command) => command.run().await,
            Self::DeadLetters(command) => command.run().await,
            Self::Keys(command) => command.run().await,
            Self::Rules(command) => command.run().await,
            Self::Lint(command) => command.run().await,
            Self::Provider(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Apply(command) => command.run().await,
            Self::Health(command) => command.run().await,
            Self::Demo(command) => command.run().await,
            Self::Completions(command) => command.run(Arguments::command()),
            Self::Man(command) => command.run(Arguments::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
