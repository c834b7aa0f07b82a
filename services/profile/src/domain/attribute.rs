//! Values of the tenant's own fields.

use std::collections::BTreeMap;

use dossier_kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::attribute_definition::{COUNT_MAX, is_id};
use super::{AttributeType, Date, Definitions, Hidden, Protection, Violations, normalize};

pub const TEXT_LENGTH_MAX: usize = 4_096;
pub const LIST_LENGTH_MAX: usize = 100;

/// One value. Its serde form is what stores keep and filters look into (`{"i":5}`): the letters
/// stay. No `Debug`, because a value can be as personal as its definition says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Also a choice of an enum.
    #[serde(rename = "s")]
    String(String),
    #[serde(rename = "i")]
    Int(i64),
    /// Millionths.
    #[serde(rename = "d")]
    Decimal(i64),
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "a")]
    Date(Date),
    #[serde(rename = "t")]
    Time(Timestamp),
    #[serde(rename = "m")]
    Money(Money),
    #[serde(rename = "l")]
    StringList(Vec<String>),
}

impl AttributeValue {
    /// The type that has such values; texts count as STRING.
    pub const fn kind(&self) -> AttributeType {
        match self {
            Self::String(_) => AttributeType::String,
            Self::Int(_) => AttributeType::Int,
            Self::Decimal(_) => AttributeType::Decimal,
            Self::Bool(_) => AttributeType::Bool,
            Self::Date(_) => AttributeType::Date,
            Self::Time(_) => AttributeType::Time,
            Self::Money(_) => AttributeType::Money,
            Self::StringList(_) => AttributeType::StringList,
        }
    }

    /// In one spelling: a choice of an enum as choices are spelt, other texts as prose.
    #[must_use]
    pub fn normalize(self, kind: AttributeType) -> Self {
        match self {
            Self::String(text) if kind == AttributeType::Enum => {
                Self::String(normalize::text(&text))
            }
            Self::String(text) => Self::String(normalize::prose(&text)),
            Self::StringList(texts) => {
                Self::StringList(texts.iter().map(|text| normalize::prose(text)).collect())
            }
            Self::Int(_)
            | Self::Decimal(_)
            | Self::Bool(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Money(_) => self,
        }
    }

    pub fn objection(&self) -> Option<String> {
        let long = |text: &String| text.chars().count() > TEXT_LENGTH_MAX;
        // PostgreSQL stores no U+0000.
        let odd = |text: &String| text.contains('\0');
        match self {
            Self::String(text) if odd(text) => {
                Some("must not contain the character U+0000".to_owned())
            }
            Self::StringList(texts) if texts.iter().any(odd) => {
                Some("must not contain the character U+0000".to_owned())
            }
            Self::String(text) if long(text) => {
                Some("must have at most 4,096 characters".to_owned())
            }
            Self::StringList(texts) if texts.len() > LIST_LENGTH_MAX => {
                Some("must have at most 100 texts".to_owned())
            }
            Self::StringList(texts) if texts.iter().any(long) => {
                Some("must have texts of at most 4,096 characters".to_owned())
            }
            _ => None,
        }
    }
}

/// The kind alone; the value stays where it is.
impl std::fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}(…)", self.kind())
    }
}

/// The path of an attribute. An id that is none may be personal and is not repeated.
pub fn path(id: &str) -> String {
    match is_id(id) {
        true => format!("attributes.{id}"),
        false => "attributes".to_owned(),
    }
}

/// A value with where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub protection: Protection,
    pub value: AttributeValue,
}

/// What a draft says about attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AttributePatch {
    /// Nothing.
    #[default]
    Absent,
    /// These and no others.
    Replace(BTreeMap<String, AttributeValue>),
    /// These become so; those with `None` go; others stay.
    Change(BTreeMap<String, Option<AttributeValue>>),
}

impl AttributePatch {
    /// Of nothing where nothing changes.
    pub fn change(changes: impl IntoIterator<Item = (String, Option<AttributeValue>)>) -> Self {
        let changes: BTreeMap<_, _> = changes.into_iter().collect();
        match changes.is_empty() {
            true => Self::Absent,
            false => Self::Change(changes),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The attributes that it gives values to.
    pub fn set_ids(&self) -> impl Iterator<Item = &String> {
        let (replaced, changed) = match self {
            Self::Absent => (None, None),
            Self::Replace(values) => (Some(values.keys()), None),
            Self::Change(values) => (None, Some(values.iter())),
        };
        let changed = changed.into_iter().flatten();
        let changed = changed.filter_map(|(id, value)| value.is_some().then_some(id));
        replaced.into_iter().flatten().chain(changed)
    }

    /// Applies the patch to `field`; what is `unseen` is not removed. A value that stays as it is
    /// needs no definition, so that a deprecated attribute does not block other changes; of one that
    /// is unseen nobody learns that it stays.
    pub fn apply(
        self,
        field: &mut BTreeMap<String, Attribute>,
        unseen: Hidden,
        definitions: &Definitions,
        violations: &mut Violations,
    ) {
        let changes: Vec<_> = match self {
            Self::Absent => return,
            Self::Change(changes) => changes.into_iter().collect(),
            Self::Replace(values) => {
                field.retain(|id, known| values.contains_key(id) || unseen.hides(known.protection));
                values
                    .into_iter()
                    .map(|(id, value)| (id, Some(value)))
                    .collect()
            }
        };
        for (id, value) in changes {
            let Some(value) = value else {
                if !field
                    .get(&id)
                    .is_some_and(|known| unseen.hides(known.protection))
                {
                    field.remove(&id);
                }
                continue;
            };
            let stays = |known: &Attribute| known.value == value && !unseen.hides(known.protection);
            if field.get(&id).is_some_and(stays) {
                continue;
            }
            if !is_id(&id) {
                violations.add(
                    path(&id),
                    "has an id that is not 1 to 63 characters of a-z, 0-9 and '_', beginning with a letter",
                );
                continue;
            }
            let path = || path(&id);
            match definitions.get(&id) {
                None => violations.add(path(), "is not defined; make an AttributeDefinition first"),
                Some(definition) if definition.deprecated => {
                    violations.add(path(), "is deprecated and takes no new values");
                }
                Some(definition) => {
                    let value = value.normalize(definition.kind);
                    match definition.objection(&value) {
                        Some(words) => violations.add(path(), words),
                        None => {
                            let protection = definition.class.protection();
                            field.insert(id, Attribute { protection, value });
                        }
                    }
                }
            }
        }
        if field.len() > COUNT_MAX {
            violations.add("attributes", "must not be more than 500");
        }
    }
}
