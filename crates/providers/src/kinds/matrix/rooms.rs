//! The room behind an address, and whether it can be written to in clear text. Asked once an hour for each room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchbell_core::Timestamp;
use watchbell_core::outcome::{Outcome, Report};

use super::{Homeserver, classify};
use crate::http;

/// An alias may be moved, and a room be encrypted one day.
const REMEMBERED_FOR: Duration = Duration::from_hours(1);
/// So many are remembered; then it begins anew.
const MOST_REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub struct Rooms {
    known: Mutex<HashMap<String, Room>>,
}

struct Room {
    id: String,
    until: Timestamp,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Room(…)")
    }
}

impl Rooms {
    /// The room's id. The error is the report of a message that cannot be sent there.
    pub async fn find(&self, server: &Homeserver, target: &str, now: Timestamp) -> Result<String, Report> {
        if let Some(room) = self.known().get(target).filter(|room| room.until > now) {
            return Ok(room.id.clone());
        }
        let id = if target.starts_with('#') { resolve(server, target, now).await? } else { target.to_owned() };
        refuse_encrypted(server, &id, now).await?;
        let mut known = self.known();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        let until = now.plus_ms(i64::try_from(REMEMBERED_FOR.as_millis()).unwrap_or(i64::MAX));
        known.insert(target.to_owned(), Room { id: id.clone(), until });
        Ok(id)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Room>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn resolve(server: &Homeserver, alias: &str, now: Timestamp) -> Result<String, Report> {
    let url = server.url(&["directory", "room", alias]);
    let answer = server.http.call(server.get(&url)).await.map_err(of_asking)?;
    match http::id(&answer.json(), "/room_id") {
        Some(id) if answer.is_success() => Ok(id),
        _ => Err(of_asking(classify::posted(&answer, now))),
    }
}

/// A room without the state `m.room.encryption` is in clear text.
async fn refuse_encrypted(server: &Homeserver, room: &str, now: Timestamp) -> Result<(), Report> {
    let url = server.url(&["rooms", room, "state", "m.room.encryption"]);
    let answer = server.http.call(server.get(&url)).await.map_err(of_asking)?;
    match answer.status {
        200..=299 => Err(Report::new(Outcome::BadAddress, "encrypted_room".to_owned())),
        404 if http::text(&answer.json(), "/errcode") == Some("M_NOT_FOUND") => Ok(()),
        // Not in the room (any more), among others.
        _ => Err(of_asking(classify::posted(&answer, now))),
    }
}

/// Nothing of a message was handed over.
fn of_asking(report: Report) -> Report {
    if report.outcome == Outcome::Unknown { Report::retry(report.code) } else { report }
}
