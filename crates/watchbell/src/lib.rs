//! The Watchbell binary: configuration, wiring, command line and telemetry
