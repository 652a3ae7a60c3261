//! The scenarios of `tests/scenarios`, each played on both databases with a clock that moves from one event to the next.
//!
//! The store, the planner, the worker and the templates are the real ones; only the providers are stood in for, and the clock.
//! `WATCHBELL_SCENARIO=escalat` plays those whose file's name holds that word.

mod answers;
mod check;
mod clock;
mod file;
mod people;
mod provider;
mod server;
mod stage;
mod wishes;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use watchbell_tests::database::{Database, Kind};

use file::Scenario;
use stage::Stage;
use words::{BadPhrase, Read, offset, span_ms, time};

/// Scenarios that are played at once: each is one thread that mostly waits for its database.
const AT_ONCE: usize = 8;

#[test]
fn sqlite() {
    play_all(Kind::Sqlite);
}

#[test]
fn postgres() {
    play_all(Kind::Postgres);
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let only = std::env::var("WATCHBELL_SCENARIO").unwrap_or_default();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml") && file.to_string_lossy().contains(&only));
    files.sort();
    files
}

/// Plays every file and reports every failing one.
fn play_all(kind: Kind) {
    let files = files();
    assert!(!files.is_empty(), "no scenario is called like that");
    let waiting = Mutex::new(files.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(files.len()) {
            scope.spawn(|| {
                let outside = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let mut database = outside.block_on(Database::create(kind));
                while let Some(file) = waiting.lock().ok().and_then(|mut files| files.next()) {
                    if let Err(failure) = play_file(&database, file)
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(format!("{}: {failure}", file.file_name().unwrap_or_default().to_string_lossy()));
                    }
                    outside.block_on(database.empty());
                }
                outside.block_on(database.remove());
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort();
    assert!(failures.is_empty(), "{} of {} scenarios failed on {kind:?}:\n\n{}\n", failures.len(), files.len(), failures.join("\n\n"));
}

fn play_file(database: &Database, file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let scenario: Scenario = toml::from_str(&text).map_err(|error| error.to_string())?;
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&scenario, database.url())));
    let headline = format!("{}\n    {}", scenario.title, scenario.design);
    match played {
        Ok(Ok(differences)) if differences.is_empty() => Ok(()),
        Ok(Ok(differences)) => Err(format!("{headline}\n{}", differences.join("\n"))),
        Ok(Err(BadPhrase(why))) => Err(format!("{headline}\n    {why}")),
        Err(_) => Err(format!("{headline}\n    panicked, as said above")),
    }
}

/// Plays a scenario; each difference from what it expects is one entry.
fn play(scenario: &Scenario, url: String) -> Read<Vec<String>> {
    let mut stage = Stage::set(scenario, url)?;
    let mut differences = Vec::new();
    let mut unreachable: &[String] = &[];
    let mut last = stage.start;
    for entry in &scenario.at {
        let at = time(&entry.time, stage.start)?;
        if at < last {
            return Err(BadPhrase(format!("the entry at {} stands after a later one", entry.time)));
        }
        last = at;
        let in_entry = |BadPhrase(why)| BadPhrase(format!("at {}: {why}", offset(at, stage_start(scenario))));
        stage.pass(at).map_err(in_entry)?;
        let accepted = stage.act(entry).map_err(in_entry)?;
        let mut found = check::entry(&stage, entry, &accepted).map_err(in_entry)?;
        if let Some(explain) = &entry.explain {
            let planned = stage.explain(explain).map_err(in_entry)?;
            found.extend(check::explained(&stage, explain, &planned).map_err(in_entry)?);
        }
        if let Some(wanted) = &entry.unreachable {
            unreachable = wanted;
            found.extend(check::unreachable(&stage, unreachable)?);
        }
        differences.extend(found.into_iter().map(|difference| format!("    at {}: {difference}", entry.time)));
    }
    stage.pass(last.plus_ms(span_ms(&scenario.watch)?))?;
    differences.extend(check::unreachable(&stage, unreachable)?.into_iter().map(|difference| format!("    in the end: {difference}")));
    differences.extend(check::sends(&stage, &scenario.at)?);
    Ok(differences)
}

fn stage_start(scenario: &Scenario) -> watchbell_core::Timestamp {
    time(&scenario.start, watchbell_core::Timestamp::default()).unwrap_or_default()
}
