//! What becomes of a transaction that meets what is known already.

/// What becomes of a transaction that writes what is known already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IfKnown {
    /// It fails, and is then done again with [`IfKnown::LeaveAlone`]. This is for rows that are nearly always new: asking the database for
    /// each of them whether it is there makes writing it more than a tenth slower.
    GiveUp,
    /// What is known stays as it is, or becomes what is written, as each statement says.
    #[default]
    LeaveAlone,
}
