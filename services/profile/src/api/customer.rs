//! Customers as messages.

use std::collections::BTreeMap;

use dossier_kernel::{CustomerId, Pii};
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1 as wire;
use prost_types::FieldMask;

use super::enums::{encode_contact_point_type, encode_gender, encode_scheme, encode_type};
use super::value::{encode_attribute, encode_date, encode_time};
use crate::app::{Effect, Lookup, Seen};
use crate::domain::{
    Address, AddressOutline, ContactPoint, Customer, ExternalId, Industry, Outline,
};

/// As the caller may see it.
pub fn encode(seen: Seen) -> wire::Customer {
    let masked = seen.masked_fields();
    let Seen { customer, sight: _ } = seen;
    let etag = customer.etag();
    let Customer {
        id,
        revision: _,
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
    } = customer;
    let attributes = attributes.into_iter().map(|(id, attribute)| {
        // Where a value is kept is nobody's business outside.
        (id, encode_attribute(attribute.value))
    });
    wire::Customer {
        name: id.to_name(),
        uid: id.to_string(),
        etag,
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        delete_time: delete_time.map(encode_time),
        purge_time: purge_time.map(encode_time),
        r#type: encode_type(kind).into(),
        display_name: display_name.expose().clone(),
        given_name: plain(given_name),
        family_name: plain(family_name),
        legal_name: plain(legal_name),
        gender: encode_gender(gender).into(),
        birth_date: birth_date.map(encode_date),
        region_code: region_code.unwrap_or_default(),
        language_code: language_code.unwrap_or_default(),
        time_zone: time_zone.unwrap_or_default(),
        contact_points: contact_points.into_iter().map(contact_point).collect(),
        external_ids: external_ids.into_iter().map(external_id).collect(),
        addresses: addresses.into_iter().map(address).collect(),
        tags,
        attributes: attributes.collect(),
        owner: owner.unwrap_or_default(),
        team: team.unwrap_or_default(),
        industry: industry.map(self::industry),
        masked_fields: (!masked.is_empty()).then(|| FieldMask {
            paths: masked.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// The customer with fields of classes NONE and QUASI only.
pub fn encode_outline(outline: Outline) -> wire::Customer {
    let Outline {
        id,
        revision,
        create_time,
        update_time,
        delete_time,
        purge_time,
        kind,
        gender,
        birth_date,
        region_code,
        language_code,
        time_zone,
        tags,
        addresses,
        attributes,
        owner,
        team,
        industry,
    } = outline;
    let attributes = attributes
        .into_iter()
        .map(|(id, value)| (id, encode_attribute(value)));
    wire::Customer {
        name: id.to_name(),
        uid: id.to_string(),
        etag: revision.to_string(),
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        delete_time: delete_time.map(encode_time),
        purge_time: purge_time.map(encode_time),
        r#type: encode_type(kind).into(),
        display_name: String::new(),
        given_name: String::new(),
        family_name: String::new(),
        legal_name: String::new(),
        gender: encode_gender(gender).into(),
        birth_date: birth_date.map(encode_date),
        region_code: region_code.unwrap_or_default(),
        language_code: language_code.unwrap_or_default(),
        time_zone: time_zone.unwrap_or_default(),
        contact_points: Vec::new(),
        external_ids: Vec::new(),
        addresses: addresses.into_iter().map(address_outline).collect(),
        tags,
        attributes: attributes.collect::<BTreeMap<_, _>>(),
        owner: owner.unwrap_or_default(),
        team: team.unwrap_or_default(),
        industry: industry.map(self::industry),
        masked_fields: None,
    }
}

pub const fn outcome(effect: Effect) -> wire::UpsertOutcome {
    match effect {
        Effect::Created => wire::UpsertOutcome::Created,
        Effect::Updated => wire::UpsertOutcome::Updated,
        Effect::Unchanged => wire::UpsertOutcome::Unchanged,
    }
}

pub fn lookup(lookup: Lookup) -> wire::LookupCustomersResult {
    let Lookup {
        customer,
        origin,
        count,
    } = lookup;
    wire::LookupCustomersResult {
        customer: customer.map(CustomerId::to_name).unwrap_or_default(),
        match_count: i32::try_from(count).unwrap_or(i32::MAX),
        origin: origin.map(CustomerId::to_name).unwrap_or_default(),
    }
}

fn plain(text: Option<Pii<String>>) -> String {
    text.map(|text| text.expose().clone()).unwrap_or_default()
}

fn contact_point(point: ContactPoint) -> wire::ContactPoint {
    let ContactPoint {
        kind,
        value,
        normalized,
        label,
        primary,
        verify_time,
    } = point;
    wire::ContactPoint {
        r#type: encode_contact_point_type(kind).into(),
        value: value.expose().clone(),
        normalized_value: normalized.expose().clone(),
        label,
        primary,
        verify_time: verify_time.map(encode_time),
    }
}

fn external_id(id: ExternalId) -> common::ExternalId {
    let ExternalId { namespace, value } = id;
    common::ExternalId {
        namespace,
        value: value.expose().clone(),
    }
}

fn industry(industry: Industry) -> wire::Industry {
    let (title, path) = (industry.title().to_owned(), industry.path());
    let Industry { scheme, code } = industry;
    wire::Industry {
        scheme: encode_scheme(scheme).into(),
        code,
        title,
        path,
    }
}

fn address(address: Address) -> wire::Address {
    let Address {
        region_code,
        postal_code,
        administrative_area,
        locality,
        sublocality,
        division_code,
        lines,
        label,
        primary,
    } = address;
    wire::Address {
        region_code,
        postal_code: plain(postal_code),
        administrative_area: administrative_area.unwrap_or_default(),
        locality: locality.unwrap_or_default(),
        sublocality: sublocality.unwrap_or_default(),
        address_lines: lines.iter().map(|line| line.expose().clone()).collect(),
        label,
        primary,
        division_code: division_code.unwrap_or_default(),
    }
}

fn address_outline(outline: AddressOutline) -> wire::Address {
    let AddressOutline {
        region_code,
        administrative_area,
        locality,
        sublocality,
        division_code,
        label,
        primary,
    } = outline;
    wire::Address {
        region_code,
        postal_code: String::new(),
        administrative_area: administrative_area.unwrap_or_default(),
        locality: locality.unwrap_or_default(),
        sublocality: sublocality.unwrap_or_default(),
        address_lines: Vec::new(),
        label,
        primary,
        division_code: division_code.unwrap_or_default(),
    }
}
