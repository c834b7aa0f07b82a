//! Several files become one, and several again.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::{CustomerId, Timestamp};
use uuid::Uuid;

use super::customer::changed_fields;
use super::{
    Address, ContactPoint, Customer, Protection, Violations, attribute_path, is_attribute_id,
};

/// The most customers that are one.
pub const GROUP_MAX: usize = 250;
pub const RULES_MAX: usize = 500;

/// Fields that have one value, in the contract's names; attributes are besides them.
const SINGLE_FIELDS: [&str; 12] = [
    "display_name",
    "given_name",
    "family_name",
    "legal_name",
    "gender",
    "birth_date",
    "region_code",
    "language_code",
    "time_zone",
    "owner",
    "team",
    "industry",
];

/// Whose value a field gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survivorship {
    /// The first file's that has one.
    #[default]
    Survivor,
    /// That of the file that was changed last.
    Newest,
    Customer(CustomerId),
}

/// What is to become one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeSpec {
    pub survivor: CustomerId,
    pub others: Vec<CustomerId>,
    pub survivorship: Survivorship,
    pub rules: BTreeMap<String, Survivorship>,
}

impl MergeSpec {
    /// The survivor first.
    pub fn customers(&self) -> Vec<CustomerId> {
        let others = self.others.iter().copied();
        std::iter::once(self.survivor).chain(others).collect()
    }
}

/// Whether a rule can be about the field.
pub fn is_single(field: &str) -> bool {
    let id = field.strip_prefix("attributes.");
    SINGLE_FIELDS.contains(&field) || id.is_some_and(is_attribute_id)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeState {
    Merging,
    Merged,
    Unmerging,
    Unmerged,
}

impl MergeState {
    const ALL: [Self; 4] = [Self::Merging, Self::Merged, Self::Unmerging, Self::Unmerged];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merging => "MERGING",
            Self::Merged => "MERGED",
            Self::Unmerging => "UNMERGING",
            Self::Unmerged => "UNMERGED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// What it is once the other services know.
    #[must_use]
    pub const fn told(self) -> Self {
        match self {
            Self::Merging | Self::Merged => Self::Merged,
            Self::Unmerging | Self::Unmerged => Self::Unmerged,
        }
    }
}

/// That customers became one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeRecord {
    pub id: Uuid,
    pub survivor: CustomerId,
    pub others: Vec<CustomerId>,
    pub state: MergeState,
    pub create_time: Timestamp,
    pub creator: String,
    pub unmerge_time: Option<Timestamp>,
    pub kept_fields: Vec<String>,
}

impl MergeRecord {
    pub const COLLECTION: &'static str = "mergeRecords";

    pub fn to_name(&self) -> String {
        Self::name_of(self.id)
    }

    pub fn name_of(id: Uuid) -> String {
        dossier_kernel::id::resource_name(Self::COLLECTION, id)
    }
}

/// A field about which the files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeConflict {
    pub field: String,
    /// Whose value survives; `None` where none does.
    pub customer: Option<CustomerId>,
    pub differing: Vec<CustomerId>,
}

