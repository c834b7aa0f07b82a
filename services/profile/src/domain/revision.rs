//! What one revision of a customer made of the one before it.

use std::collections::BTreeSet;

use dossier_kernel::Pii;

use super::customer::changed_fields;
use super::{Customer, Hidden, Protection, attribute_path};

/// The number of a new file's revision.
pub const FIRST: i64 = 1;

/// A revision beside the one before it, as far as both are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// With the fields that changed and no others; `None` for a new customer.
    pub before: Option<Customer>,
    /// Likewise.
    pub after: Customer,
    /// What changed and is seen, in the contract's names; attributes one by one.
    pub changed: Vec<String>,
    /// What changed, or may have, and is not seen.
    pub masked: Vec<&'static str>,
}

impl Difference {
    /// Of a customer that is new. What is hidden may or may not have been given.
    pub fn first(after: &Customer, hidden: Hidden) -> Self {
        let changed = after.filled_fields();
        Self {
            before: None,
            after: after.only(&changed),
            changed,
            masked: hidden.fields(),
        }
    }

    /// Neither customer holds what is hidden; `told` is what followers were told of the change.
    pub fn between(before: &Customer, after: &Customer, told: &[String], hidden: Hidden) -> Self {
        let mut changed = changed_fields(before, after, &BTreeSet::new());
        for (field, differs) in [
            ("delete_time", before.delete_time != after.delete_time),
            ("purge_time", before.purge_time != after.purge_time),
        ] {
            if differs {
                changed.push(field.to_owned());
            }
        }
        let is_clear = |id: &str| {
            let known = [before, after].map(|one| one.attributes.get(id));
            let mut known = known.into_iter().flatten();
            known.any(|one| one.protection == Protection::Clear)
        };
        Self {
            before: Some(before.only(&changed)),
            after: after.only(&changed),
            masked: hidden.of_told(told, is_clear),
            changed,
        }
    }
}

impl Customer {
    /// The customer with these fields and no others, in the contract's names.
    fn only(&self, fields: &[String]) -> Self {
        let Self {
            id,
            revision,
            create_time,
            update_time,
            delete_time,
            purge_time,
            kind,
            display_name,
            given_name,
            family_name,
            legal_name,
            gender,
            birth_date,
            region_code,
            language_code,
            time_zone,
            contact_points,
            external_ids,
            addresses,
            tags,
            attributes,
            owner,
            team,
            industry,
            closed: _,
        } = self;
        let has = |field: &str| fields.iter().any(|one| one == field);
        let attributes = attributes.iter().filter(|(id, _)| has(&attribute_path(id)));
        Self {
            id: *id,
            revision: *revision,
            create_time: *create_time,
            update_time: *update_time,
            delete_time: one(has("delete_time"), delete_time),
            purge_time: one(has("purge_time"), purge_time),
            kind: *kind,
            display_name: match has("display_name") {
                true => display_name.clone(),
                false => Pii::new(String::new()),
            },
            given_name: one(has("given_name"), given_name),
            family_name: one(has("family_name"), family_name),
            legal_name: one(has("legal_name"), legal_name),
            gender: one(has("gender"), gender),
            birth_date: one(has("birth_date"), birth_date),
            region_code: one(has("region_code"), region_code),
            language_code: one(has("language_code"), language_code),
            time_zone: one(has("time_zone"), time_zone),
            contact_points: many(has("contact_points"), contact_points),
            external_ids: many(has("external_ids"), external_ids),
            addresses: many(has("addresses"), addresses),
            tags: many(has("tags"), tags),
            attributes: attributes
                .map(|(id, attribute)| (id.clone(), attribute.clone()))
                .collect(),
            owner: one(has("owner"), owner),
            team: one(has("team"), team),
            industry: one(has("industry"), industry),
            closed: None,
        }
    }
}

fn one<T: Clone>(kept: bool, value: &Option<T>) -> Option<T> {
    value.clone().filter(|_| kept)
}

fn many<T: Clone>(kept: bool, values: &[T]) -> Vec<T> {
    match kept {
        true => values.to_vec(),
        false => Vec::new(),
    }
}
