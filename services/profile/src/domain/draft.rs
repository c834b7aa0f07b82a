//! What a caller says about a customer, field by field.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::{Patch, Pii, Timestamp};

use super::{
    Address, AttributePatch, ContactPoint, Customer, CustomerType, Date, Definitions, ExternalId,
    Gender, Hidden, Industry, Key, Many, Protection, Violations, address, contact_point,
    external_id, normalize, tag,
};

const OWNER_LENGTH_MAX: usize = 256;
const TEAM_LENGTH_MAX: usize = 64;

/// Created, updated, upserted and imported customers all begin as one of these: a creation is a
/// draft applied to an empty file.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub kind: Patch<CustomerType>,
    pub display_name: Patch<Pii<String>>,
    pub given_name: Patch<Pii<String>>,
    pub family_name: Patch<Pii<String>>,
    pub legal_name: Patch<Pii<String>>,
    pub gender: Patch<Gender>,
    pub birth_date: Patch<Date>,
    pub region_code: Patch<String>,
    pub language_code: Patch<String>,
    pub time_zone: Patch<String>,
    pub contact_points: Many<ContactPoint>,
    pub external_ids: Many<ExternalId>,
    pub addresses: Many<Address>,
    pub tags: Many<String>,
    pub attributes: AttributePatch,
    pub owner: Patch<String>,
    pub team: Patch<String>,
    pub industry: Patch<Industry>,
    /// What whoever says it does not see of the file.
    pub unseen: Hidden,
    /// What could not even be read; [`Draft::check`] names it with the rest.
    pub problems: Violations,
}

/// A draft whose every value is normalised and legal on its own. What the whole file may look like
/// is decided when it is applied.
#[derive(Clone, Debug)]
pub struct Checked(pub(super) Draft);

impl Draft {
    /// Normalises every value. Values that are wrong are left out and named in `violations`, so
    /// that whoever goes on can find more.
    ///
    /// `region` reads phone numbers in national form where the draft names no region itself.
    pub fn check(
        self,
        region: Option<&str>,
        now: Timestamp,
        violations: &mut Violations,
    ) -> Checked {
        let Self {
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
            unseen,
            problems,
        } = self;
        violations.append(problems);
        let mut name = |field: &str, text: Patch<Pii<String>>, longest: usize| {
            map(text, |text| {
                let folded = normalize::text(text.expose());
                if folded.is_empty() || folded.chars().count() > longest {
                    violations.add(field, format!("must have 1 to {longest} characters"));
                    return None;
                }
                Some(Pii::new(folded))
            })
        };
        let display_name = name("display_name", display_name, 256);
        let given_name = name("given_name", given_name, 128);
        let family_name = name("family_name", family_name, 128);
        let legal_name = name("legal_name", legal_name, 256);
        let birth_date = map(birth_date, |date| {
            if date.days() > latest_date(now) {
                violations.add("birth_date", "must not be in the future");
                return None;
            }
            Some(date)
        });
        let mut code = |field: &str, text, normalise: fn(&str) -> Option<String>, words: &str| {
            map(text, |text: String| {
                let code = normalise(&text);
                if code.is_none() {
                    violations.add(field, words);
                }
                code
            })
        };
        let region_code = code(
            "region_code",
            region_code,
            normalize::region_code,
            normalize::REGION_CODE_WORDS,
        );
        let language_code = code(
            "language_code",
            language_code,
            normalize::language_code,
            normalize::LANGUAGE_CODE_WORDS,
        );
        let time_zone = code(
            "time_zone",
            time_zone,
            normalize::time_zone,
            normalize::TIME_ZONE_WORDS,
        );
        let mut mark = |field: &str, text, longest: usize| {
            map(text, |text: String| {
                let length = text.chars().count();
                let visible = !text.chars().any(|c| c.is_whitespace() || c.is_control());
                if !visible || length > longest {
                    violations.add(
                        field,
                        format!("must have 1 to {longest} visible characters"),
                    );
                    return None;
                }
                Some(text)
            })
        };
        let (owner, team) = (
            mark("owner", owner, OWNER_LENGTH_MAX),
            mark("team", team, TEAM_LENGTH_MAX),
        );
        let industry = map(industry, |industry: Industry| {
            industry
                .check()
                .map_err(|words| violations.add("industry.code", words))
                .ok()
        });
        let region = match &region_code {
            Patch::Set(code) => Some(code.as_str()),
            Patch::Absent | Patch::Clear => region,
        };
        Checked(Self {
            contact_points: contact_point::check(contact_points, region, violations),
            external_ids: external_id::check(external_ids, violations),
            addresses: address::check(addresses, violations),
            tags: tag::check(tags, violations),
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
            attributes,
            owner,
            team,
            industry,
            unseen,
            problems: Violations::default(),
        })
    }
}