/// The survivor's file as it becomes. `files` are opened whole, the survivor's first. `None` when
/// something is wrong, which `violations` then names.
pub fn merge(
    files: &[Customer],
    spec: &MergeSpec,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<(Customer, Vec<MergeConflict>)> {
    let mut choice = Choice {
        files,
        spec,
        conflicts: Vec::new(),
    };
    let mut merged = files.first()?.clone();
    let display_name = choice.of("display_name", |one| Some(&one.display_name));
    merged.given_name = choice.of("given_name", |one| one.given_name.as_ref());
    merged.family_name = choice.of("family_name", |one| one.family_name.as_ref());
    merged.legal_name = choice.of("legal_name", |one| one.legal_name.as_ref());
    merged.gender = choice.of("gender", |one| one.gender.as_ref());
    merged.birth_date = choice.of("birth_date", |one| one.birth_date.as_ref());
    merged.region_code = choice.of("region_code", |one| one.region_code.as_ref());
    merged.language_code = choice.of("language_code", |one| one.language_code.as_ref());
    merged.time_zone = choice.of("time_zone", |one| one.time_zone.as_ref());
    merged.owner = choice.of("owner", |one| one.owner.as_ref());
    merged.team = choice.of("team", |one| one.team.as_ref());
    merged.industry = choice.of("industry", |one| one.industry.as_ref());
    let ids: BTreeSet<&String> = files.iter().flat_map(|one| one.attributes.keys()).collect();
    for id in ids {
        let value = choice.of(&attribute_path(id), |one| one.attributes.get(id));
        match value {
            Some(value) => merged.attributes.insert(id.clone(), value),
            None => merged.attributes.remove(id),
        };
    }
    for other in files.iter().skip(1) {
        for point in &other.contact_points {
            add_contact_point(&mut merged.contact_points, point);
        }
        for id in &other.external_ids {
            if !merged.external_ids.contains(id) {
                merged.external_ids.push(id.clone());
            }
        }
        for address in &other.addresses {
            add_address(&mut merged.addresses, address);
        }
        merged.tags.extend(other.tags.iter().cloned());
    }
    merged.tags.sort_unstable();
    merged.tags.dedup();
    if let Some(name) = display_name {
        // A name that was made follows what it was made from.
        let given = files.iter().find(|one| one.display_name == name);
        let was_made = given.is_some_and(Customer::has_made_name);
        let made = merged.made_name().filter(|_| was_made);
        merged.display_name = made.map_or(name, dossier_kernel::Pii::new);
    }
    merged.check_whole(violations);
    merged.touch(now);
    violations.is_empty().then_some((merged, choice.conflicts))
}

/// What differs, in the contract's names.
pub fn changed(before: &Customer, after: &Customer) -> Vec<String> {
    changed_fields(before, after, &BTreeSet::new())
}

impl Customer {
    /// It is a part of another from now on: deleted, for as long as it is.
    pub fn become_part(&mut self, now: Timestamp) {
        self.delete_time = Some(now);
        self.touch(now);
    }
}

struct Choice<'a> {
    files: &'a [Customer],
    spec: &'a MergeSpec,
    conflicts: Vec<MergeConflict>,
}

impl Choice<'_> {
    fn of<T: Clone + PartialEq>(
        &mut self,
        field: &str,
        value: impl Fn(&Customer) -> Option<&T>,
    ) -> Option<T> {
        let had = self.files.iter();
        let had: Vec<(&Customer, &T)> = had.filter_map(|one| Some((one, value(one)?))).collect();
        let rule = self.spec.rules.get(field).copied();
        let chosen = match rule.unwrap_or(self.spec.survivorship) {
            Survivorship::Survivor => had.first(),
            // The first of those that were changed at the same time.
            Survivorship::Newest => had.iter().rev().max_by_key(|(one, _)| one.update_time),
            Survivorship::Customer(id) => had.iter().find(|(one, _)| one.id == id),
        };
        let differing = had.iter();
        let differing = differing.filter(|(_, value)| chosen.is_none_or(|(_, it)| it != value));
        let differing: Vec<CustomerId> = differing.map(|(one, _)| one.id).collect();
        if !differing.is_empty() {
            self.conflicts.push(MergeConflict {
                field: field.to_owned(),
                customer: chosen.map(|(one, _)| one.id),
                differing,
            });
        }
        chosen.map(|(_, value)| (*value).clone())
    }
}

/// What is there already stays, and is verified where either was.
fn add_contact_point(points: &mut Vec<ContactPoint>, point: &ContactPoint) {
    if let Some(known) = points.iter_mut().find(|known| known.is_same_as(point)) {
        known.verify_time = known.verify_time.or(point.verify_time);
        return;
    }
    let primary = points.iter().any(|p| p.primary && p.kind == point.kind);
    points.push(ContactPoint {
        primary: point.primary && !primary,
        ..point.clone()
    });
}

fn add_address(addresses: &mut Vec<Address>, address: &Address) {
    let primary = addresses.iter().any(|one| one.primary);
    let address = Address {
        primary: address.primary && !primary,
        ..address.clone()
    };
    let same = |known: &Address| {
        let known = Address {
            primary: address.primary,
            ..known.clone()
        };
        known == address
    };
    if !addresses.iter().any(same) {
        addresses.push(address);
    }
}

