//! What a caller may not see of a customer.

use dossier_kernel::Patch;

use super::{AttributePatch, Definitions, Draft, Many, Protection};

/// The classes that stay closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub direct: bool,
    pub sensitive: bool,
}

impl Hidden {
    pub const fn hides(self, protection: Protection) -> bool {
        match protection {
            Protection::Clear => false,
            Protection::Direct => self.direct,
            Protection::Sensitive => self.sensitive,
        }
    }
}

impl Draft {
    /// As somebody says it who does not see everything: what is hidden can be set and added to, but
    /// not cleared or replaced, so that nobody erases what they were not shown.
    #[must_use]
    pub fn unseeing(mut self, hidden: Hidden) -> Self {
        self.unseen = hidden;
        if hidden.direct {
            for name in [
                &mut self.display_name,
                &mut self.given_name,
                &mut self.family_name,
                &mut self.legal_name,
            ] {
                if *name == Patch::Clear {
                    *name = Patch::Absent;
                }
            }
            self.contact_points.or_add();
            self.external_ids.or_add();
            self.addresses.or_add();
        }
        self
    }

    /// Whether it gives a value to an attribute that is kept so.
    pub fn sets(&self, protection: Protection, definitions: &Definitions) -> bool {
        let kept_so = |id: &String| {
            definitions
                .get(id)
                .is_some_and(|definition| definition.class.protection() == protection)
        };
        match &self.attributes {
            AttributePatch::Absent => false,
            AttributePatch::Replace(values) => values.keys().any(kept_so),
            AttributePatch::Change(values) => values
                .iter()
                .any(|(id, value)| value.is_some() && kept_so(id)),
        }
    }
}

impl<T> Many<T> {
    /// Instead of replacing, adds.
    fn or_add(&mut self) {
        if let Self::Replace(values) = self {
            *self = Self::Add(std::mem::take(values));
        }
    }
}
