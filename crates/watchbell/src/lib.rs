//! The Watchbell binary: configuration, wiring, command line and telemetry.

pub mod cli;
pub mod config;
pub mod serve;
pub mod telemetry;
