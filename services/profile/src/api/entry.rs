//! Customers as files know them, to drafts and from messages.

use std::collections::BTreeMap;

use dossier_kernel::Timestamp;
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1 as wire;
use dossier_tabular::{Address, ContactPoint, ContactPointType, Entry, ExternalId, Fault, Single};

use super::enums::{decode_gender, decode_scheme, decode_type};
use super::enums::{encode_gender, encode_scheme, encode_type};
use super::mask::Mask;
use super::value::{decode_attribute, decode_date, encode_date, encode_time};
use super::{attribute_text, draft};
use crate::domain::{
    AttributePatch, CustomerType, Date, Definitions, Draft, Gender, IndustryScheme, Violations,
};

/// Reads an entry as the message it stands for is read; `faults` are what of it could not be read.
/// Addresses without a region are in the customer's, or in `region`.
pub fn decode(
    entry: Entry,
    faults: Vec<Fault>,
    definitions: &Definitions,
    region: Option<&str>,
) -> Draft {
    let mut problems = Violations::default();
    for Fault { field, words } in faults {
        problems.add(field, words);
    }
    let mut attributes = BTreeMap::new();
    for (id, text) in &entry.attributes {
        // One that nobody defined is refused with the others of that kind.
        let kind = definitions.get(id).map(|definition| definition.kind);
        match kind.map(|kind| attribute_text::read(kind, text)) {
            Some(Ok(value)) => drop(attributes.insert(id.clone(), Some(value))),
            Some(Err(words)) => problems.add(format!("attributes.{id}"), words),
            None => problems.add(
                crate::domain::attribute_path(id),
                "is not defined; make an AttributeDefinition first",
            ),
        }
    }
    let customer = message(&entry, region, &mut problems);
    let mut draft = draft::decode(customer, &Mask::Added);
    if !attributes.is_empty() {
        draft.attributes = AttributePatch::Change(attributes);
    }
    draft.problems.append(problems);
    draft
}

/// What a new customer is where the entry does not say: only organisations have a legal name.
pub fn kind_default(entry: &Entry) -> CustomerType {
    match entry.get(Single::LegalName) {
        Some(_) => CustomerType::Organization,
        None => CustomerType::Person,
    }
}

fn message(entry: &Entry, region: Option<&str>, problems: &mut Violations) -> wire::Customer {
    let text = |single| entry.get(single).unwrap_or_default().to_owned();
    let kind = entry.get(Single::Type).and_then(CustomerType::parse);
    let gender = entry.get(Single::Gender).and_then(Gender::parse);
    let home = entry.get(Single::RegionCode).or(region).unwrap_or_default();
    let points = entry.contact_points.iter().enumerate();
    wire::Customer {
        r#type: kind.map(encode_type).unwrap_or_default().into(),
        display_name: text(Single::DisplayName),
        given_name: text(Single::GivenName),
        family_name: text(Single::FamilyName),
        legal_name: text(Single::LegalName),
        gender: encode_gender(gender).into(),
        birth_date: entry
            .get(Single::BirthDate)
            .and_then(Date::parse)
            .map(encode_date),
        region_code: text(Single::RegionCode),
        language_code: text(Single::LanguageCode),
        time_zone: text(Single::TimeZone),
        contact_points: points
            .map(|(index, point)| contact_point(index, point, problems))
            .collect(),
        external_ids: entry.external_ids.iter().map(external_id).collect(),
        addresses: entry
            .addresses
            .iter()
            .map(|one| address(one, home))
            .collect(),
        tags: entry.tags.clone(),
        owner: text(Single::Owner),
        team: text(Single::Team),
        industry: entry
            .get(Single::Industry)
            .and_then(|text| industry(text, problems)),
        ..wire::Customer::default()
    }
}

fn contact_point(
    index: usize,
    point: &ContactPoint,
    problems: &mut Violations,
) -> wire::ContactPoint {
    let kind = match point.kind {
        ContactPointType::Email => wire::ContactPointType::Email,
        ContactPointType::Phone => wire::ContactPointType::Phone,
    };
    let verify_time = point.verify_time.as_deref().and_then(|text| {
        let time = Timestamp::parse(text);
        if time.is_none() {
            let path = format!("contact_points[{index}].verify_time");
            problems.add(path, "must be an instant such as 2026-01-31T10:00:00Z");
        }
        time.map(encode_time)
    });
    wire::ContactPoint {
        r#type: kind.into(),
        value: point.value.clone(),
        normalized_value: String::new(),
        label: point.label.clone(),
        primary: point.primary,
        verify_time,
    }
}

