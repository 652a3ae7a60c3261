//! When keys were last used, and from where, written together once a minute: a key that calls a thousand times a second costs one
//! row of one statement.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use watchbell_core::{Clock, KeyId, error_chain};
use watchbell_store::access::{KeyUse, Keys};

const WINDOW: Duration = Duration::from_mins(1);

/// Notes uses; clones share what they note.
#[derive(Clone)]
pub(crate) struct KeyUses {
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    window: Arc<Mutex<Window>>,
}

/// What was used in the window that is open: no more than there are keys.
#[derive(Debug, Default)]
struct Window {
    is_open: bool,
    uses: HashMap<KeyId, KeyUse>,
}

impl KeyUses {
    pub fn new(keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, window: Arc::default() }
    }

    /// Notes that a key was used now, from that address.
    pub fn note(&self, key: KeyId, from: IpAddr) {
        let at = self.clock.now();
        let opens = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.uses.insert(key, KeyUse { at, from });
            !std::mem::replace(&mut window.is_open, true)
        };
        if opens {
            let uses = self.clone();
            tokio::spawn(async move {
                uses.clock.sleep(WINDOW).await;
                uses.flush().await;
            });
        }
    }

    /// Writes what was noted since; also at the end of the server. While the database is away, nobody misses it.
    pub async fn flush(&self) {
        let window = std::mem::take(&mut *self.window.lock().unwrap_or_else(PoisonError::into_inner));
        let uses: Vec<(KeyId, KeyUse)> = window.uses.into_iter().collect();
        if let Err(error) = self.keys.note_key_uses(&uses).await {
            tracing::warn!(error = error_chain(&error), "when keys were last used could not be noted");
        }
    }
}
