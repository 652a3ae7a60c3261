//! The names that Ruby on Rails gives to time zones, which some of `PagerDuty`'s users still have.

use std::borrow::Cow;

use watchbell_core::user::parse_timezone;

/// Those whose name is not the last part of the zone's own; as `ActiveSupport::TimeZone` has them.
const NAMES: &[(&str, &str)] = &[
    ("International Date Line West", "Etc/GMT+12"),
    ("Midway Island", "Pacific/Midway"),
    ("American Samoa", "Pacific/Pago_Pago"),
    ("Hawaii", "Pacific/Honolulu"),
    ("Alaska", "America/Juneau"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Arizona", "America/Phoenix"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Saskatchewan", "America/Regina"),
    ("Guadalajara", "America/Mexico_City"),
    ("Central America", "America/Guatemala"),
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Indiana (East)", "America/Indiana/Indianapolis"),
    ("Quito", "America/Lima"),
    ("Atlantic Time (Canada)", "America/Halifax"),
    ("Newfoundland", "America/St_Johns"),
    ("Brasilia", "America/Sao_Paulo"),
    ("Georgetown", "America/Guyana"),
    ("Greenland", "America/Nuuk"),
    ("Mid-Atlantic", "Atlantic/South_Georgia"),
    ("Cape Verde Is.", "Atlantic/Cape_Verde"),
    ("Edinburgh", "Europe/London"),
    ("Bern", "Europe/Zurich"),
    ("West Central Africa", "Africa/Algiers"),
    ("Pretoria", "Africa/Johannesburg"),
    ("St. Petersburg", "Europe/Moscow"),
    ("Abu Dhabi", "Asia/Muscat"),
    ("Ekaterinburg", "Asia/Yekaterinburg"),
    ("Islamabad", "Asia/Karachi"),
    ("Chennai", "Asia/Kolkata"),
    ("Mumbai", "Asia/Kolkata"),
    ("New Delhi", "Asia/Kolkata"),
    ("Sri Jayawardenepura", "Asia/Colombo"),
    ("Astana", "Asia/Almaty"),
    ("Hanoi", "Asia/Bangkok"),
    ("Beijing", "Asia/Shanghai"),
    ("Osaka", "Asia/Tokyo"),
    ("Sapporo", "Asia/Tokyo"),
    ("Solomon Is.", "Pacific/Guadalcanal"),
    ("New Caledonia", "Pacific/Noumea"),
    ("Marshall Is.", "Pacific/Majuro"),
    ("Wellington", "Pacific/Auckland"),
    ("Nuku'alofa", "Pacific/Tongatapu"),
    ("Tokelau Is.", "Pacific/Fakaofo"),
    ("Chatham Is.", "Pacific/Chatham"),
    ("Samoa", "Pacific/Apia"),
];

const AREAS: [&str; 7] = ["Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic"];

/// The zone's own name, where a zone is known by the one given; else what was given.
pub fn iana(name: &str) -> Cow<'_, str> {
    if let Some((_, zone)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Cow::Borrowed(zone);
    }
    if parse_timezone(name).is_ok() {
        return Cow::Borrowed(name);
    }
    let city = name.replace(' ', "_");
    let zone = AREAS.iter().map(|area| format!("{area}/{city}")).find(|zone| parse_timezone(zone).is_ok());
    zone.map_or(Cow::Borrowed(name), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_zone() {
        for (name, _) in NAMES {
            assert!(parse_timezone(&iana(name)).is_ok(), "{name}");
        }
        let cases = [("Berlin", "Europe/Berlin"), ("Mexico City", "America/Mexico_City"), ("Samoa", "Pacific/Apia"), ("UTC", "UTC")];
        for (name, zone) in cases {
            assert_eq!(iana(name), zone);
        }
        for same in ["Europe/Berlin", "Atlantis", ""] {
            assert_eq!(iana(same), same);
        }
    }
}
