//! What a message says about a customer.

use dossier_kernel::Pii;
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1 as wire;

use super::enums::{decode_contact_point_type, decode_gender, decode_scheme, decode_type};
use super::mask::Mask;
use super::value::{decode_attribute, decode_date, decode_time};
use crate::domain::{
    ADDRESSES_MAX, ATTRIBUTES_MAX, Address, CONTACT_POINTS_MAX, ContactPoint, ContactPointType,
    Draft, EXTERNAL_IDS_MAX, ExternalId, Hidden, Industry, TAGS_MAX, Violations, attribute_path,
};

/// Reads the fields that count. What cannot be read is left out and named in the draft's problems;
/// fields that are output only are ignored.
///
/// A field with more values than a customer may have is left out as a whole: a message holds more
/// than a million of them, and whatever comes after may look at each and compare it with the others.
pub fn decode(customer: wire::Customer, mask: &Mask) -> Draft {
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
        mut contact_points,
        mut external_ids,
        mut addresses,
        mut tags,
        mut attributes,
        owner,
        team,
        industry,
        masked_fields: _,
    } = customer;
    let mut problems = Violations::default();
    let mut within = |count: usize, most: usize, field: &str| {
        if count > most {
            problems.add(field, format!("must not be more than {most}"));
        }
        count <= most
    };
    if !within(contact_points.len(), CONTACT_POINTS_MAX, "contact_points") {
        contact_points.clear();
    }
    if !within(external_ids.len(), EXTERNAL_IDS_MAX, "external_ids") {
        external_ids.clear();
    }
    if !within(addresses.len(), ADDRESSES_MAX, "addresses") {
        addresses.clear();
    }
    if !within(tags.len(), TAGS_MAX, "tags") {
        tags.clear();
    }
    if !within(attributes.len(), ATTRIBUTES_MAX, "attributes") {
        attributes.clear();
    }
    let kind = decode_type(r#type).unwrap_or_else(|_| {
        problems.add("type", "is not known; use PERSON or ORGANIZATION");
        None
    });
    let gender = decode_gender(gender).unwrap_or_else(|_| {
        problems.add("gender", "is not known; use FEMALE, MALE or OTHER");
        None
    });
    let birth_date = birth_date.and_then(|date| {
        decode_date(date)
            .map_err(|words| problems.add("birth_date", words))
            .ok()
    });
    let industry = industry.and_then(|given| self::industry(given, &mut problems));
    let points = contact_points.into_iter().enumerate();
    let contact_points = points.map(|(index, point)| contact_point(index, point, &mut problems));
    let contact_points = contact_points.collect();
    let mut values = Vec::with_capacity(attributes.len());
    for (id, value) in attributes {
        match decode_attribute(value) {
            Ok(value) => values.push((id, value)),
            Err(words) => problems.add(attribute_path(&id), words),
        }
    }
    Draft {
        kind: mask.one("type", kind),
        display_name: mask.one("display_name", pii(display_name)),
        given_name: mask.one("given_name", pii(given_name)),
        family_name: mask.one("family_name", pii(family_name)),
        legal_name: mask.one("legal_name", pii(legal_name)),
        gender: mask.one("gender", gender),
        birth_date: mask.one("birth_date", birth_date),
        region_code: mask.one("region_code", text(region_code)),
        language_code: mask.one("language_code", text(language_code)),
        time_zone: mask.one("time_zone", text(time_zone)),
        contact_points: mask.many("contact_points", contact_points),
        external_ids: mask.many(
            "external_ids",
            external_ids.into_iter().map(external_id).collect(),
        ),
        addresses: mask.many("addresses", addresses.into_iter().map(address).collect()),
        tags: mask.many("tags", tags),
        attributes: mask.attributes(values),
        owner: mask.one("owner", text(owner)),
        team: mask.one("team", text(team)),
        industry: mask.one("industry", industry),
        unseen: Hidden::default(),
        problems,
    }
}

/// An empty text is one that is not set.
fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn pii(value: String) -> Option<Pii<String>> {
    text(value).map(Pii::new)
}

fn industry(industry: wire::Industry, problems: &mut Violations) -> Option<Industry> {
    let wire::Industry {
        scheme,
        code,
        title: _,
        path: _,
    } = industry;
    let Some(scheme) = decode_scheme(scheme) else {
        problems.add("industry.scheme", "is required: ISIC_REV_4");
        return None;
    };
    Some(Industry { scheme, code })
}

fn contact_point(
    index: usize,
    point: wire::ContactPoint,
    problems: &mut Violations,
) -> ContactPoint {
    let wire::ContactPoint {
        r#type,
        value,
        normalized_value: _,
        label,
        primary,
        verify_time,
    } = point;
    let path = |field: &str| format!("contact_points[{index}].{field}");
    let kind = decode_contact_point_type(r#type).unwrap_or_else(|| {
        problems.add(path("type"), "is required: EMAIL or PHONE");
        // Never looked at: a point with a problem is not checked further.
        ContactPointType::Email
    });
    let verify_time = verify_time.and_then(|time| {
        decode_time(time)
            .map_err(|words| problems.add(path("verify_time"), words))
            .ok()
    });
    let normalized = Pii::new(String::new());
    ContactPoint {
        kind,
        value: Pii::new(value),
        normalized,
        label,
        primary,
        verify_time,
    }
}

pub fn external_id(id: common::ExternalId) -> ExternalId {
    let common::ExternalId { namespace, value } = id;
    ExternalId {
        namespace,
        value: Pii::new(value),
    }
}

fn address(address: wire::Address) -> Address {
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
        postal_code: pii(postal_code),
        administrative_area: text(administrative_area),
        locality: text(locality),
        sublocality: text(sublocality),
        division_code: text(division_code),
        lines: address_lines.into_iter().map(Pii::new).collect(),
        label,
        primary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AttributePatch, Many};

    #[test]
    fn a_million_values_are_one_violation_and_looked_at_no_further() {
        const MANY: usize = 1_000_000;
        let customer = wire::Customer {
            contact_points: vec![wire::ContactPoint::default(); MANY],
            external_ids: vec![common::ExternalId::default(); MANY],
            addresses: vec![wire::Address::default(); MANY],
            tags: vec![String::new(); MANY],
            attributes: (0..MANY)
                .map(|id| (id.to_string(), wire::AttributeValue::default()))
                .collect(),
            ..wire::Customer::default()
        };
        let draft = decode(customer, &Mask::Set);
        let wrong = draft.problems.as_slice().iter();
        let wrong: Vec<_> = wrong.map(|one| one.field.as_str()).collect();
        assert_eq!(
            wrong,
            [
                "contact_points",
                "external_ids",
                "addresses",
                "tags",
                "attributes"
            ]
        );
        assert_eq!(draft.contact_points, Many::Absent);
        assert_eq!(draft.external_ids, Many::Absent);
        assert_eq!(draft.addresses, Many::Absent);
        assert_eq!(draft.tags, Many::Absent);
        assert_eq!(draft.attributes, AttributePatch::Absent);
    }
}
