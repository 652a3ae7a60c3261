//! Components (section 3.4): the entries of a calendar, and the time zones that it defines itself.

use crate::NoCalendar;
use crate::lines::{Property, properties};

/// Components stand in one another no deeper than this in any calendar: alarms in entries in calendars.
const DEEPEST: usize = 8;

/// What a text holds, before any of it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The `VEVENT`s, without what stands in them (alarms).
    pub entries: Vec<Component>,
    pub zones: Vec<Zone>,
    /// The zone in which a calendar is shown (`X-WR-TIMEZONE`), which several services mean where a time names none.
    pub shown_in: Option<String>,
}

/// The properties of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component(pub Vec<Property>);

impl Component {
    pub fn first(&self, name: &str) -> Option<&Property> {
        self.0.iter().find(|property| property.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.0.iter().filter(move |property| property.name == name)
    }

    /// A text that says something.
    pub fn text(&self, name: &str) -> Option<String> {
        self.first(name).map(Property::text).filter(|text| !text.is_empty())
    }
}

/// A `VTIMEZONE`: its name, and what it observes when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone {
    pub id: String,
    pub observances: Vec<Component>,
}

/// Takes a text apart.
///
/// # Errors
/// It is no calendar, or not the whole of one: what is missing at its end must not look as if it had been deleted.
pub(crate) fn contents(bytes: &[u8]) -> Result<Contents, NoCalendar> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    let mut contents = Contents::default();
    let mut open: Vec<String> = Vec::new();
    let mut has_begun = false;
    for property in properties(bytes) {
        let component = property.value.trim().to_ascii_uppercase();
        match (property.name.as_str(), open.len()) {
            ("BEGIN", 0) if component != "VCALENDAR" => return Err(NoCalendar::Other),
            ("BEGIN", DEEPEST..) => return Err(NoCalendar::Broken),
            ("BEGIN", depth) => {
                match (component.as_str(), depth) {
                    ("VEVENT", 1) => contents.entries.push(Component::default()),
                    ("VTIMEZONE", 1) => contents.zones.push(Zone::default()),
                    ("STANDARD" | "DAYLIGHT", 2) if open[1] == "VTIMEZONE" => {
                        contents.zones.last_mut().ok_or(NoCalendar::Broken)?.observances.push(Component::default());
                    }
                    // An entry that never ended took the next one in.
                    ("VEVENT", _) => return Err(NoCalendar::Broken),
                    _ => {}
                }
                has_begun = true;
                open.push(component);
            }
            ("END", _) => {
                if open.pop().is_none_or(|begun| begun != component) {
                    return Err(NoCalendar::Broken);
                }
            }
            (_, 0) => return Err(if has_begun { NoCalendar::Broken } else { NoCalendar::Other }),
            (name, depth) => match (open[depth - 1].as_str(), depth) {
                ("VCALENDAR", 1) if name == "X-WR-TIMEZONE" => contents.shown_in = Some(property.text()),
                ("VEVENT", 2) => contents.entries.last_mut().ok_or(NoCalendar::Broken)?.0.push(property),
                ("VTIMEZONE", 2) if name == "TZID" => contents.zones.last_mut().ok_or(NoCalendar::Broken)?.id = property.text(),
                ("STANDARD" | "DAYLIGHT", 3) if open[1] == "VTIMEZONE" => {
                    let zone = contents.zones.last_mut().ok_or(NoCalendar::Broken)?;
                    zone.observances.last_mut().ok_or(NoCalendar::Broken)?.0.push(property);
                }
                _ => {}
            },
        }
    }
    match (has_begun, open.is_empty()) {
        (true, true) => Ok(contents),
        (true, false) => Err(NoCalendar::CutOff),
        (false, _) if bytes.is_empty() => Err(NoCalendar::Empty),
        (false, _) => Err(NoCalendar::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whole_calendar_is_none() {
        let whole = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nBEGIN:VALARM\r\nUID:2\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let read = contents(whole.as_bytes()).map(|contents| contents.entries[0].0.len());
        assert_eq!(read, Ok(1), "an alarm's properties are not the entry's");
        let table = [
            ("", NoCalendar::Empty),
            ("\u{feff} \r\n", NoCalendar::Empty),
            ("<!DOCTYPE html>\n<html style=\"a:b\">Sign in</html>", NoCalendar::Other),
            ("{\"error\":\"no\"}", NoCalendar::Other),
            ("BEGIN:VCARD\r\nEND:VCARD", NoCalendar::Other),
            ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nBEGIN:VEVENT\r\nUID:2\r\nEND:VEVENT\r\nEND:VCALENDAR", NoCalendar::Broken),
            ("BEGIN:VCALENDAR\r\nEND:VEVENT\r\nEND:VCALENDAR", NoCalendar::Broken),
        ];
        for (text, why) in table {
            assert_eq!(contents(text.as_bytes()), Err(why), "{text}");
        }
        // Wherever it breaks off: at no place does it pass for a whole one.
        for end in "BEGIN:VCALENDAR\r\n".len()..whole.trim_end().len() {
            let cut = contents(&whole.as_bytes()[..end]);
            assert!(matches!(cut, Err(NoCalendar::CutOff | NoCalendar::Broken)), "{end}: {cut:?}");
        }
    }
}
