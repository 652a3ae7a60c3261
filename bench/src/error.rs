//! How a benchmark fails: it says what it was doing, and ends.

use std::io::Write as _;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{doing}: {source}")]
    Doing {
        doing: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{0}")]
    Says(String),
}

impl Error {
    pub fn new(doing: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Doing { doing: doing.into(), source: source.into() }
    }

    pub fn says(what: impl Into<String>) -> Self {
        Self::Says(what.into())
    }
}

/// Says what was being done when it failed.
pub trait Doing<T> {
    fn doing(self, what: &str) -> Result<T, Error>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Error> {
        self.map_err(|source| Error::new(what, source))
    }
}

/// A line for whoever watches.
pub fn say(line: &str) {
    // Nobody may be watching any more.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line for the process that started this one, or the table for the reader.
pub fn print(line: &str) -> Result<(), Error> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).doing("writing to standard output")
}
