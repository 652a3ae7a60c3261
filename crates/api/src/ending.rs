//! The end of the server, for answers that go on until then.

use tokio_util::sync::CancellationToken;

/// Ends when the server does.
#[derive(Clone, Debug)]
pub(crate) struct Ending(pub CancellationToken);
