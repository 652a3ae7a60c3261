//! `make bench`: how fast Watchbell is, beside a bare pipeline on the same machine in the same run.
//!
//! One program with four roles, each a process of its own, so that what each costs can be read from `/proc`:
//! [`receiver`] stands in for all providers and notes what arrives, [`load`] publishes alerts, [`limit`] is the bare pipeline
//! that Watchbell is compared with, and [`driver`] starts everything, runs the parts and prints the table.

#![cfg(target_os = "linux")]

mod clock;
mod driver;
mod error;
mod limit;
mod load;
mod receiver;
mod stamp;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Doing, Error};

#[derive(Debug, Parser)]
#[command(about = "How fast Watchbell is, beside a bare pipeline on the same machine")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run the parts of the benchmark and print the table
    Run(driver::Arguments),
    /// Stand in for all providers
    Receiver,
    /// Publish alerts
    Load(load::Arguments),
    /// Be the bare pipeline
    Limit(limit::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Fails only if a provider is installed already, which then does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(arguments.role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error::say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(role: Role) -> Result<(), Error> {
    // One thread is enough for who only receives or publishes, and leaves the rest of the machine to what is measured.
    let mut runtime = match role {
        Role::Receiver | Role::Load(_) => tokio::runtime::Builder::new_current_thread(),
        Role::Run(_) | Role::Limit(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(|error| Error::new("cannot start", error))?;
    runtime.block_on(async {
        match role {
            // Told to stop, it ends by dropping what it has: its processes are killed, its folder is removed.
            Role::Run(arguments) => tokio::select! {
                result = driver::run(arguments) => result,
                signal = told_to_stop() => Err(signal.map_or_else(|error| error, |()| Error::says("told to stop"))),
            },
            Role::Receiver => receiver::run().await,
            Role::Load(arguments) => load::run(arguments).await,
            Role::Limit(arguments) => limit::run(arguments).await,
        }
    })
}

/// Ends with SIGTERM or SIGINT.
async fn told_to_stop() -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).doing("listening for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).doing("listening for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
