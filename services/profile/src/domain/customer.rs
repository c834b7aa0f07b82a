//! The customer's file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dossier_kernel::{CustomerId, Patch, Pii, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Address, Attribute, Checked, ContactPoint, Date, Definitions, Draft, ExternalId, FIRST, Hidden,
    Industry, Key, Retag, Violations, address, contact_point, external_id, tag,
};

/// How long a deleted file is kept before it is purged.
pub const RETENTION: Duration = Duration::from_secs(30 * 86_400);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CustomerType {
    Person,
    Organization,
}

impl CustomerType {
    pub const ALL: [Self; 2] = [Self::Person, Self::Organization];

    /// The word used in stores, filters and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Organization => "ORGANIZATION",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Gender {
    Female,
    Male,
    Other,
}

impl Gender {
    pub const ALL: [Self; 3] = [Self::Female, Self::Male, Self::Other];

    /// The word used in stores, filters and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "FEMALE",
            Self::Male => "MALE",
            Self::Other => "OTHER",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gender| gender.as_str() == word)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// Counts the writes from 1; the etag is made of it.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub delete_time: Option<Timestamp>,
    pub purge_time: Option<Timestamp>,
    pub kind: CustomerType,
    pub display_name: Pii<String>,
    pub given_name: Option<Pii<String>>,
    pub family_name: Option<Pii<String>>,
    pub legal_name: Option<Pii<String>>,
    pub gender: Option<Gender>,
    pub birth_date: Option<Date>,
    pub region_code: Option<String>,
    pub language_code: Option<String>,
    pub time_zone: Option<String>,
    pub contact_points: Vec<ContactPoint>,
    pub external_ids: Vec<ExternalId>,
    pub addresses: Vec<Address>,
    /// Sorted, without repeats.
    pub tags: Vec<String>,
    pub attributes: BTreeMap<String, Attribute>,
    /// The principal that looks after the customer, such as `person:amy`.
    pub owner: Option<String>,
    pub team: Option<String>,
    /// An organisation's.
    pub industry: Option<Industry>,
    /// The SENSITIVE values as they are stored, where there are any and they were not opened: then
    /// they are not among the attributes, and are saved again as they are.
    pub closed: Option<Vec<u8>>,
}

impl Customer {
    /// A new file; `None` when something is wrong, which `violations` then names.
    pub fn create(
        id: CustomerId,
        draft: Checked,
        definitions: &Definitions,
        now: Timestamp,
        violations: &mut Violations,
    ) -> Option<Self> {
        // The type is read from the draft below; a draft without it is refused.
        let mut customer = Self::blank(id, CustomerType::Person, now);
        match draft.0.kind {
            Patch::Set(kind) => customer.kind = kind,
            Patch::Absent | Patch::Clear => {
                violations.add("type", "is required: PERSON or ORGANIZATION");
            }
        }
        customer.patch(draft.0, definitions, violations);
        violations.is_empty().then_some(customer)
    }

    /// Applies the draft. `Some` is the fields that changed, in the contract's names, with those that
    /// it sets unseen; when there are none, neither is there a new revision. `None` when something
    /// is wrong.
    pub fn apply(
        &mut self,
        draft: Checked,
        definitions: &Definitions,
        now: Timestamp,
        violations: &mut Violations,
    ) -> Option<Vec<String>> {
        let before = self.clone();
        match draft.0.kind {
            Patch::Set(kind) if kind != self.kind => {
                violations.add("type", "cannot change; create another customer");
            }
            Patch::Clear => violations.add("type", "cannot be cleared"),
            Patch::Set(_) | Patch::Absent => {}
        }
        let unseen = draft.0.set_unseen(definitions);
        self.patch(draft.0, definitions, violations);
        if !violations.is_empty() {
            *self = before;
            return None;
        }
        let changed = changed_fields(&before, self, &unseen);
        if !changed.is_empty() {
            self.touch(now);
        }
        Some(changed)
    }

    /// Deletes softly; says whether that changed anything.
    pub fn delete(&mut self, now: Timestamp) -> bool {
        if self.delete_time.is_some() {
            return false;
        }
        self.delete_time = Some(now);
        self.purge_time = Some(now.plus(RETENTION));
        self.touch(now);
        true
    }

