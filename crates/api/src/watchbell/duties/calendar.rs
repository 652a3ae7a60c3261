//! Shifts as iCalendar (RFC 5545).

use watchbell_core::Timestamp;
use watchbell_core::ids::digest;
use watchbell_store::directory::Shift;

/// The longest line, in octets and without its end (section 3.1).
const LINE_BYTES: usize = 75;

/// A calendar of shifts, called after whose they are.
pub(super) fn write(name: &str, shifts: &[Shift], now: Timestamp) -> String {
    let mut lines = Lines::default();
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Watchbell//Duties//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"] {
        lines.add(line);
    }
    lines.add(&format!("X-WR-CALNAME:{}", text(&format!("On duty: {name}"))));
    lines.add("REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    for shift in shifts {
        lines.add("BEGIN:VEVENT");
        // A shift's own id may be any text; a calendar's is compared as it stands.
        lines.add(&format!("UID:{}@watchbell", digest(&[&shift.id])));
        lines.add(&format!("DTSTAMP:{}", time(now)));
        lines.add(&format!("DTSTART:{}", time(shift.starts_at)));
        lines.add(&format!("DTEND:{}", time(shift.ends_at)));
        lines.add(&format!("SUMMARY:{}", text(&shift.schedule)));
        lines.add("TRANSP:TRANSPARENT");
        lines.add("END:VEVENT");
    }
    lines.add("END:VCALENDAR");
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A long line goes on in the next one, behind a blank.
    fn add(&mut self, line: &str) {
        let (mut rest, mut room) = (line, LINE_BYTES);
        while rest.len() > room {
            let (now, later) = rest.split_at(rest.floor_char_boundary(room));
            self.0.extend([now, "\r\n "]);
            (rest, room) = (later, LINE_BYTES - 1);
        }
        self.0.extend([rest, "\r\n"]);
    }
}

/// In UTC, to the second: `20261120T080000Z`.
fn time(at: Timestamp) -> String {
    let digits: String = at.to_string().chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("{}Z", digits.get(..15).unwrap_or(&digits))
}

/// Section 3.3.11. What no text may hold is left out.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use watchbell_core::UserId;

    use super::*;

    #[test]
    fn shifts_are_events_of_a_calendar() {
        let now = Timestamp::from_millis(1_795_161_600_123);
        let shift = Shift {
            id: "D-1".to_owned(),
            schedule: format!("Primary, EU;\n{}", "ä".repeat(60)),
            user_id: UserId(1),
            user_name: "Anna".to_owned(),
            starts_at: now.plus_s(3_600),
            ends_at: now.plus_s(7_200),
        };
        let written = write("Anna", &[shift], now);
        assert!(written.lines().all(|line| line.len() <= LINE_BYTES), "{written}");
        assert!(written.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n") && !written.replace("\r\n", "").contains(['\r', '\n']), "{written}");
        let unfolded = written.replace("\r\n ", "");
        for line in ["X-WR-CALNAME:On duty: Anna", "DTSTAMP:20261120T080000Z", "DTSTART:20261120T090000Z", "DTEND:20261120T100000Z"] {
            assert!(unfolded.contains(&format!("\r\n{line}\r\n")), "{line}: {unfolded}");
        }
        assert!(unfolded.contains(&format!("SUMMARY:Primary\\, EU\\;\\n{}\r\n", "ä".repeat(60))), "{unfolded}");
    }
}
