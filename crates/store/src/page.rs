//! Pages of lists that have the newest first.

/// Where a page of a list that has the newest first begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Side<C> {
    #[default]
    Newest,
    /// With what is right after this place: older.
    After(C),
    /// With what is right before this place: newer.
    Before(C),
}

impl<C> Side<C> {
    /// Whether the page is found from its place towards the newest, and then turned round.
    pub fn is_upwards(&self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// The place that the page lies beside; None for the newest page.
    pub fn place(&self) -> Option<&C> {
        match self {
            Self::Newest => None,
            Self::After(place) | Self::Before(place) => Some(place),
        }
    }
}
