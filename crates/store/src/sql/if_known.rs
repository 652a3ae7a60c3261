//! What becomes of a transaction that writes a row that exists already.

/// What the database is told to do about rows that exist already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IfKnown {
    /// The transaction fails, and is done again with [`IfKnown::LeaveAlone`]. Nearly always all rows are new, and asking about each of
    /// them would cost more than a tenth of the transaction's time.
    GiveUp,
    /// A row that exists stays as it is; a responder's becomes what is written.
    #[default]
    LeaveAlone,
}