    /// Puts one tag in the place of others; says whether that changed anything.
    pub fn retag(&mut self, retag: &Retag, now: Timestamp) -> bool {
        let changes = retag.apply(&mut self.tags);
        if changes {
            self.touch(now);
        }
        changes
    }

    /// Brings the file back; says whether it was deleted.
    pub fn undelete(&mut self, now: Timestamp) -> bool {
        if self.delete_time.is_none() {
            return false;
        }
        self.delete_time = None;
        self.purge_time = None;
        self.touch(now);
        true
    }

    /// The identifiers by which the customer is found.
    pub fn keys(&self) -> Vec<Key> {
        let ids = self.external_ids.iter().map(Key::from);
        ids.chain(self.contact_points.iter().map(Key::from))
            .collect()
    }

    /// The fields that hold something, in the contract's names; attributes one by one.
    pub fn filled_fields(&self) -> Vec<String> {
        let blank = Self::blank(self.id, self.kind, self.create_time);
        let mut fields = vec!["type".to_owned()];
        fields.append(&mut changed_fields(&blank, self, &BTreeSet::new()));
        fields
    }

    /// Takes out what a caller may not see.
    pub fn hide(&mut self, hidden: Hidden) {
        if hidden.direct {
            self.display_name = Pii::new(String::new());
            self.given_name = None;
            self.family_name = None;
            self.legal_name = None;
            self.contact_points.clear();
            self.external_ids.clear();
            for address in &mut self.addresses {
                address.postal_code = None;
                address.lines.clear();
            }
        }
        self.attributes
            .retain(|_, attribute| !hidden.hides(attribute.protection));
    }

    pub fn etag(&self) -> String {
        self.revision.to_string()
    }

    fn blank(id: CustomerId, kind: CustomerType, now: Timestamp) -> Self {
        Self {
            id,
            revision: FIRST,
            create_time: now,
            update_time: now,
            delete_time: None,
            purge_time: None,
            kind,
            display_name: Pii::new(String::new()),
            given_name: None,
            family_name: None,
            legal_name: None,
            gender: None,
            birth_date: None,
            region_code: None,
            language_code: None,
            time_zone: None,
            contact_points: Vec::new(),
            external_ids: Vec::new(),
            addresses: Vec::new(),
            tags: Vec::new(),
            attributes: BTreeMap::new(),
            owner: None,
            team: None,
            industry: None,
            closed: None,
        }
    }

    pub(super) fn touch(&mut self, now: Timestamp) {
        self.revision += 1;
        // A clock that was set back must not make a file older than it was.
        self.update_time = now.max(self.update_time);
    }

    fn patch(&mut self, draft: Draft, definitions: &Definitions, violations: &mut Violations) {
        let Draft {
            kind: _,
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
            unseen,
            problems: _,
        } = draft;
        let was_made = self.has_made_name();
        given_name.apply(&mut self.given_name);
        family_name.apply(&mut self.family_name);
        legal_name.apply(&mut self.legal_name);
        gender.apply(&mut self.gender);
        birth_date.apply(&mut self.birth_date);
        region_code.apply(&mut self.region_code);
        language_code.apply(&mut self.language_code);
        time_zone.apply(&mut self.time_zone);
        contact_point::apply(contact_points, &mut self.contact_points);
        external_id::apply(external_ids, &mut self.external_ids);
        address::apply(addresses, &mut self.addresses);
        tag::apply(tags, &mut self.tags);
        attributes.apply(&mut self.attributes, unseen, definitions, violations);
        owner.apply(&mut self.owner);
        team.apply(&mut self.team);
        industry.apply(&mut self.industry);

        match display_name {
            Patch::Set(name) => self.display_name = name,
            Patch::Absent if !was_made && !self.display_name.expose().is_empty() => {}
            // A name that was made follows what it was made from.
            Patch::Absent | Patch::Clear => match self.made_name() {
                Some(name) => self.display_name = Pii::new(name),
                // Something it could be made from may be among what is wrong already.
                None if violations.is_empty() => violations.add(
                    "display_name",
                    "is required where there is no name part, contact point or external id to make it from",
                ),
                None => {}
            },
        }
        self.check_whole(violations);
    }

