//! Each file in `cases/` is a configuration file, variables, and every line that they are answered with. After a wanted change:
//! `UPDATE_SNAPSHOTS=1 cargo test -p watchbell config`, and read the difference.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use watchbell_core::channel::join;
use watchbell_core::setting::Wrong;
use watchbell_providers::registry;

use super::*;

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, Invalid> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("watchbell.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::load(Some(&path), variables).map_err(|mut invalid| {
        for problem in &mut invalid.problems {
            for text in [&mut problem.place, &mut problem.sentence] {
                *text = text.replace(&format!("{}/", dir.path().display()), "");
            }
        }
        invalid
    })
}

fn fine(file: &str, variables: &[(&str, &str)]) -> Config {
    load(file, variables).unwrap()
}

#[test]
fn problems_are_told_as_in_the_cases() {
    let mut count = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/cases");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (given, expected) = text.split_once("== problems\n").unwrap();
        let (file, variables) = given.strip_prefix("== file\n").unwrap().split_once("== variables\n").unwrap();
        let variables: Vec<_> = variables.lines().map(|line| line.split_once('=').unwrap()).collect();
        let found = load(file, &variables).map_or_else(|invalid| format!("{invalid}\n"), |_| "none\n".to_owned());
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, format!("{given}== problems\n{found}")).unwrap();
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
        assert!(!found.contains("hunter2"), "a secret is shown: {found}");
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn the_defaults_are_what_the_design_says() {
    let config = Config::load(None, []).unwrap();
    assert_eq!(config.roles.len(), 4);
    assert!(config.admin_key.is_empty());
    assert_eq!((config.http.listen.as_str(), config.http.public_url()), ("127.0.0.1:8080", None));
    assert_eq!((config.http.rate_limit.key_per_minute, config.http.rate_limit.address_per_minute), (120, 700));
    assert!(config.database.is_sqlite());
    assert_eq!(nats_servers(&config.nats), ["nats://127.0.0.1:4222"]);
    assert_eq!((config.nats.stream.as_str(), config.nats.max_age_days), ("WATCHBELL", 7));
    assert_eq!(config.retry.high, watchbell_core::retry::RetryPolicy::high());
    assert_eq!(config.retry.normal, watchbell_core::retry::RetryPolicy::normal());
    assert_eq!((config.lease.heartbeat_s, config.lease.lease_s), (2, 6));
    assert_eq!((config.retention.deliveries_days, config.retention.events_days, config.retention.open_alerts_days), (90, 30, 7));
    assert_eq!((config.retention.dead_letters_days, config.retention.audit_days), (30, 365));
    assert_eq!(
        (config.bundling.first, config.bundling.first_calls, config.bundling.window_s, config.bundling.high_wait_s),
        (3, 1, 120, 15)
    );
    assert_eq!((config.scheduler.fallback_email, config.scheduler.alert_expiry_s), (FallbackEmail::All, 24 * 3_600));
    assert_eq!(config.scheduler.daily_digest_at(), jiff::civil::time(9, 0, 0, 0));
    assert_eq!((config.messaging.categories.len(), config.messaging.categories[0].as_str()), (8, "chat.message"));
    assert_eq!(config.limits.recipient[&Channel::Voice], Rate { calls: 1, per_s: 60 });
    let limited = config.limits.recipient.len() + 1;
    assert_eq!(limited, Channel::ALL.len(), "every channel but in-app has a limit");
    assert_eq!(
        join(&unserved(&config.channels)),
        "email, sms, voice, push, whatsapp, telegram, slack, teams, mattermost, discord, google_chat, matrix, webhook"
    );
}

