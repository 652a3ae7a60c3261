//! How many files and sockets the process may have open, and how many of them are for whoever connects.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Beyond this many nothing here needs more.
const ENOUGH: u64 = 65_536;

/// The connections that the API may keep open: `wanted`, but no more than half of the descriptors, so that providers, the
/// database and the broker are always reached. The limit itself is raised as far as the system lets a process raise its own.
pub fn for_connections(wanted: usize) -> usize {
    let connections = usize::try_from(raised() / 2).unwrap_or(usize::MAX).clamp(1, wanted.max(1));
    if connections < wanted {
        tracing::warn!(
            connections,
            "http.connections is {wanted}, but half of the files that this process may open (ulimit -n) are fewer: so many are taken"
        );
    }
    connections
}

fn raised() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // None is no limit at all.
    let (current, most) = (limit.current.unwrap_or(ENOUGH), limit.maximum.unwrap_or(ENOUGH).min(ENOUGH));
    if current >= most {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }) {
        Ok(()) => most,
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_more_than_half() {
        assert_eq!(for_connections(1), 1);
        let half = usize::try_from(raised() / 2).unwrap_or(usize::MAX);
        assert_eq!(for_connections(usize::MAX), half);
    }
}