/// The survivor's file without what the merge brought: what it was `before`, with everything that was
/// changed since it was `merged`; and the fields in which that is something.
pub fn unmerge(
    before: &Customer,
    merged: &Customer,
    file: &Customer,
    now: Timestamp,
) -> (Customer, Vec<String>) {
    let mut sides = Sides {
        before,
        merged,
        file,
        kept: Vec::new(),
    };
    let mut after = Customer {
        display_name: sides.one("display_name", |one| one.display_name.clone()),
        given_name: sides.one("given_name", |one| one.given_name.clone()),
        family_name: sides.one("family_name", |one| one.family_name.clone()),
        legal_name: sides.one("legal_name", |one| one.legal_name.clone()),
        gender: sides.one("gender", |one| one.gender),
        birth_date: sides.one("birth_date", |one| one.birth_date),
        region_code: sides.one("region_code", |one| one.region_code.clone()),
        language_code: sides.one("language_code", |one| one.language_code.clone()),
        time_zone: sides.one("time_zone", |one| one.time_zone.clone()),
        contact_points: sides.many(
            "contact_points",
            |one| &one.contact_points,
            ContactPoint::is_same_as,
        ),
        external_ids: sides.many("external_ids", |one| &one.external_ids, PartialEq::eq),
        addresses: sides.many("addresses", |one| &one.addresses, PartialEq::eq),
        tags: sides.many("tags", |one| &one.tags, PartialEq::eq),
        attributes: BTreeMap::new(),
        owner: sides.one("owner", |one| one.owner.clone()),
        team: sides.one("team", |one| one.team.clone()),
        industry: sides.one("industry", |one| one.industry.clone()),
        ..file.clone()
    };
    let all = [before, merged, file];
    let ids: BTreeSet<&String> = all.iter().flat_map(|one| one.attributes.keys()).collect();
    for id in ids {
        let known = all.iter().filter_map(|one| one.attributes.get(id));
        // That there is a certain one can say as much as its value.
        let is_sensitive = known
            .into_iter()
            .any(|one| one.protection == Protection::Sensitive);
        let path = match is_sensitive {
            true => "attributes".to_owned(),
            false => attribute_path(id),
        };
        let value = sides.one(&path, |one| one.attributes.get(id).cloned());
        after
            .attributes
            .extend(value.map(|value| (id.clone(), value)));
    }
    after.tags.sort_unstable();
    leave_one_primary(&mut after);
    after.touch(now);
    (after, sides.kept)
}

/// The first is the one: what the others had brought may have hidden it.
fn leave_one_primary(customer: &mut Customer) {
    let mut kinds = Vec::new();
    for point in &mut customer.contact_points {
        point.primary &= !kinds.contains(&point.kind);
        if point.primary {
            kinds.push(point.kind);
        }
    }
    let mut is_there = false;
    for address in &mut customer.addresses {
        address.primary &= !is_there;
        is_there |= address.primary;
    }
}

struct Sides<'a> {
    before: &'a Customer,
    merged: &'a Customer,
    file: &'a Customer,
    kept: Vec<String>,
}

impl Sides<'_> {
    fn one<T: PartialEq>(&mut self, field: &str, value: impl Fn(&Customer) -> T) -> T {
        let now = value(self.file);
        if now == value(self.merged) {
            return value(self.before);
        }
        if self.kept.iter().all(|kept| kept != field) {
            self.kept.push(field.to_owned());
        }
        now
    }

    /// In the order of what was before, then what was added.
    fn many<T: Clone + PartialEq>(
        &mut self,
        field: &str,
        values: impl Fn(&Customer) -> &Vec<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Vec<T> {
        let (before, merged, now) = (values(self.before), values(self.merged), values(self.file));
        if now == merged {
            return before.clone();
        }
        self.kept.push(field.to_owned());
        let of = |all: &[T], one: &T| all.iter().find(|other| same(other, one)).cloned();
        let own = before.iter().filter_map(|one| {
            let now = of(now, one)?;
            // Untouched, it is what it was before the merge.
            let untouched = of(merged, one).is_some_and(|then| then == now);
            Some(if untouched { one.clone() } else { now })
        });
        let added = now.iter().filter(|one| {
            let is_known = of(before, one).is_some() || of(merged, one).is_some();
            !is_known
        });
        own.chain(added.cloned()).collect()
    }
}

#[cfg(test)]
mod tests;
