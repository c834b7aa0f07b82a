//! A partial change of a field that holds several values.

/// What a draft says about a field of several values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Many<T> {
    /// Nothing.
    #[default]
    Absent,
    /// These and no others.
    Replace(Vec<T>),
    /// These too.
    Add(Vec<T>),
    /// These no more.
    Remove(Vec<T>),
}

impl<T> Many<T> {
    /// The values named, whatever is to happen to them.
    pub fn values(&self) -> &[T] {
        match self {
            Self::Absent => &[],
            Self::Replace(values) | Self::Add(values) | Self::Remove(values) => values,
        }
    }

    /// Rewrites each value with its index; those that come out as `None` are left out.
    #[must_use]
    pub fn filter_map(self, mut rewrite: impl FnMut(usize, T) -> Option<T>) -> Self {
        let mut all = |values: Vec<T>| {
            let numbered = values.into_iter().enumerate();
            numbered
                .filter_map(|(index, value)| rewrite(index, value))
                .collect()
        };
        match self {
            Self::Absent => Self::Absent,
            Self::Replace(values) => Self::Replace(all(values)),
            Self::Add(values) => Self::Add(all(values)),
            Self::Remove(values) => Self::Remove(all(values)),
        }
    }

    /// Applies the change to `field`. Two values are the same when `same` says so; `add` puts a
    /// value in that has no equal yet, or brings the equal one up to date.
    pub fn apply(
        self,
        field: &mut Vec<T>,
        same: impl Fn(&T, &T) -> bool,
        mut add: impl FnMut(&mut Vec<T>, T),
    ) {
        match self {
            Self::Absent => {}
            Self::Replace(values) => *field = values,
            Self::Add(values) => values.into_iter().for_each(|value| add(field, value)),
            Self::Remove(values) => {
                field.retain(|kept| !values.iter().any(|gone| same(kept, gone)));
            }
        }
    }
}
