//! Times as the reader's wall clock shows them, and how long it is until then.

use jiff::ZonedDateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use minijinja::{Environment, Error, ErrorKind, State, Value, context};
use watchbell_core::Timestamp;
use watchbell_providers::phrase::Phrase;

use super::phrase::FOLDER;
use super::templates;
use super::text::one_line;

const DAYS_DE: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
const MONTHS_DE: [&str; 12] =
    ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];

pub fn register(templates: &mut Environment<'static>) {
    templates.add_filter("local_time", |state: &State<'_, '_>, value: Value, form: Option<String>| -> Result<String, Error> {
        let at = time(&value)?.to_jiff().to_zoned_datetime(zone(state));
        let form = Form::parse(form.as_deref().unwrap_or("full"))?;
        let locale = Locale::of(state);
        strtime::format(locale.pattern(form, &at), &at).map_err(|error| wrong(error.to_string()))
    });
    templates.add_filter("remaining", |state: &State<'_, '_>, value: Value| -> Result<String, Error> {
        let ms = time(&value)?.ms_since(time(&state.lookup("now").unwrap_or_default())?);
        remaining(state, ms)
    });
}

fn wrong(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

/// Epoch milliseconds, as events hold them, or RFC 3339.
fn time(value: &Value) -> Result<Timestamp, Error> {
    match (value.as_i64(), value.as_str()) {
        (Some(ms), _) => Ok(Timestamp::from_millis(ms)),
        (None, Some(text)) => Timestamp::parse_rfc3339(text).map_err(|error| wrong(error.to_string())),
        (None, None) => Err(wrong("neither epoch milliseconds nor an RFC 3339 time".to_owned())),
    }
}

/// The reader's zone; UTC, which the text then says, if it is none that is known.
fn zone(state: &State<'_, '_>) -> TimeZone {
    let name = state.lookup("user").and_then(|user| user.get_attr("timezone").ok());
    name.as_ref().and_then(Value::as_str).and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Day, date, time and zone.
    Full,
    /// Time and zone.
    Time,
    Date,
    Spoken,
}

impl Form {
    fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "full" => Ok(Self::Full),
            "time" => Ok(Self::Time),
            "date" => Ok(Self::Date),
            "spoken" => Ok(Self::Spoken),
            _ => Err(wrong("local_time's form is one of full, time, date, spoken".to_owned())),
        }
    }
}

/// How a language and country write times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Locale {
    English,
    American,
    German,
    /// A language that only a folder's templates speak: ISO 8601.
    Other,
}

impl Locale {
    /// By the text's language, which has the reader's country where it is the reader's language too.
    fn of(state: &State<'_, '_>) -> Self {
        let language = lang(state);
        match language.split('-').next().unwrap_or_default() {
            "en" if language.starts_with("en-us") => Self::American,
            "en" => Self::English,
            "de" => Self::German,
            _ => Self::Other,
        }
    }