fn external_id(id: &ExternalId) -> common::ExternalId {
    common::ExternalId {
        namespace: id.namespace.clone(),
        value: id.value.clone(),
    }
}

fn address(address: &Address, home: &str) -> wire::Address {
    let Address {
        region_code,
        postal_code,
        administrative_area,
        locality,
        sublocality,
        division_code,
        address_lines,
        label,
        primary,
    } = address.clone();
    wire::Address {
        region_code: match region_code.is_empty() {
            true => home.to_owned(),
            false => region_code,
        },
        postal_code,
        administrative_area,
        locality,
        sublocality,
        address_lines,
        label,
        primary,
        division_code,
    }
}

fn industry(text: &str, problems: &mut Violations) -> Option<wire::Industry> {
    let read = text.split_once(':').and_then(|(scheme, code)| {
        Some(wire::Industry {
            scheme: encode_scheme(IndustryScheme::parse(scheme)?).into(),
            code: code.to_owned(),
            ..wire::Industry::default()
        })
    });
    if read.is_none() {
        problems.add(
            "industry",
            "must be a list and a code, such as ISIC_REV_4:1071",
        );
    }
    read
}

/// What a file says of a customer: everything that is not the store's own.
pub fn encode(customer: wire::Customer) -> Entry {
    let wire::Customer {
        name: _,
        uid: _,
        etag: _,
        create_time: _,
        update_time: _,
        delete_time: _,
        purge_time: _,
        r#type,
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
        masked_fields,
        industry,
    } = customer;
    let kind = decode_type(r#type).ok().flatten();
    let gender = decode_gender(gender).ok().flatten();
    let birth_date = birth_date.and_then(|date| Some(decode_date(date).ok()?.to_string()));
    let industry = industry.and_then(|one| {
        let scheme = decode_scheme(one.scheme)?.as_str();
        Some(format!("{scheme}:{}", one.code))
    });
    let mut entry = Entry::default();
    for (single, text) in [
        (Single::Type, kind.map_or("", CustomerType::as_str)),
        (Single::DisplayName, &display_name),
        (Single::GivenName, &given_name),
        (Single::FamilyName, &family_name),
        (Single::LegalName, &legal_name),
        (Single::Gender, gender.map_or("", Gender::as_str)),
        (Single::BirthDate, &birth_date.unwrap_or_default()),
        (Single::RegionCode, &region_code),
        (Single::LanguageCode, &language_code),
        (Single::TimeZone, &time_zone),
        (Single::Owner, &owner),
        (Single::Team, &team),
        (Single::Industry, &industry.unwrap_or_default()),
    ] {
        entry.set_filled(single, text);
    }
    entry.contact_points = contact_points.into_iter().map(encode_point).collect();
    entry.external_ids = external_ids
        .into_iter()
        .map(|common::ExternalId { namespace, value }| ExternalId { namespace, value })
        .collect();
    entry.addresses = addresses.into_iter().map(encode_address).collect();
    entry.tags = tags;
    entry.attributes = attributes
        .into_iter()
        .filter_map(|(id, value)| {
            let value = decode_attribute(value).ok()??;
            Some((id, attribute_text::write(value)))
        })
        .collect();
    entry.masked_fields = masked_fields.map(|mask| mask.paths).unwrap_or_default();
    entry
}

fn encode_point(point: wire::ContactPoint) -> ContactPoint {
    let wire::ContactPoint {
        r#type,
        value,
        normalized_value: _,
        label,
        primary,
        verify_time,
    } = point;
    let kind = match wire::ContactPointType::try_from(r#type) {
        Ok(wire::ContactPointType::Phone) => ContactPointType::Phone,
        // Every point that was stored has a type.
        Ok(wire::ContactPointType::Email | wire::ContactPointType::Unspecified) | Err(_) => {
            ContactPointType::Email
        }
    };
    ContactPoint {
        kind,
        value,
        label,
        primary,
        verify_time: verify_time.map(|time| time.to_string()),
    }
}

fn encode_address(address: wire::Address) -> Address {
    let wire::Address {
        region_code,
        postal_code,
        administrative_area,
        locality,
        sublocality,
        address_lines,
        label,
        primary,
        division_code,
    } = address;
    Address {
        region_code,
        postal_code,
        administrative_area,
        locality,
        sublocality,
        division_code,
        address_lines,
        label,
        primary,
    }
}
