//! A customer's file as it is stored: JSON of this structure. It holds fields of classes NONE and
//! QUASI only, so it is clear.

use std::collections::BTreeMap;

use dossier_kernel::{Money, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{AttributeType, AttributeValue, Attributes, CustomerType, Gender, Profile};
use crate::error::Error;

/// A later form of the structure gets another number.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u8,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth_date: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    create_time: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    industry: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, StoredValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredValue {
    String(String),
    Int(i64),
    Decimal(i64),
    Bool(bool),
    Date(i32),
    Time(Timestamp),
    Money(Money),
    StringList(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredType {
    String,
    Enum(Vec<String>),
    Int,
    Decimal,
    Bool,
    Date,
    Time,
    Money,
    StringList,
}

pub fn write(profile: &Profile) -> Result<String> {
    let Profile {
        kind,
        gender,
        birth_date,
        region_code,
        language_code,
        time_zone,
        owner,
        team,
        create_time,
        tags,
        industry,
        attributes,
    } = profile;
    let stored = Stored {
        v: VERSION,
        kind: kind.as_str().to_owned(),
        gender: gender.map(|gender| gender.as_str().to_owned()),
        birth_date: *birth_date,
        region_code: region_code.clone(),
        language_code: language_code.clone(),
        time_zone: time_zone.clone(),
        owner: owner.clone(),
        team: team.clone(),
        create_time: *create_time,
        tags: tags.clone(),
        industry: industry.clone(),
        attributes: attributes
            .iter()
            .map(|(id, value)| (id.clone(), value.into()))
            .collect(),
    };
    Ok(serde_json::to_string(&stored).map_err(|error| Error::unreadable("profile", error))?)
}

pub fn read(json: &str) -> Result<Profile> {
    let stored: Stored =
        serde_json::from_str(json).map_err(|error| Error::unreadable("profile", error))?;
    let spoiled = |what: &str| Error::unreadable("profile", format!("its {what}"));
    let Stored {
        v,
        kind,
        gender,
        birth_date,
        region_code,
        language_code,
        time_zone,
        owner,
        team,
        create_time,
        tags,
        industry,
        attributes,
    } = stored;
    if v != VERSION {
        return Err(spoiled("version").into());
    }
    let kind = CustomerType::ALL
        .into_iter()
        .find(|known| known.as_str() == kind);
    let gender = match gender {
        None => None,
        Some(name) => {
            let known = Gender::ALL
                .into_iter()
                .find(|gender| gender.as_str() == name);
            Some(known.ok_or_else(|| spoiled("gender"))?)
        }
    };
    Ok(Profile {
        kind: kind.ok_or_else(|| spoiled("type"))?,
        gender,
        birth_date,
        region_code,
        language_code,
        time_zone,
        owner,
        team,
        create_time,
        tags,
        industry,
        attributes: attributes
            .into_iter()
            .map(|(id, value)| (id, value.into()))
            .collect(),
    })
}

/// The types of the attributes that a rule names.
pub fn write_types(attributes: &Attributes) -> Result<String> {
    let stored: BTreeMap<&str, StoredType> = attributes
        .iter()
        .map(|(id, kind)| (id.as_str(), kind.into()))
        .collect();
    Ok(serde_json::to_string(&stored).map_err(|error| Error::unreadable("rule", error))?)
}

pub fn read_types(json: &str) -> Result<Attributes> {
    let stored: BTreeMap<String, StoredType> =
        serde_json::from_str(json).map_err(|error| Error::unreadable("rule", error))?;
    Ok(stored
        .into_iter()
        .map(|(id, kind)| (id, kind.into()))
        .collect())
}

impl From<&AttributeValue> for StoredValue {
    fn from(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::String(text) => Self::String(text.clone()),
            AttributeValue::Int(number) => Self::Int(*number),
            AttributeValue::Decimal(micros) => Self::Decimal(*micros),
            AttributeValue::Bool(flag) => Self::Bool(*flag),
            AttributeValue::Date(days) => Self::Date(*days),
            AttributeValue::Time(at) => Self::Time(*at),
            AttributeValue::Money(money) => Self::Money(*money),
            AttributeValue::StringList(texts) => Self::StringList(texts.clone()),
        }
    }
}

impl From<StoredValue> for AttributeValue {
    fn from(value: StoredValue) -> Self {
        match value {
            StoredValue::String(text) => Self::String(text),
            StoredValue::Int(number) => Self::Int(number),
            StoredValue::Decimal(micros) => Self::Decimal(micros),
            StoredValue::Bool(flag) => Self::Bool(flag),
            StoredValue::Date(days) => Self::Date(days),
            StoredValue::Time(at) => Self::Time(at),
            StoredValue::Money(money) => Self::Money(money),
            StoredValue::StringList(texts) => Self::StringList(texts),
        }
    }
}

impl From<&AttributeType> for StoredType {
    fn from(kind: &AttributeType) -> Self {
        match kind {
            AttributeType::String => Self::String,
            AttributeType::Enum(choices) => Self::Enum(choices.clone()),
            AttributeType::Int => Self::Int,
            AttributeType::Decimal => Self::Decimal,
            AttributeType::Bool => Self::Bool,
            AttributeType::Date => Self::Date,
            AttributeType::Time => Self::Time,
            AttributeType::Money => Self::Money,
            AttributeType::StringList => Self::StringList,
        }
    }
}

impl From<StoredType> for AttributeType {
    fn from(kind: StoredType) -> Self {
        match kind {
            StoredType::String => Self::String,
            StoredType::Enum(choices) => Self::Enum(choices),
            StoredType::Int => Self::Int,
            StoredType::Decimal => Self::Decimal,
            StoredType::Bool => Self::Bool,
            StoredType::Date => Self::Date,
            StoredType::Time => Self::Time,
            StoredType::Money => Self::Money,
            StoredType::StringList => Self::StringList,
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Currency;

    use super::*;

    #[test]
    fn a_profile_comes_back_from_its_json() {
        let values = [
            AttributeValue::String("x".to_owned()),
            AttributeValue::Int(i64::MIN),
            AttributeValue::Decimal(1_500_000),
            AttributeValue::Bool(true),
            AttributeValue::Date(-1),
            AttributeValue::Time(Timestamp(7)),
            AttributeValue::Money(Money::new(1, Currency::USD)),
            AttributeValue::StringList(vec!["a".to_owned()]),
        ];
        let full = Profile {
            kind: CustomerType::Organization,
            gender: Some(Gender::Other),
            birth_date: Some(-719_162),
            region_code: Some("CN".to_owned()),
            language_code: Some("zh-CN".to_owned()),
            time_zone: Some("Asia/Shanghai".to_owned()),
            owner: Some("person:amy".to_owned()),
            team: Some("north".to_owned()),
            create_time: Timestamp(5),
            tags: vec!["vip".to_owned()],
            industry: vec!["C".to_owned(), "10".to_owned()],
            attributes: values
                .into_iter()
                .enumerate()
                .map(|(n, v)| (format!("a{n}"), v))
                .collect(),
        };
        let empty = Profile {
            kind: CustomerType::Person,
            gender: None,
            birth_date: None,
            region_code: None,
            language_code: None,
            time_zone: None,
            owner: None,
            team: None,
            create_time: Timestamp(0),
            tags: Vec::new(),
            industry: Vec::new(),
            attributes: BTreeMap::new(),
        };
        for profile in [full, empty] {
            assert_eq!(
                read(&write(&profile).expect("writes")).expect("reads"),
                profile
            );
        }
        assert!(read("{\"v\":2}").is_err());
    }

    #[test]
    fn types_come_back_from_their_json() {
        let types = [
            AttributeType::String,
            AttributeType::Enum(vec!["gold".to_owned()]),
            AttributeType::Int,
            AttributeType::Decimal,
            AttributeType::Bool,
            AttributeType::Date,
            AttributeType::Time,
            AttributeType::Money,
            AttributeType::StringList,
        ];
        let types: Attributes = types
            .into_iter()
            .enumerate()
            .map(|(n, kind)| (format!("a{n}"), kind))
            .collect();
        assert_eq!(
            read_types(&write_types(&types).expect("writes")).expect("reads"),
            types
        );
    }
}