    fn pattern(self, form: Form, at: &ZonedDateTime) -> String {
        let german_day = DAYS_DE[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
        let german_month = MONTHS_DE[usize::from(at.month().unsigned_abs()).saturating_sub(1) % 12];
        match (self, form) {
            (Self::English, Form::Full) => "%a %-d %b %Y, %H:%M %Z".to_owned(),
            (Self::English | Self::Other, Form::Time) => "%H:%M %Z".to_owned(),
            (Self::English, Form::Date) => "%a %-d %b %Y".to_owned(),
            (Self::English, Form::Spoken) => "%A %-d %B at %-H:%M".to_owned(),
            (Self::American, Form::Full) => "%a, %b %-d, %Y, %-I:%M %p %Z".to_owned(),
            (Self::American, Form::Time) => "%-I:%M %p %Z".to_owned(),
            (Self::American, Form::Date) => "%a, %b %-d, %Y".to_owned(),
            (Self::American, Form::Spoken) => "%A, %B %-d, at %-I:%M %p".to_owned(),
            (Self::German, Form::Full) => format!("{}, %d.%m.%Y, %H:%M Uhr (%Z)", &german_day[..2]),
            (Self::German, Form::Time) => "%H:%M Uhr (%Z)".to_owned(),
            (Self::German, Form::Date) => format!("{}, %d.%m.%Y", &german_day[..2]),
            (Self::German, Form::Spoken) => {
                format!("{german_day}, %-d. {german_month}, %-H Uhr{}", if at.minute() == 0 { "" } else { " %-M" })
            }
            (Self::Other, Form::Full | Form::Spoken) => "%Y-%m-%d %H:%M %Z".to_owned(),
            (Self::Other, Form::Date) => "%Y-%m-%d".to_owned(),
        }
    }
}

/// The language of the text, in lower case.
fn lang(state: &State<'_, '_>) -> String {
    state.lookup("lang").as_ref().and_then(Value::as_str).unwrap_or_default().to_lowercase()
}

/// "in 2 hours", "now", "5 minutes ago": to the minute, within two days; beyond that to the hour. The words are a phrase of the
/// text's language.
fn remaining(state: &State<'_, '_>, ms: i64) -> Result<String, Error> {
    const MINUTES_A_DAY: i64 = 24 * 60;
    let total = (ms.saturating_abs().saturating_add(30_000)) / 60_000;
    let total = if total >= 2 * MINUTES_A_DAY { (total + 30) / 60 * 60 } else { total };
    let (days, rest) = if total >= 2 * MINUTES_A_DAY { (total / MINUTES_A_DAY, total % MINUTES_A_DAY) } else { (0, total) };
    let words = templates::find(state.env(), &lang(state), FOLDER, Phrase::Remaining.file());
    let (_, words) = words.ok_or_else(|| wrong("there are no words for it".to_owned()))?;
    let vars = context! { is_past => ms < 0, days, hours => rest / 60, minutes => rest % 60 };
    words.render(vars).map(|text| one_line(&text))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    #[test]
    fn remaining_times_are_true() {
        let table = [
            (0, "now", "jetzt"),
            (29_999, "now", "jetzt"),
            (30_000, "in 1 minute", "in 1 Minute"),
            (45 * MINUTE, "in 45 minutes", "in 45 Minuten"),
            (60 * MINUTE, "in 1 hour", "in 1 Stunde"),
            (90 * MINUTE, "in 1 hour 30 minutes", "in 1 Stunde 30 Minuten"),
            (24 * 60 * MINUTE, "in 24 hours", "in 24 Stunden"),
            (48 * 60 * MINUTE, "in 2 days", "in 2 Tagen"),
            (51 * 60 * MINUTE + 10 * MINUTE, "in 2 days 3 hours", "in 2 Tagen 3 Stunden"),
            (-5 * MINUTE, "5 minutes ago", "vor 5 Minuten"),
        ];
        let mut templates = Environment::new();
        register(&mut templates);
        templates::load(&mut templates, None).unwrap();
        let remaining = |ms, lang| templates.render_str("{{ at | remaining }}", context! { at => DAY + ms, now => DAY, lang }).unwrap();
        for (ms, english, german) in table {
            assert_eq!((remaining(ms, "en-GB").as_str(), remaining(ms, "de-AT").as_str()), (english, german), "{ms}");
        }
        // A language that nobody wrote has the words of the last resort, as the rest of such a text.
        assert_eq!(remaining(0, "fr"), "now");
    }

    #[test]
    fn local_times_are_written_as_the_reader_does() {
        let mut templates = Environment::new();
        register(&mut templates);
        let table = [
            ("en", "en", "Europe/Berlin", "full", "Fri 20 Nov 2026, 09:00 CET"),
            ("en-US", "en-US", "America/New_York", "full", "Fri, Nov 20, 2026, 3:00 AM EST"),
            ("en-US", "en-US", "America/New_York", "spoken", "Friday, November 20, at 3:00 AM"),
            ("en", "en", "UTC", "spoken", "Friday 20 November at 8:00"),
            ("de-AT", "de", "Europe/Vienna", "full", "Fr, 20.11.2026, 09:00 Uhr (CET)"),
            ("de", "de", "Asia/Kolkata", "spoken", "Freitag, 20. November, 13 Uhr 30"),
            ("de", "de", "Europe/Berlin", "time", "09:00 Uhr (CET)"),
            ("fr", "en", "Europe/Paris", "date", "Fri 20 Nov 2026"),
            ("fr", "fr", "Europe/Paris", "full", "2026-11-20 09:00 CET"),
            // No such zone: the text says which one it is instead.
            ("en", "en", "Mars/Olympus", "time", "08:00 UTC"),
        ];
        for (locale, lang, timezone, form, expected) in table {
            let user = context! { locale, timezone };
            let text = templates.render_str("{{ '2026-11-20T08:00:00Z' | local_time(form) }}", context! { user, lang, form });
            assert_eq!(text.unwrap(), expected);
        }
        assert!(templates.render_str("{{ 'soon' | local_time }}", context! {}).is_err());
        assert!(templates.render_str("{{ 0 | local_time('long') }}", context! {}).is_err());
    }
}
