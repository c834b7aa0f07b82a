//! Things to send, complete and valid; change what your test is about.

use dossier_proto::common::v1::{CustomerKey, ExternalId, Money, customer_key};
use dossier_proto::interaction::v1::{Interaction, InteractionKind, Purchase, interaction};
use dossier_proto::profile::v1::{ContactPoint, ContactPointType, Customer, CustomerType};
use dossier_proto::segmentation::v1::Segment;
use prost_types::Timestamp;
use uuid::Uuid;

/// A fresh `request_id`.
pub fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// A person with this name and an external id `test:<id>`.
pub fn person(display_name: &str, id: &str) -> Customer {
    Customer {
        r#type: CustomerType::Person.into(),
        display_name: display_name.to_owned(),
        region_code: "CN".to_owned(),
        external_ids: vec![external_id(id)],
        ..Customer::default()
    }
}

pub fn email(address: &str) -> ContactPoint {
    ContactPoint {
        r#type: ContactPointType::Email.into(),
        value: address.to_owned(),
        ..ContactPoint::default()
    }
}

pub fn phone(number: &str) -> ContactPoint {
    ContactPoint {
        r#type: ContactPointType::Phone.into(),
        value: number.to_owned(),
        ..ContactPoint::default()
    }
}

pub fn external_id(id: &str) -> ExternalId {
    ExternalId {
        namespace: "test".to_owned(),
        value: id.to_owned(),
    }
}

/// The key of [`person`].
pub fn key(id: &str) -> CustomerKey {
    let key = Some(customer_key::Key::ExternalId(external_id(id)));
    CustomerKey {
        key,
        region_code: String::new(),
    }
}

/// An exact amount of US dollars.
pub fn usd(cents: i64) -> Money {
    let nanos = i32::try_from(cents % 100).unwrap_or(0) * 10_000_000;
    Money {
        currency_code: "USD".to_owned(),
        units: cents / 100,
        nanos,
    }
}

/// A purchase by a customer (`customers/{customer}`, or empty with a key) at this second.
pub fn purchase(
    customer: &str,
    source: &str,
    event_id: &str,
    second: i64,
    cents: i64,
) -> Interaction {
    let details = Purchase {
        amount: Some(usd(cents)),
        quantity: 1,
        ..Purchase::default()
    };
    Interaction {
        customer: customer.to_owned(),
        source: source.to_owned(),
        event_id: event_id.to_owned(),
        occur_time: Some(Timestamp {
            seconds: second,
            nanos: 0,
        }),
        kind: InteractionKind::Purchase.into(),
        details: Some(interaction::Details::Purchase(details)),
        ..Interaction::default()
    }
}

pub fn segment(display_name: &str, rule: &str) -> Segment {
    Segment {
        display_name: display_name.to_owned(),
        rule: rule.to_owned(),
        ..Segment::default()
    }
}
