//! Which fields of a message count.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::Patch;
use prost_types::FieldMask;

use crate::domain::{AttributePatch, AttributeValue, Many, Violations};

/// Fields that can be changed.
const FIELDS: [&str; 18] = [
    "type",
    "display_name",
    "given_name",
    "family_name",
    "legal_name",
    "gender",
    "birth_date",
    "region_code",
    "language_code",
    "time_zone",
    "contact_points",
    "external_ids",
    "addresses",
    "tags",
    "attributes",
    "owner",
    "team",
    "industry",
];

/// Fields of an attribute definition.
const DEFINITION_FIELDS: [&str; 7] = [
    "type",
    "data_class",
    "display_name",
    "description",
    "choices",
    "length_max",
    "count_max",
];

/// Output fields: in a mask they are ignored, as in a message (AIP-203).
const OUTPUT_FIELDS: [&str; 9] = [
    "name",
    "uid",
    "etag",
    "create_time",
    "update_time",
    "delete_time",
    "purge_time",
    "masked_fields",
    "deprecated",
];

/// More than there are fields and attributes of a customer.
const PATHS_MAX: usize = 1_000;

/// How a message is read as a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Every field that is set; those of several values replace what was there.
    Set,
    /// Every field that is set; those of several values add to what was there.
    Added,
    /// These fields, set or not: one that is not is cleared.
    Named(BTreeSet<String>),
}

impl Mask {
    /// Of a customer. `unnamed` is how to read the message when there is no mask.
    pub fn of(mask: Option<FieldMask>, unnamed: Self, problems: &mut Violations) -> Self {
        let is_attribute = |path: &str| {
            path.strip_prefix("attributes.")
                .is_some_and(|id| !id.is_empty())
        };
        let words = format!(
            "names a field that is none of {}, attributes.{{id}}",
            FIELDS.join(", ")
        );
        Self::read(mask, &FIELDS, is_attribute, &words, problems).unwrap_or(unnamed)
    }

    /// Of an attribute definition; without a mask every field that is set counts.
    pub fn of_definition(mask: Option<FieldMask>, problems: &mut Violations) -> Self {
        let fields = DEFINITION_FIELDS.join(", ");
        let words = format!("names a field that is none of {fields}");
        let nothing_else = |_: &str| false;
        let named = Self::read(mask, &DEFINITION_FIELDS, nothing_else, &words, problems);
        named.unwrap_or(Self::Set)
    }

    /// `None` where there is no mask.
    fn read(
        mask: Option<FieldMask>,
        fields: &[&str],
        is_field_too: impl Fn(&str) -> bool,
        words: &str,
        problems: &mut Violations,
    ) -> Option<Self> {
        let FieldMask { paths } = mask.filter(|mask| !mask.paths.is_empty())?;
        let mut named = BTreeSet::new();
        if paths.len() > PATHS_MAX {
            problems.add_to_request("update_mask", "must not have more than 1,000 paths");
            return Some(Self::Named(named));
        }
        for path in paths {
            match path.as_str() {
                "*" => named.extend(fields.iter().map(|&field| field.to_owned())),
                path if OUTPUT_FIELDS.contains(&path) => {}
                path if fields.contains(&path) || is_field_too(path) => {
                    named.insert(path.to_owned());
                }
                _ => problems.add_to_request("update_mask", words),
            }
        }
        Some(Self::Named(named))
    }

    /// The fields that count, where not all do.
    pub fn into_fields(self) -> Option<BTreeSet<String>> {
        match self {
            Self::Set | Self::Added => None,
            Self::Named(fields) => Some(fields),
        }
    }

    pub fn one<T>(&self, field: &str, value: Option<T>) -> Patch<T> {
        match self {
            Self::Set | Self::Added => value.map_or(Patch::Absent, Patch::Set),
            Self::Named(named) if named.contains(field) => value.map_or(Patch::Clear, Patch::Set),
            Self::Named(_) => Patch::Absent,
        }
    }

    pub fn many<T>(&self, field: &str, values: Vec<T>) -> Many<T> {
        match self {
            Self::Set | Self::Added if values.is_empty() => Many::Absent,
            Self::Set => Many::Replace(values),
            Self::Added => Many::Add(values),
            Self::Named(named) if named.contains(field) => Many::Replace(values),
            Self::Named(_) => Many::Absent,
        }
    }

    /// Without a mask, attributes become so one by one and others stay.
    pub fn attributes<V>(&self, values: V) -> AttributePatch
    where
        V: IntoIterator<Item = (String, Option<AttributeValue>)>,
    {
        let values = values.into_iter();
        match self {
            Self::Set | Self::Added => AttributePatch::change(values),
            Self::Named(named) if named.contains("attributes") => {
                let there = values.filter_map(|(id, value)| Some((id, value?)));
                AttributePatch::Replace(there.collect())
            }
            Self::Named(named) => {
                let ids = named
                    .iter()
                    .filter_map(|path| path.strip_prefix("attributes."));
                let mut values: BTreeMap<_, _> = values.collect();
                AttributePatch::change(ids.map(|id| (id.to_owned(), values.remove(id).flatten())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> (Mask, bool) {
        let mut problems = Violations::default();
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let mask = Mask::of(Some(FieldMask { paths }), Mask::Set, &mut problems);
        (mask, problems.is_empty())
    }

    #[test]
    fn a_named_field_that_is_not_set_is_cleared() {
        let (named, fine) = mask(&["region_code", "tags"]);
        assert!(fine);
        assert_eq!(named.one::<u8>("region_code", None), Patch::Clear);
        assert_eq!(named.one("time_zone", Some(1)), Patch::Absent);
        assert_eq!(named.many::<u8>("tags", vec![]), Many::Replace(vec![]));
    }

    #[test]
    fn attributes_are_named_one_by_one_or_together() {
        let value = |number| Some(AttributeValue::Int(number));
        let values = || [("a".to_owned(), value(1)), ("b".to_owned(), None)];
        let (some, _) = mask(&["attributes.a", "attributes.c"]);
        let change =
            AttributePatch::Change([("a".to_owned(), value(1)), ("c".to_owned(), None)].into());
        assert_eq!(some.attributes(values()), change);
        let (all, _) = mask(&["attributes"]);
        let replace = AttributePatch::Replace([("a".to_owned(), AttributeValue::Int(1))].into());
        assert_eq!(all.attributes(values()), replace);
        let change = AttributePatch::Change(values().into());
        assert_eq!(Mask::Set.attributes(values()), change);
    }

    #[test]
    fn a_mask_of_a_million_paths_is_one_violation() {
        let mut problems = Violations::default();
        let paths = vec!["nosuch".to_owned(); 1_000_000];
        let read = Mask::of(Some(FieldMask { paths }), Mask::Set, &mut problems);
        assert_eq!(read, Mask::Named(BTreeSet::new()));
        assert_eq!(problems.count(), 1);
    }

    #[test]
    fn unknown_fields_are_refused_and_output_fields_ignored() {
        assert!(!mask(&["nosuch"]).1);
        assert!(!mask(&["attributes."]).1);
        assert_eq!(mask(&["etag", "uid"]), (Mask::Named(BTreeSet::new()), true));
        assert!(matches!(mask(&["*"]).0, Mask::Named(named) if named.len() == FIELDS.len()));
    }
}