/// What stands commented out in the defaults can be used once the mark is taken away, and nothing is left out.
#[test]
fn the_defaults_show_every_kind_of_provider_with_every_key() {
    let (_, examples) = DEFAULTS.split_once("\n# [providers.").unwrap();
    let examples: Vec<_> = format!("# [providers.{examples}").lines().map(|line| line.trim_start_matches(['#', ' ']).to_owned()).collect();
    let lines: Vec<_> = examples.iter().filter(|line| line.starts_with('[') || line.contains(" = ")).cloned().collect();
    let tables: toml::Table = lines.join("\n").parse().unwrap();
    let shown = tables["providers"].as_table().unwrap();
    assert_eq!(
        shown.keys().collect::<BTreeSet<_>>(),
        registry::kinds().iter().map(|kind| kind.name.to_owned()).collect::<BTreeSet<_>>().iter().collect()
    );
    // What an operator's own takes, its definition says.
    for (name, table) in shown.iter().filter(|(_, table)| !table.as_table().unwrap().contains_key("definition")) {
        let keys: serde_json::Map<_, _> = serde_json::to_value(table).unwrap().as_object().unwrap().clone();
        let keys: serde_json::Map<_, _> =
            keys.into_iter().map(|(key, value)| (key.strip_suffix("_file").map(str::to_owned).unwrap_or(key), value)).collect();
        ProviderSettings::read(keys.clone()).unwrap();
        let unknown = json!({ "kind": name, "?": 0 }).as_object().unwrap().clone();
        let Wrong::Unknown { known, .. } = ProviderSettings::read(unknown).unwrap_err().wrong else { panic!("{name} takes any key") };
        for key in known {
            assert!(keys.contains_key(&key), "{name} takes {key}, and config/default.toml does not show it");
        }
    }
}

#[test]
fn a_definition_is_found_beside_the_file_that_names_it_and_its_mistakes_have_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        "[providers.mygw]\nkind = \"http\"\ndefinition = \"gateways/mygw.toml\"\nkey = \"hunter2\"\n[channels.sms]\nproviders = [\"mygw\"]";
    let definition = "name = \"My gateway\"\n[settings.key]\ndoc = \"Its key\"\ntype = \"secret\"\n[send.sms]\nurl = \"https://g.example.org\"\n\
                      form = { to = \"{{ to }}\" }\nlimit = { per_second = 1 }\n[[answer]]\noutcome = \"accepted\"\nmessage_id = \"/id\"\n";
    std::fs::create_dir(dir.path().join("gateways")).unwrap();
    let load = |definition: &str| {
        std::fs::write(dir.path().join("watchbell.toml"), config).unwrap();
        std::fs::write(dir.path().join("gateways/mygw.toml"), definition).unwrap();
        Config::load(Some(&dir.path().join("watchbell.toml")), [])
    };
    let fine = load(definition).unwrap();
    assert_eq!(fine.providers["mygw"].service(), Some("My gateway"));
    let told = load(&definition.replace("{{ to }}", "{{ phone }}")).unwrap_err().to_string();
    let expected = "watchbell.toml:3: providers.mygw.definition = \"gateways/mygw.toml\": mygw.toml:7: send.sms.form.to = \"{{ phone }}\": names `phone`";
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("hunter2"));
}

#[test]
fn a_file_lies_over_the_defaults_and_variables_over_both() {
    let file = "[http]\nlisten = \"0.0.0.0:80\"\nbody_limit_bytes = 2000\n[limits.recipient]\nvoice = { calls = 3 }";
    let config = fine(file, &[("WATCHBELL_HTTP__LISTEN", "[::1]:81"), ("WATCHBELL_LIMITS__RECIPIENT__SMS__CALLS", "9"), ("PATH", "/bin")]);
    assert_eq!((config.http.listen.as_str(), config.http.body_limit_bytes), ("[::1]:81", 2_000));
    assert_eq!(config.limits.recipient[&Channel::Voice], Rate { calls: 3, per_s: 60 });
    assert_eq!(config.limits.recipient[&Channel::Sms], Rate { calls: 9, per_s: 1 });
}

