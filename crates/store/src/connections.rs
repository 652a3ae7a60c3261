//! How many connections to PostgreSQL a process needs, and what for.

/// Heartbeats have a connection of their own, so that they wait for nothing that plans or sends.
pub(crate) const HEARTBEATS: u32 = 1;
/// Wake-ups of other processes are heard on one.
pub(crate) const LISTENER: u32 = 1;
/// With fewer, planning an event would keep a claim waiting, and a claim would keep other events waiting.
const LEAST_FOR_ENGINE: u32 = 2;

/// What is wrong with a process's number of connections, as a sentence; None where they are enough.
pub(crate) fn too_few(max_connections: u32, api_connections: u32) -> Option<String> {
    let least = HEARTBEATS + LISTENER + LEAST_FOR_ENGINE + api_connections;
    let api = if api_connections == 0 {
        String::new()
    } else {
        format!(", {api_connections} for requests to the API (database.api_connections)")
    };
    (max_connections < least).then(|| {
        format!(
            "database.max_connections = {max_connections}: must be at least {least} for this process's roles: {LEAST_FOR_ENGINE} to plan and \
             send, {HEARTBEATS} for heartbeats, {LISTENER} to hear wake-ups{api}"
        )
    })
}
