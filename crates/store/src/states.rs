//! Names for the lists of states and purposes by which statements choose deliveries.

use watchbell_core::delivery::Purpose;
use watchbell_core::delivery::State::{self, Bundled, Delivered, Expired, Failed, Held, Scheduled, Sending, Sent, Suppressed, Undelivered};

/// The states that a statement calls `{states NAME}`.
pub(crate) fn named(name: &str) -> Option<&'static [State]> {
    Some(match name {
        // They wait, and nothing has been done about them yet: they may be changed.
        "pending" => &[Scheduled, Held],
        // They wait, are being sent, or wait for the bundle that tells them: they may be cancelled or stopped.
        "stoppable" => &[Scheduled, Held, Sending, Bundled],
        // They are to be sent at their time, or are being sent.
        "to_send" => &[Scheduled, Sending],
        // What a worker may have claimed, by itself or within a bundle.
        "claimable" => &[Scheduled, Sending, Bundled],
        // They are not over, whatever their age, and so are not deleted.
        "open" => &[Scheduled, Held, Sending],
        // They have reached their user, or still may.
        "hopeful" => &[Scheduled, Sending, Sent, Delivered, Bundled],
        // They have not reached their user, and will not.
        "lost" => &[Failed, Undelivered, Expired, Suppressed],
        // Members of a bundle that become what their bundle becomes.
        "following" => &[Bundled, Sent, Undelivered],
        _ => return None,
    })
}

/// Deliveries that tell several others.
pub(crate) const COLLECTIVE: [Purpose; 2] = [Purpose::Bundle, Purpose::Digest];
