//! What monitoring tools send, read as Watchbell's events.
//!
//! A tool posts its own payload to `/watchbell/v1/intake/{name}`; `[intake.NAME]` of the configuration says which
//! [`Dialect`] it speaks, and by templates whom its alerts are for. A request is read in two steps, both pure: the
//! dialect makes [`Report`]s of the payload, the [`Mapping`] makes CloudEvents of those, the same as anybody publishes. So
//! what decoding repairs, it repairs for all of them. The API accepts the events, and lets the dialect answer as the original does.
//!
//! Nothing here turns an alert away for something that it lacks: what no template maps goes to `default_responders`.

use std::net::SocketAddr;

mod dialect;
mod form;
mod mail;
mod mapping;
mod report;
mod settings;

pub use self::dialect::{Answer, Dialect, Found, Question, Reading, Request, State, Taken, Unreadable};
pub use self::mapping::{Events, Mapping, source_of};
pub use self::report::{Report, What};
pub use self::settings::{Invalid, Settings};

/// One table `[intake.NAME]`, ready to read with.
#[derive(Debug)]
pub struct Intake {
    pub name: String,
    pub dialect: Dialect,
    pub mapping: Mapping,
    /// Where mails are taken.
    pub listen: Option<SocketAddr>,
}

impl Intake {
    /// # Errors
    /// A setting that cannot be used, by its key.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, Invalid> {
        Ok(Self {
            name: name.to_owned(),
            dialect: settings.kind,
            mapping: Mapping::new(name, settings)?,
            listen: settings.listen.parse().ok(),
        })
    }

    /// What a request says.
    ///
    /// # Errors
    /// The payload is none of the tool's; the dialect's [`Dialect::refuse`] words it for the client.
    pub fn read(&self, request: &Request<'_>) -> Result<Reading, Unreadable> {
        self.dialect.read(request, self.mapping.generic())
    }
}
