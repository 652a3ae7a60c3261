//! How long a wait is: seconds, or a text of hours, minutes and seconds; one of five.

use std::fmt::Write as _;

use serde_json::Value;

/// What a wait is unless told, in seconds.
pub(crate) const USUAL_S: i64 = 300;

/// The five, as texts and in seconds.
pub(crate) const CHOICES: [(&str, i64); 5] = [("0:01:00", 60), ("0:05:00", 300), ("0:15:00", 900), ("0:30:00", 1800), ("1:00:00", 3600)];

/// The longest and shortest time that the original can name, in days.
const DAYS: i128 = 999_999_999;
const MICROS_A_DAY: i128 = 86_400_000_000;

/// A duration as a text, whether or not it is one of the five; None for what is no duration.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => is_clock(text).then(|| text.clone()),
        Value::Bool(one) => Some(written(i128::from(*one) * 1_000_000)),
        Value::Number(number) => {
            let micros = match number.as_i64() {
                Some(seconds) => i128::from(seconds) * 1_000_000,
                #[expect(clippy::cast_possible_truncation, reason = "too large a float becomes the largest integer, which is refused")]
                None => (number.as_f64()? * 1e6).round_ties_even() as i128,
            };
            (-DAYS..=DAYS).contains(&micros.div_euclid(MICROS_A_DAY)).then(|| written(micros))
        }
        _ => None,
    }
}

/// The seconds of a text that is one of the five.
pub(super) fn seconds(text: &str) -> Option<i64> {
    CHOICES.iter().find(|(name, _)| *name == text).map(|(_, seconds)| *seconds)
}

/// Whether a text is a time of day: hours, minutes and seconds (up to 61, for leap seconds), each of one or two digits.
fn is_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let within = |part: &str, most: u8| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse().is_ok_and(|n: u8| n <= most)
    };
    matches!(parts.as_slice(), [hours, minutes, seconds] if within(hours, 23) && within(minutes, 59) && within(seconds, 61))
}

/// `1 day, 1:00:00.500000`, the days and the fraction only where there are any.
fn written(micros: i128) -> String {
    let (days, rest) = (micros.div_euclid(MICROS_A_DAY), micros.rem_euclid(MICROS_A_DAY));
    let mut text = String::new();
    if days != 0 {
        let plural = if days.abs() == 1 { "" } else { "s" };
        // Writing to a String does not fail.
        let _ = write!(text, "{days} day{plural}, ");
    }
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let _ = write!(text, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let _ = write!(text, ".{fraction:06}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_written_as_the_original_writes_them() {
        let table = [
            (json!(60), Some("0:01:00")),
            (json!(60.0), Some("0:01:00")),
            (json!(60.5), Some("0:01:00.500000")),
            (json!(600), Some("0:10:00")),
            (json!(-60), Some("-1 day, 23:59:00")),
            (json!(90_000), Some("1 day, 1:00:00")),
            (json!(172_800), Some("2 days, 0:00:00")),
            (json!(true), Some("0:00:01")),
            (json!("0:15:00"), Some("0:15:00")),
            (json!("00:15:00"), Some("00:15:00")),
            (json!("300"), None),
            (json!("0:15"), None),
            (json!("24:00:00"), None),
            (json!("0:60:00"), None),
            (json!("0:00:62"), None),
            (json!("0:15:00 "), None),
            (json!("+0:15:00"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([300]), None),
            (json!({}), None),
            (json!(i64::MAX), None),
            (json!(i64::MIN), None),
            (json!(u64::MAX), None),
            (json!(1e300), None),
        ];
        for (value, expected) in table {
            assert_eq!(text(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn five_texts_are_durations_of_a_wait() {
        let five: Vec<Option<i64>> = [60, 300, 900, 1800, 3600].map(|s| text(&json!(s)).as_deref().and_then(seconds)).to_vec();
        assert_eq!(five, [Some(60), Some(300), Some(900), Some(1800), Some(3600)]);
        assert_eq!(seconds("00:15:00"), None);
    }
}
