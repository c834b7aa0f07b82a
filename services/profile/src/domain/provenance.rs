//! Which revision gave each value of a file.

use std::collections::BTreeSet;

use super::customer::changed_fields;
use super::{Address, Attribute, ContactPoint, Customer, ExternalId, attribute_path};

/// Goes back through the revisions of a file, until every value of it is found to be new in one.
pub struct Tracer<'c, O> {
    file: &'c Customer,
    /// Those that the revisions so far all had.
    pending: Vec<Value<'c>>,
    /// With the place of each.
    found: Vec<(usize, Found<O>)>,
}

/// A value and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<O> {
    /// In the file: `display_name`, `contact_points[0]`, `attributes.level`.
    pub path: String,
    pub origin: O,
}

struct Value<'c> {
    /// In the order of the file's fields.
    place: usize,
    path: String,
    kind: Kind<'c>,
}

enum Kind<'c> {
    /// A field that has one value.
    Field,
    ContactPoint(&'c ContactPoint),
    ExternalId(&'c ExternalId),
    Address(&'c Address),
    Tag(&'c String),
    Attribute(&'c str, &'c Attribute),
}

impl<'c, O: Clone> Tracer<'c, O> {
    /// Of every value that the file holds.
    pub fn new(file: &'c Customer) -> Self {
        let mut values = Vec::new();
        for field in file.filled_fields() {
            match field.as_str() {
                "contact_points" => each(
                    &mut values,
                    &field,
                    &file.contact_points,
                    Kind::ContactPoint,
                ),
                "external_ids" => each(&mut values, &field, &file.external_ids, Kind::ExternalId),
                "addresses" => each(&mut values, &field, &file.addresses, Kind::Address),
                "tags" => each(&mut values, &field, &file.tags, Kind::Tag),
                _ if field.starts_with("attributes.") => {}
                _ => values.push((field, Kind::Field)),
            }
        }
        let attributes = file.attributes.iter();
        values.extend(
            attributes.map(|(id, attribute)| (attribute_path(id), Kind::Attribute(id, attribute))),
        );
        let pending = values.into_iter().enumerate();
        let pending = pending.map(|(place, (path, kind))| Value { place, path, kind });
        Self {
            file,
            pending: pending.collect(),
            found: Vec::new(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether a revision that changed these fields, as followers are told of them, may have given a
    /// value that is looked for.
    pub fn may_find(&self, changed: &[String]) -> bool {
        let top = |path: &str| path.split(['.', '[']).next().unwrap_or_default().to_owned();
        self.pending.iter().any(|value| {
            let field = top(&value.path);
            changed.iter().any(|changed| top(changed) == field)
        })
    }

    /// `before` is how the file was before the revision of `origin`: what it did not hold comes from
    /// there. `None` where nothing earlier is known.
    pub fn step(&mut self, origin: &O, before: Option<&Customer>) {
        let changed: BTreeSet<String> = match before {
            Some(before) => changed_fields(before, self.file, &BTreeSet::new()),
            None => Vec::new(),
        }
        .into_iter()
        .collect();
        let pending = std::mem::take(&mut self.pending);
        for value in pending {
            let older =
                before.is_some_and(|before| value.kind.is_in(&value.path, before, &changed));
            match older {
                true => self.pending.push(value),
                false => {
                    let (path, origin) = (value.path, origin.clone());
                    self.found.push((value.place, Found { path, origin }));
                }
            }
        }
    }

    /// In the order of the file's fields.
    pub fn finish(mut self) -> Vec<Found<O>> {
        self.found.sort_by_key(|(place, _)| *place);
        self.found.into_iter().map(|(_, found)| found).collect()
    }
}

impl Kind<'_> {
    /// Whether a customer held the same at the same place. `changed` is what differs from the file.
    fn is_in(&self, path: &str, before: &Customer, changed: &BTreeSet<String>) -> bool {
        match self {
            Self::Field => !changed.contains(path),
            Self::ContactPoint(point) => before.contact_points.contains(point),
            Self::ExternalId(id) => before.external_ids.contains(id),
            Self::Address(address) => before.addresses.contains(address),
            Self::Tag(tag) => before.tags.contains(tag),
            Self::Attribute(id, attribute) => before.attributes.get(*id) == Some(attribute),
        }
    }
}

fn each<'c, T>(
    values: &mut Vec<(String, Kind<'c>)>,
    field: &str,
    of: &'c [T],
    kind: fn(&'c T) -> Kind<'c>,
) {
    let numbered = of.iter().enumerate();
    values.extend(numbered.map(|(index, one)| (format!("{field}[{index}]"), kind(one))));
}
