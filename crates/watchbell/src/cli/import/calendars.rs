//! What becomes of another system's schedules: their calendars, as the configuration names them.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::super::export::write_private;
use super::line;
use crate::cli::Error;

#[derive(Debug, Args)]
pub struct Calendars {
    /// Write the schedules' calendars to this file, as the configuration takes them; the addresses in it are secrets
    #[arg(long, value_name = "FILE")]
    calendars: Option<PathBuf>,
}

/// A schedule that is published as a calendar.
#[derive(Debug)]
pub struct Feed {
    pub schedule: String,
    /// Whoever has it can read the calendar.
    pub url: String,
}

impl Calendars {
    pub fn are_wanted(&self) -> bool {
        self.calendars.is_some()
    }

    pub fn write(&self, feeds: &[Feed]) -> Result<(), Error> {
        let Some(file) = &self.calendars else { return Ok(()) };
        let name = file.display().to_string();
        write_private(file, &text(feeds)).map_err(|error| Error::File { what: "write", file: name.clone(), why: error.to_string() })?;
        Ok(line(&format!("{} calendars written to {name}, for the configuration", feeds.len()))?)
    }
}

/// Tables whose names are the schedules', as far as a name can be.
fn text(feeds: &[Feed]) -> String {
    let mut text = String::new();
    let mut names: Vec<String> = Vec::new();
    for Feed { schedule, url } in feeds {
        let plain: String = schedule.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let plain = if plain.is_empty() { "schedule".to_owned() } else { plain };
        let same = names.iter().filter(|name| **name == plain).count();
        let table = if same == 0 { plain.clone() } else { format!("{plain}-{}", same + 1) };
        names.push(plain);
        let (schedule, url) = (toml::Value::from(schedule.as_str()), toml::Value::from(url.as_str()));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "[calendars.{table}]\nschedule = {schedule}\nurl = {url}\n");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_is_a_table() {
        let feed = |schedule: &str| Feed { schedule: schedule.to_owned(), url: "webcal://example.org/a?b=\"c\"".to_owned() };
        let text = text(&[feed("Primary (EU)"), feed("primary eu"), feed("日")]);
        let read: toml::Table = text.parse().unwrap_or_default();
        let tables = read["calendars"].as_table().map(|tables| tables.keys().cloned().collect::<Vec<_>>());
        assert_eq!(tables.unwrap_or_default(), ["primary-eu", "primary-eu-2", "schedule"]);
        assert_eq!(read["calendars"]["primary-eu"]["schedule"].as_str(), Some("Primary (EU)"));
        assert_eq!(read["calendars"]["schedule"]["url"].as_str(), Some("webcal://example.org/a?b=\"c\""));
    }
}
