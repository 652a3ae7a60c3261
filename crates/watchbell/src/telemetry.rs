//! Logs on standard error, as text or JSON.
//!
//! `RUST_LOG` stands above `[log] level`, so that one run can be looked at closely without touching the configuration.
//!
//! Watchbell's own lines hold no address, token or text at any level. Libraries know no such rule: at `debug` and `trace` they
//! write what passes through them (events, headers with keys, mails, statements). So those lines come only from libraries that
//! the level names.

use std::io::IsTerminal;
use std::sync::Once;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// What the targets of all of Watchbell's crates begin with.
const OWN: &str = "watchbell";

/// Starts logging, and logs panics instead of printing them. A second call changes nothing: the first one's format stands.
pub fn start(log: &Log) {
    let from_variable = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let level = from_variable.filter(|text| EnvFilter::try_new(text).is_ok()).unwrap_or_else(|| log.level.clone());
    let filter = EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let libraries = Libraries::named_in(&level);
    let named = libraries.0.join(", ");
    let guard = filter_fn(move |metadata: &Metadata<'_>| libraries.lets_out(metadata.target(), *metadata.level()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(colours).finish().with(guard).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().with(guard).try_init(),
    };
    if started.is_ok() {
        log_panics();
        if !named.is_empty() {
            tracing::warn!(libraries = named, "libraries may write events, addresses and keys into this log, as its level names them");
        }
    }
}

/// The libraries that a level names for more than `info`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Libraries(Vec<String>);

impl Libraries {
    /// Reads `target[span{field=value}]=level` of each directive; what is not understood names nothing.
    fn named_in(level: &str) -> Self {
        let mut depth = 0_usize;
        let directives = level.split(|c: char| {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        let named = directives.filter_map(|directive| {
            let directive = directive.trim();
            let target = directive.split(['[', '=']).next().unwrap_or_default().trim();
            let level = directive.rsplit_once(']').map_or(directive, |(_, rest)| rest).rsplit_once('=').map(|(_, level)| level.trim());
            let is_library = !target.is_empty() && target.parse::<Level>().is_err() && !target.starts_with(OWN);
            // Without a level a target is let out whole.
            let is_open = level.is_none_or(|level| level.parse::<Level>().is_ok_and(|level| level > Level::INFO));
            (is_library && !target.eq_ignore_ascii_case("off") && is_open).then(|| target.to_owned())
        });
        Self(named.collect())
    }

    fn lets_out(&self, target: &str, level: Level) -> bool {
        level <= Level::INFO || target.starts_with(OWN) || self.0.iter().any(|named| target.starts_with(named.as_str()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_let_out_by_name_only() {
        let table: [(&str, &[&str]); 12] = [
            ("trace", &[]),
            ("TRACE", &[]),
            ("5", &[]),
            ("off", &[]),
            ("debug,watchbell_channels=trace", &[]),
            ("info,async_nats=info,sqlx=off", &[]),
            ("[delivery.send]=trace", &[]),
            ("trace,[delivery.send{id=a,b=c}]=trace", &[]),
            ("info,async_nats=trace", &["async_nats"]),
            ("warn, sqlx::query = DEBUG", &["sqlx::query"]),
            ("hyper[request]=trace,rustls[x{y=z}]=info", &["hyper"]),
            ("async_nats", &["async_nats"]),
        ];
        for (level, named) in table {
            assert_eq!(Libraries::named_in(level).0, named, "{level}");
        }
        let libraries = Libraries::named_in("trace,async_nats=trace");
        let table = [
            ("watchbell_store::sql", Level::TRACE, true),
            ("async_nats::connection", Level::TRACE, true),
            ("sqlx::query", Level::INFO, true),
            ("sqlx::query", Level::DEBUG, false),
            ("hyper_util::client", Level::TRACE, false),
            ("log", Level::TRACE, false),
        ];
        for (target, level, is_out) in table {
            assert_eq!(libraries.lets_out(target, level), is_out, "{target} {level}");
        }
    }
}
