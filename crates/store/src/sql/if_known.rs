//! What becomes of a transaction that meets what is known already.

/// What becomes of a transaction that writes what is known already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IfKnown {
    /// It fails, so that it can be done again as the other one: for where all is new nearly always, as asking costs more than a tenth.
    GiveUp,
    /// What is known stays as it is, or becomes what is written.
    #[default]
    LeaveAlone,
}
