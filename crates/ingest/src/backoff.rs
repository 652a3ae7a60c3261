//! How long a consumer waits before it tries again.

use std::time::Duration;

use watchbell_core::Backoff;

/// 1 s, then 2 s each time: short enough that events flow again as soon as whatever was away is back.
pub(crate) const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
