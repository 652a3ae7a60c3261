//! What others on the machine, and whoever reads the logs, do not get to see.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::settings::{ADMIN_KEY, Settings};
use watchbell_tests::stand_ins::TWILIO_TOKEN;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{bed, wait};

on_both!(no_log_of_any_level_holds_an_event_or_a_key);

/// Libraries write at `trace` what passes through them; that it is not to be seen is no matter of whom one asks.
async fn no_log_of_any_level_holds_an_event_or_a_key(bed: &mut Bed) {
    bed.settings.set("LOG__LEVEL", "trace");
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;
    anna.high(&api, "EMAIL", 0).await;
    let mut data = alert("A-plain", &[&anna]);
    data["summary"] = "the secret of the broker".into();
    bed.nats.publish("alert", "1", wait::now(), &data).await;
    data["summary"] = "the secret of the body".into();
    (data["id"], data["type"], data["alertId"]) = ("2".into(), "watchbell.events.alert".into(), "A-http".into());
    api.post("/watchbell/v1/events", &data).await.expect(202);
    for name in ["the secret of the broker", "the secret of the body"] {
        bed.outbox().expect(1, name, |sent| sent.is(Channel::Sms, &anna.phone) && sent.text.contains(name)).await;
    }
    let log = process.terminate().await.log;
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "Watchbell's own lines are there:\n{log}");
    let secrets = ["the secret of", ADMIN_KEY, anna.phone.as_str(), TWILIO_TOKEN, "uthorization"];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

async fn serve(settings: &Settings, umask: &str) -> Process {
    let mut process = Process::serve_with_umask(settings, umask);
    process.ready().await;
    process.api().post("/api/users", &json!({ "username": "anna" })).await.expect(201);
    process
}

#[test]
fn the_database_is_closed_to_others_whatever_the_umask() {
    bed::with_database(Kind::Sqlite, async |_: Arc<Database>| {
        let root = tempfile::tempdir().unwrap();
        for umask in ["000", "022", "077"] {
            let folder = root.path().join(umask).join("data");
            let mut settings = Settings::new(&format!("sqlite://{}", folder.join("watchbell.db").display()), "");
            settings.set("CHANNELS__EMAIL__PROVIDERS", "[]");
            let files = || ["watchbell.db", "watchbell.db-wal", "watchbell.db-shm"].map(|name| folder.join(name));
            let process = serve(&settings, umask).await;
            assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700), "{umask}");
            let open: Vec<PathBuf> = files().into_iter().filter(|file| mode(file) != 0o600).collect();
            assert_eq!(open, [] as [PathBuf; 0], "{umask}");
            assert!(!process.terminate().await.log.contains("others on this machine"));

            // What somebody made before is named, and left as it is.
            std::fs::set_permissions(folder.join("watchbell.db"), PermissionsExt::from_mode(0o644)).unwrap();
            let mut process = Process::serve_with_umask(&settings, umask);
            process.ready().await;
            process.logged(&format!("chmod 600 '{}'", folder.join("watchbell.db").display())).await;
            assert_eq!(mode(&folder.join("watchbell.db")), 0o644);
            process.terminate().await;
        }
    });
}
