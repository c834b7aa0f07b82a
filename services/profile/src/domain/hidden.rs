//! What a caller may not see of a customer.

use std::collections::BTreeSet;

use dossier_kernel::Patch;

use super::{Definitions, Draft, Many, Protection};

/// The classes that stay closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub direct: bool,
    pub sensitive: bool,
}

/// Fields of class DIRECT, in the contract's names. Of `attributes` some are.
const DIRECT_FIELDS: [&str; 8] = [
    "display_name",
    "given_name",
    "family_name",
    "legal_name",
    "contact_points",
    "external_ids",
    "addresses.postal_code",
    "addresses.address_lines",
];

impl Hidden {
    /// The fields that are taken out, in the contract's names: also those that hold nothing, because
    /// that would tell.
    pub fn fields(self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if self.direct {
            fields.extend(DIRECT_FIELDS);
        }
        if self.direct || self.sensitive {
            fields.push("attributes");
        }
        fields
    }

    /// Of what followers were told that changed, the fields that are taken out. `is_clear` says of an
    /// attribute whether it is one of those that are never hidden.
    pub fn of_told(self, told: &[String], is_clear: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let changed = |field: &&str| {
            let whole = field.split('.').next();
            told.iter().any(|told| Some(told.as_str()) == whole)
        };
        let mut fields: Vec<&str> = match self.direct {
            true => DIRECT_FIELDS.iter().copied().filter(changed).collect(),
            false => Vec::new(),
        };
        let hidden = |told: &String| match told.strip_prefix("attributes.") {
            Some(id) => self.direct && !is_clear(id),
            None => self.sensitive && told == "attributes",
        };
        if told.iter().any(hidden) {
            fields.push("attributes");
        }
        fields
    }

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
        let mut kept = self
            .attributes
            .set_ids()
            .filter_map(|id| definitions.get(id));
        kept.any(|definition| definition.class.protection() == protection)
    }

    /// The fields it gives values to that whoever says it does not see, in the contract's names.
    /// They count as changed whatever was there: were a value that is there already told apart from
    /// another, guessing would find it.
    pub fn set_unseen(&self, definitions: &Definitions) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        if self.unseen.direct {
            let set = |name: &Patch<_>| matches!(name, Patch::Set(_));
            let direct = [
                ("display_name", set(&self.display_name)),
                ("given_name", set(&self.given_name)),
                ("family_name", set(&self.family_name)),
                ("legal_name", set(&self.legal_name)),
                ("contact_points", !self.contact_points.values().is_empty()),
                ("external_ids", !self.external_ids.values().is_empty()),
                ("addresses", !self.addresses.values().is_empty()),
            ];
            let set = direct.into_iter().filter(|(_, set)| *set);
            fields.extend(set.map(|(name, _)| name.to_owned()));
            // It can be made of the others.
            if !fields.is_empty() {
                fields.insert("display_name".to_owned());
            }
        }
        let hidden = |id: &&String| {
            let definition = definitions.get(*id);
            definition.is_some_and(|one| self.unseen.hides(one.class.protection()))
        };
        let hidden = self.attributes.set_ids().filter(hidden);
        fields.extend(hidden.map(|id| format!("attributes.{id}")));
        fields
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
