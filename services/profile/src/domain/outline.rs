//! The part of a customer that describes without naming: what lists filter by, what the feed
//! carries and what segments see. Classes NONE and QUASI, no key needed.

use std::collections::BTreeMap;

use dossier_kernel::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Address, Attribute, AttributeValue, Customer, CustomerType, Date, Gender, Industry, Protection,
};

/// Its serde form is part of feed bodies: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub id: CustomerId,
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_time: Option<Timestamp>,
    pub kind: CustomerType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressOutline>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<Industry>,
}

/// Where somebody lives, as far as the city's district.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressOutline {
    pub region_code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrative_area: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sublocality: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division_code: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

impl Outline {
    /// What followers are told of a customer that is gone: that it is, and by whose policies they may
    /// know. Nothing describes the customer.
    pub fn farewell(self) -> Self {
        Self {
            gender: None,
            birth_date: None,
            region_code: None,
            language_code: None,
            time_zone: None,
            tags: Vec::new(),
            addresses: Vec::new(),
            attributes: BTreeMap::new(),
            industry: None,
            ..self
        }
    }

    /// Of an id that is all that is known of a customer: its type is nobody's any more and means nothing.
    pub fn of_nobody(id: CustomerId, now: Timestamp) -> Self {
        Self {
            id,
            revision: 0,
            create_time: now,
            update_time: now,
            delete_time: Some(now),
            purge_time: Some(now),
            kind: CustomerType::Person,
            gender: None,
            birth_date: None,
            region_code: None,
            language_code: None,
            time_zone: None,
            tags: Vec::new(),
            addresses: Vec::new(),
            attributes: BTreeMap::new(),
            owner: None,
            team: None,
            industry: None,
        }
    }

    /// Destructured exhaustively, so that a new field must be classed here to compile.
    pub fn of(customer: &Customer) -> Self {
        let Customer {
            id,
            revision,
            create_time,
            update_time,
            delete_time,
            purge_time,
            kind,
            display_name: _,
            given_name: _,
            family_name: _,
            legal_name: _,
            gender,
            birth_date,
            region_code,
            language_code,
            time_zone,
            contact_points: _,
            external_ids: _,
            addresses,
            tags,
            attributes,
            owner,
            team,
            industry,
            closed: _,
        } = customer;
        Self {
            id: *id,
            revision: *revision,
            create_time: *create_time,
            update_time: *update_time,
            delete_time: *delete_time,
            purge_time: *purge_time,
            kind: *kind,
            gender: *gender,
            birth_date: *birth_date,
            region_code: region_code.clone(),
            language_code: language_code.clone(),
            time_zone: time_zone.clone(),
            tags: tags.clone(),
            addresses: addresses.iter().map(AddressOutline::of).collect(),
            attributes: clear(attributes),
            owner: owner.clone(),
            team: team.clone(),
            industry: industry.clone(),
        }
    }
}

impl AddressOutline {
    fn of(address: &Address) -> Self {
        let Address {
            region_code,
            postal_code: _,
            administrative_area,
            locality,
            sublocality,
            division_code,
            lines: _,
            label,
            primary,
        } = address;
        Self {
            region_code: region_code.clone(),
            administrative_area: administrative_area.clone(),
            locality: locality.clone(),
            sublocality: sublocality.clone(),
            division_code: division_code.clone(),
            label: label.clone(),
            primary: *primary,
        }
    }
}

fn clear(attributes: &BTreeMap<String, Attribute>) -> BTreeMap<String, AttributeValue> {
    let clear = attributes
        .iter()
        .filter(|(_, a)| a.protection == Protection::Clear);
    clear
        .map(|(id, attribute)| (id.clone(), attribute.value.clone()))
        .collect()
}
