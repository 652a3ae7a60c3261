//! Logs on standard error, as text or JSON.
//!
//! `RUST_LOG` stands above `[log] level`, so that one run can be looked at closely without touching the configuration.

use std::io::IsTerminal;
use std::sync::Once;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Starts logging, and logs panics instead of printing them. A second call changes nothing: the first one's format stands.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(&log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(colours).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().try_init(),
    };
    if started.is_ok() {
        log_panics();
    }
}

/// A panic becomes one event with its place and message; the default hook, which would print it a second time and break a
/// JSON log, is replaced.
fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
            // The message is our own or a library's text; data of users never goes into one.
            let message = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(panic.place = place, panic.thread = thread, "panicked: {message}");
        }));
    });
}