#[test]
fn variables_become_what_the_setting_is() {
    let config = fine(
        "",
        &[
            // A text stays one, whatever it looks like.
            ("WATCHBELL_ADMIN_KEY", "12345678901234567890"),
            ("WATCHBELL_NATS__USER", "true"),
            ("WATCHBELL_NATS__PASSWORD", "[1]"),
            ("WATCHBELL_NATS__TLS_REQUIRED", "true"),
            ("WATCHBELL_DATABASE__MAX_CONNECTIONS", "12"),
            ("WATCHBELL_RETRY__HIGH__WAITS_S", "1,2, 3"),
            ("WATCHBELL_RETRY__NORMAL__WAITS_S", "[4]"),
            ("WATCHBELL_ROLES", "api,worker"),
            ("WATCHBELL_WORKER__CHANNELS", "sms"),
            ("WATCHBELL_LIMITS__RECIPIENT__VOICE", "{ calls = 2, per_s = 90 }"),
            ("WATCHBELL_SCHEDULER__FALLBACK_EMAIL", "off"),
            ("WATCHBELL_PROVIDERS__MY_BOX__KIND", "sandbox"),
            ("WATCHBELL_PROVIDERS__MY_BOX__PER_SECOND", "5"),
            ("WATCHBELL_PROVIDERS__MY_BOX__BURST", "7"),
            ("WATCHBELL_PROVIDERS__SANDBOX__TIMEOUT_S", "0.5"),
            ("WATCHBELL_CHANNELS__SMS__PROVIDERS", "[\"my_box\"]"),
            ("WATCHBELL_CHANNELS__VOICE__PROVIDERS", "sandbox, my_box"),
            ("WATCHBELL_TEST_POSTGRES", "postgres://x"),
        ],
    );
    assert_eq!(
        (config.admin_key.expose(), config.nats.user.as_str(), config.nats.password.expose()),
        ("12345678901234567890", "true", "[1]")
    );
    assert!(config.nats.tls_required);
    assert_eq!(config.database.max_connections, 12);
    assert_eq!((config.retry.high.waits_s.as_slice(), config.retry.normal.waits_s.as_slice()), ([1, 2, 3].as_slice(), [4].as_slice()));
    assert_eq!(config.roles, BTreeSet::from([Role::Api, Role::Worker]));
    assert_eq!(config.worker.channels, BTreeSet::from([Channel::Sms]));
    assert_eq!(config.limits.recipient[&Channel::Voice], Rate { calls: 2, per_s: 90 });
    assert_eq!(config.scheduler.fallback_email, FallbackEmail::Off);
    assert_eq!((config.providers["my_box"].common.per_second, config.providers["my_box"].common.burst), (Some(5.0), Some(7)));
    assert_eq!(config.providers["sandbox"].kind.name, "sandbox");
    assert_eq!(config.channels[&Channel::Sms].providers, ["my_box"]);
    assert_eq!(config.channels[&Channel::Voice].providers, ["sandbox", "my_box"]);
}

#[test]
fn a_variable_finds_a_table_that_is_spelled_otherwise() {
    let file = "[providers.My-Bot]\nkind = \"telegram\"\nbot_name = \"b\"\n[channels.telegram]\nproviders = [\"My-Bot\"]";
    let config = fine(file, &[("WATCHBELL_PROVIDERS__MY_BOT__TOKEN", "1:a")]);
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["My-Bot"]);
}

#[test]
fn secrets_come_from_files_without_the_last_newline() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "hunter2-hunter2-hunter2\r\n").unwrap();
    let path = path.to_str().unwrap();
    let file = format!("[providers.telegram]\ntoken_file = {path:?}\nbot_name = \"b\"");
    let config =
        fine(&file, &[("WATCHBELL_ADMIN_KEY_FILE", path), ("WATCHBELL_NATS__TOKEN_FILE", path), ("WATCHBELL_NATS__NKEY_FILE", "")]);
    assert_eq!((config.admin_key.expose(), config.nats.token.expose()), ("hunter2-hunter2-hunter2", "hunter2-hunter2-hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_cannot_be_read_at_all_is_told_too() {
    let missing = Config::load(Some(Path::new("/nowhere/watchbell.toml")), []).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/nowhere/watchbell.toml: the configuration file cannot be read: No such file or directory (os error 2)"
    );
}