impl Checked {
    /// What gives a file the values of `past`, one of its own revisions; of those in `fields` (the
    /// contract's names) where there are any. What is hidden stays as it is.
    ///
    /// Every value was checked when it was given, and is what it was then: a phone number in national
    /// form does not become another's because the region has changed.
    pub fn restoring(past: Customer, fields: Option<&BTreeSet<String>>, hidden: Hidden) -> Self {
        let Customer {
            id: _,
            revision: _,
            create_time: _,
            update_time: _,
            delete_time: _,
            purge_time: _,
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
            closed: _,
        } = past;
        let wanted = |field: &str| fields.is_none_or(|fields| fields.contains(field));
        let direct = |field: &str| !hidden.direct && wanted(field);
        let values = attributes.into_iter().map(|(id, one)| (id, one.value));
        let attributes = match wanted("attributes") {
            true => AttributePatch::Replace(values.collect()),
            false => {
                let fields = fields.into_iter().flatten();
                let ids = fields.filter_map(|one| one.strip_prefix("attributes."));
                let mut values: BTreeMap<_, _> = values.collect();
                AttributePatch::change(ids.map(|id| (id.to_owned(), values.remove(id))))
            }
        };
        Self(Draft {
            kind: Patch::Absent,
            display_name: one(direct("display_name"), Some(display_name)),
            given_name: one(direct("given_name"), given_name),
            family_name: one(direct("family_name"), family_name),
            legal_name: one(direct("legal_name"), legal_name),
            gender: one(wanted("gender"), gender),
            birth_date: one(wanted("birth_date"), birth_date),
            region_code: one(wanted("region_code"), region_code),
            language_code: one(wanted("language_code"), language_code),
            time_zone: one(wanted("time_zone"), time_zone),
            contact_points: many(direct("contact_points"), contact_points),
            external_ids: many(direct("external_ids"), external_ids),
            addresses: many(direct("addresses"), addresses),
            tags: many(wanted("tags"), tags),
            attributes,
            owner: one(wanted("owner"), owner),
            team: one(wanted("team"), team),
            industry: one(wanted("industry"), industry),
            unseen: hidden,
            problems: Violations::default(),
        })
    }

    /// The identifiers the draft names: external ids first.
    pub fn keys(&self) -> Vec<Key> {
        let ids = self.0.external_ids.values().iter().map(Key::from);
        let points = self.0.contact_points.values().iter().map(Key::from);
        ids.chain(points).collect()
    }

    /// As [`Draft::unseeing`].
    #[must_use]
    pub fn unseeing(self, hidden: Hidden) -> Self {
        Self(self.0.unseeing(hidden))
    }

    /// As [`Draft::sets`].
    pub fn sets(&self, protection: Protection, definitions: &Definitions) -> bool {
        self.0.sets(protection, definitions)
    }

    pub fn has_attributes(&self) -> bool {
        !self.0.attributes.is_absent()
    }

    /// Says what kind of customer it is, where the draft does not.
    #[must_use]
    pub fn or_kind(mut self, kind: Option<CustomerType>) -> Self {
        if let (Patch::Absent, Some(kind)) = (&self.0.kind, kind) {
            self.0.kind = Patch::Set(kind);
        }
        self
    }

    #[cfg(test)]
    pub fn into_draft(self) -> Draft {
        self.0
    }
}

fn one<T>(wanted: bool, value: Option<T>) -> Patch<T> {
    match wanted {
        true => value.map_or(Patch::Clear, Patch::Set),
        false => Patch::Absent,
    }
}

fn many<T>(wanted: bool, values: Vec<T>) -> Many<T> {
    match wanted {
        true => Many::Replace(values),
        false => Many::Absent,
    }
}

fn map<T, U>(patch: Patch<T>, change: impl FnOnce(T) -> Option<U>) -> Patch<U> {
    match patch {
        Patch::Absent => Patch::Absent,
        Patch::Clear => Patch::Clear,
        Patch::Set(value) => change(value).map_or(Patch::Absent, Patch::Set),
    }
}

/// Today where the day begins first (UTC+14), in days since the epoch.
fn latest_date(now: Timestamp) -> i32 {
    let secs = now.micros().div_euclid(1_000_000) + 14 * 3_600;
    i32::try_from(secs.div_euclid(86_400)).unwrap_or(i32::MAX)
}