    pub(super) fn has_made_name(&self) -> bool {
        self.made_name().as_deref() == Some(self.display_name.expose().as_str())
    }

    /// The name to show where nobody gave one: from the name parts, else from the first way the
    /// customer is known by.
    pub(super) fn made_name(&self) -> Option<String> {
        let text = |name: &Option<Pii<String>>| name.as_ref().map(|n| n.expose().clone());
        let person = match (text(&self.given_name), text(&self.family_name)) {
            (Some(given), Some(family)) if is_cjk(&given) && is_cjk(&family) => {
                Some(format!("{family}{given}"))
            }
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            (given, family) => given.or(family),
        };
        let mut name = person
            .or_else(|| text(&self.legal_name))
            .or_else(|| {
                self.contact_points
                    .first()
                    .map(|p| p.normalized.expose().clone())
            })
            .or_else(|| {
                self.external_ids
                    .first()
                    .map(|id| id.value.expose().clone())
            })?;
        if let Some((end, _)) = name.char_indices().nth(256) {
            name.truncate(end);
        }
        Some(name)
    }

    /// What must hold of the file as a whole.
    pub(super) fn check_whole(&self, violations: &mut Violations) {
        let mut forbid = |there: bool, field: &str, whose: &str| {
            if there {
                violations.add(field, format!("belongs to {whose} only"));
            }
        };
        match self.kind {
            CustomerType::Person => {
                forbid(self.legal_name.is_some(), "legal_name", "organizations");
                forbid(self.industry.is_some(), "industry", "organizations");
            }
            CustomerType::Organization => {
                forbid(self.given_name.is_some(), "given_name", "persons");
                forbid(self.family_name.is_some(), "family_name", "persons");
                forbid(self.gender.is_some(), "gender", "persons");
                forbid(self.birth_date.is_some(), "birth_date", "persons");
            }
        }
        let mut limit = |count: usize, most: usize, field: &str| {
            if count > most {
                violations.add(field, format!("must not be more than {most}"));
            }
        };
        limit(
            self.contact_points.len(),
            contact_point::COUNT_MAX,
            "contact_points",
        );
        limit(
            self.external_ids.len(),
            external_id::COUNT_MAX,
            "external_ids",
        );
        limit(self.addresses.len(), address::COUNT_MAX, "addresses");
        limit(self.tags.len(), tag::COUNT_MAX, "tags");
        external_id::check_whole(&self.external_ids, self.kind, violations);
    }
}

/// Names written in Han characters are family name first, without a space.
fn is_cjk(name: &str) -> bool {
    name.chars()
        .all(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' | '·'))
}

/// What differs or is set unseen, in the contract's names and always in one order; attributes one by
/// one.
pub(super) fn changed_fields(
    before: &Customer,
    after: &Customer,
    unseen: &BTreeSet<String>,
) -> Vec<String> {
    let Customer {
        id: _,
        revision: _,
        create_time: _,
        update_time: _,
        delete_time: _,
        purge_time: _,
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
    } = after;
    let scalars = [
        ("type", *kind != before.kind),
        ("display_name", *display_name != before.display_name),
        ("given_name", *given_name != before.given_name),
        ("family_name", *family_name != before.family_name),
        ("legal_name", *legal_name != before.legal_name),
        ("gender", *gender != before.gender),
        ("birth_date", *birth_date != before.birth_date),
        ("region_code", *region_code != before.region_code),
        ("language_code", *language_code != before.language_code),
        ("time_zone", *time_zone != before.time_zone),
        ("contact_points", *contact_points != before.contact_points),
        ("external_ids", *external_ids != before.external_ids),
        ("addresses", *addresses != before.addresses),
        ("tags", *tags != before.tags),
        ("owner", *owner != before.owner),
        ("team", *team != before.team),
        ("industry", *industry != before.industry),
    ];
    let changed = scalars
        .into_iter()
        .filter(|(name, differs)| *differs || unseen.contains(*name));
    let mut fields: Vec<String> = changed.map(|(name, _)| name.to_owned()).collect();
    let ids: BTreeSet<_> = attributes.keys().chain(before.attributes.keys()).collect();
    for id in ids {
        let field = format!("attributes.{id}");
        if attributes.get(id) != before.attributes.get(id) || unseen.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

#[cfg(test)]
mod tests;
