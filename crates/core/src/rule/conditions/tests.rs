#![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// What of `conditions` does not hold for an alert with these labels, of the category `db`, at that time in Berlin; the user is on duty
/// by `primary` from 8 to 16 UTC.
fn unmet(conditions: &str, labels: Option<&str>, now: &str) -> Option<String> {
    let conditions: Conditions = serde_json::from_str(conditions).unwrap();
    let labels: Option<Map<String, Value>> = labels.map(|labels| serde_json::from_str(labels).unwrap());
    let shift = Shift { schedule: "primary".to_owned(), starts_at: at("2026-12-01T08:00:00Z"), ends_at: at("2026-12-01T16:00:00Z") };
    let zone = crate::user::parse_timezone("Europe/Berlin").unwrap();
    let (category, priority) = (Some("db"), Some(Priority::High));
    let situation = Situation { labels: labels.as_ref(), category, priority, zone: &zone, shifts: &[shift] };
    conditions.unmet(&situation, at(now)).map(|unmet| unmet.to_string())
}

#[test]
fn every_condition_has_to_hold() {
    let noon = "2026-12-01T12:00:00Z";
    let labels = Some(r#"{"team":"db","port":5432,"env":"prod"}"#);
    let table = [
        ("{}", noon, None),
        (r#"{"labels":[{"label":"team","equals":"db"}]}"#, noon, None),
        (r#"{"labels":[{"label":"team","equals":"web"}]}"#, noon, Some("the label team = web")),
        (r#"{"labels":[{"label":"Team","equals":"db"}]}"#, noon, Some("the label Team = db")),
        (r#"{"labels":[{"label":"port","equals":"5432"}]}"#, noon, None),
        (r#"{"labels":[{"label":"env","oneOf":["stage","prod"]}]}"#, noon, None),
        (r#"{"labels":[{"label":"env","oneOf":["stage","test"]}]}"#, noon, Some("the label env to be one of stage, test")),
        (r#"{"labels":[{"label":"env","matches":"p.*"},{"label":"team","equals":"db"}]}"#, noon, None),
        (r#"{"labels":[{"label":"env","matches":"pro"}]}"#, noon, Some("the label env to match pro")),
        (r#"{"labels":[{"label":"host","matches":".*"}]}"#, noon, Some("the label host to match .*")),
        (r#"{"categories":["web","db"]}"#, noon, None),
        (r#"{"categories":["web","mail"]}"#, noon, Some("one of the categories web, mail")),
        (r#"{"priority":"LOW"}"#, noon, Some("an alert of LOW priority")),
        // 13:00 in Berlin.
        (r#"{"hours":{"start":"13:00","end":"14:00"}}"#, noon, None),
        (r#"{"hours":{"start":"12:00","end":"13:00","days":[2]}}"#, noon, Some("the hours 12:00–13:00 on Tue")),
        (r#"{"onDuty":{}}"#, noon, None),
        (r#"{"onDuty":{"schedule":"primary"}}"#, noon, None),
        (r#"{"onDuty":{"schedule":"secondary"}}"#, noon, Some("the user to be on duty by the schedule secondary")),
        (r#"{"onDuty":{}}"#, "2026-12-01T07:59:59Z", Some("the user to be on duty")),
        (r#"{"onDuty":{}}"#, "2026-12-01T16:00:00Z", Some("the user to be on duty")),
    ];
    for (conditions, now, wanted) in table {
        assert_eq!(unmet(conditions, labels, now).as_deref(), wanted, "{conditions}");
    }
}

#[test]
fn labels_that_cannot_be_known_keep_nobody_from_being_told() {
    let conditions = r#"{"labels":[{"label":"team","equals":"web"}]}"#;
    assert_eq!(unmet(conditions, None, "2026-12-01T12:00:00Z"), None);
    assert!(unmet(conditions, Some("{}"), "2026-12-01T12:00:00Z").is_some());
}

/// What a newer process wrote is not read as less than it says.
#[test]
fn conditions_that_are_not_known_are_no_conditions() {
    for unknown in [r#"{"moon":"full"}"#, r#"{"labels":[{"label":"team","unlike":"db"}]}"#, r#"{"onDuty":{"team":"x"}}"#] {
        assert!(serde_json::from_str::<Conditions>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn conditions_are_kept_as_they_were_said() {
    let said = r#"{"labels":[{"label":"env","matches":"p.*"},{"label":"team","oneOf":["db","web"]}],"categories":["db"],"priority":"HIGH","hours":{"start":"22:00","end":"07:00","days":[1,7]},"onDuty":{"schedule":"primary"}}"#;
    let read: Conditions = serde_json::from_str(said).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), said);
    assert!(!read.is_empty() && Conditions::default().is_empty());
}
