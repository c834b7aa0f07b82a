//! A partial change of one field.

/// What an update says about a field: nothing, that it goes, or what it becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The mask does not name the field.
    #[default]
    Absent,
    /// The mask names the field and the message leaves it empty.
    Clear,
    /// The mask names the field and the message carries a value.
    Set(T),
}

impl<T> Patch<T> {
    /// Applies the change to an optional field; says whether the mask named it.
    pub fn apply(self, field: &mut Option<T>) -> bool {
        match self {
            Self::Absent => false,
            Self::Clear => {
                *field = None;
                true
            }
            Self::Set(value) => {
                *field = Some(value);
                true
            }
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
