//! How long a consumer waits before it tries again.

use std::time::Duration;

use watchbell_core::Backoff;

/// 1 s, then every 2 s: soon enough that an outage ends for events when it ends for whoever had it.
pub(crate) const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
