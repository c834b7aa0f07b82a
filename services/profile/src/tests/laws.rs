//! What goes in comes out: through messages, through sealed rows, through the cache's bytes.

use std::collections::BTreeSet;

use dossier_access::Sight;
use dossier_cache::Cached;
use dossier_kernel::CustomerId;
use dossier_proto::common::v1::Date;
use dossier_vault::CustomerKey;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use wire::attribute_value::Kind;

use super::*;
use crate::api::{encode, read};
use crate::app::Seen;
use crate::domain::{
    AttributeDefinition, AttributeType, Customer, DataClass, Outline, Violations, normalize,
};
use crate::store::{ChangeBody, ChangeKind, SealedCustomer, open, seal};

prop_compose! {
    /// Texts as normalising leaves them.
    fn text()(words in "[a-zA-Z\u{4e00}-\u{4e20}\"\\\\]{1,6}( [a-z\u{1f600}-\u{1f610}]{1,6})?") -> String {
        words
    }
}

/// Any text as an attribute keeps it.
fn prose() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| normalize::prose(&text))
}

/// A customer in plain values, for messages have no `Debug`.
#[derive(Clone, Debug)]
struct Sketch {
    names: (String, Option<String>, Option<String>),
    gender: i32,
    birth_day: Option<i32>,
    region_code: String,
    emails: BTreeSet<String>,
    capitals: bool,
    label: Option<String>,
    verified: Option<i64>,
    ids: BTreeSet<String>,
    home: Option<(Vec<String>, String, Option<String>)>,
    tags: BTreeSet<String>,
    points: Option<i64>,
    note: Option<String>,
    health: Option<String>,
}

prop_compose! {
    fn sketch()(
        names in (text(), option::of(text()), option::of(text())),
        (gender, birth_day, region_code) in (0..4_i32, option::of(1..=28_i32), "([A-Z]{2})?"),
        (emails, capitals) in (btree_set("[a-z]{1,8}@[a-z]{1,8}\\.cn", 0..3), any::<bool>()),
        (label, verified) in (option::of(text()), option::of(0_i64..2_000_000_000)),
        ids in btree_set("[a-zA-Z0-9\"]{1,8}", 0..3),
        home in option::of((vec(text(), 0..3), "([0-9]{6})?", option::of(text()))),
        tags in btree_set(text(), 0..4),
        (points, note, health) in
            (option::of(any::<i64>()), option::of(prose()), option::of(prose())),
    ) -> Sketch {
        Sketch {
            names, gender, birth_day, region_code, emails, capitals, label, verified, ids, home,
            tags, points, note, health,
        }
    }
}

fn message(sketch: Sketch) -> wire::Customer {
    let (display_name, given, family) = sketch.names;
    let points = sketch
        .emails
        .into_iter()
        .enumerate()
        .map(|(index, address)| {
            let value = if sketch.capitals {
                address.to_uppercase()
            } else {
                address.clone()
            };
            wire::ContactPoint {
                normalized_value: address,
                label: sketch.label.clone().unwrap_or_default(),
                primary: index == 1,
                verify_time: sketch
                    .verified
                    .map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
                ..email(&value)
            }
        });
    let home = sketch
        .home
        .map(|(address_lines, postal_code, locality)| wire::Address {
            region_code: "CN".to_owned(),
            postal_code,
            locality: locality.unwrap_or_default(),
            address_lines,
            primary: true,
            ..wire::Address::default()
        });
    let attributes = [
        sketch
            .points
            .map(|points| ("points", Kind::IntValue(points))),
        sketch.note.map(|note| ("note", Kind::StringValue(note))),
        sketch
            .health
            .map(|health| ("health", Kind::StringValue(health))),
    ];
    let attributes = attributes.into_iter().flatten();
    let valued = |(id, kind): (&str, _)| (id.to_owned(), wire::AttributeValue { kind: Some(kind) });
    wire::Customer {
        given_name: given.unwrap_or_default(),
        family_name: family.unwrap_or_default(),
        gender: sketch.gender,
        birth_date: sketch.birth_day.map(|day| Date {
            year: 1990,
            month: 2,
            day,
        }),
        region_code: sketch.region_code,
        contact_points: points.collect(),
        external_ids: sketch.ids.iter().map(|value| id("crm", value)).collect(),
        addresses: home.into_iter().collect(),
        tags: sketch.tags.into_iter().collect(),
        attributes: attributes.map(valued).collect(),
        ..person(&display_name)
    }
}

fn definitions() -> crate::domain::Definitions {
    let define = |id: &str, kind, class| {
        let definition = AttributeDefinition {
            id: id.to_owned(),
            uid: uuid::Uuid::nil(),
            revision: 1,
            create_time: NOW,
            update_time: NOW,
            kind,
            class,
            display_name: String::new(),
            description: String::new(),
            choices: Vec::new(),
            length_max: None,
            count_max: None,
            deprecated: false,
        };
        (id.to_owned(), definition)
    };
    [
        define("points", AttributeType::Int, DataClass::Quasi),
        define("note", AttributeType::String, DataClass::Direct),
        define("health", AttributeType::String, DataClass::Sensitive),
    ]
    .into()
}

fn made(id: CustomerId, message: wire::Customer) -> Customer {
    let mut violations = Violations::default();
    let draft = read(message).check(None, NOW, &mut violations);
    let customer = Customer::create(id, draft, &definitions(), NOW, &mut violations);
    customer.unwrap_or_else(|| panic!("{violations:?}"))
}

/// A customer's key, from a vault on a database.
async fn key(house: &House, tenant: &TenantId, id: CustomerId) -> CustomerKey {
    let db = house.db.reopen().await;
    let vault = Vault::open(RootKey::from_bytes([7; 32]), db.clone())
        .await
        .expect("a root key");
    let of = tenant.clone();
    let ctx = Ctx::service("test", tenant.clone());
    let work = db.write(&ctx, move |tx| {
        Box::pin(async move { vault.key_or_create(tx, &of, id).await })
    });
    work.await.expect("a key").value
}

#[tokio::test]
async fn a_customer_comes_out_of_messages_and_rows_as_it_went_in() {
    let house = House::each().await.remove(0);
    let (tenant, id) = (TenantId::embedded_default(), CustomerId::generate());
    let key = key(&house, &tenant, id).await;
    let other = self::key(&house, &tenant, CustomerId::generate()).await;
    let law = |sketch: Sketch| {
        let message = message(sketch);
        let customer = made(id, message.clone());
        let told = encode(Seen {
            customer: customer.clone(),
            sight: Sight::ALL,
        });
        let given = wire::Customer {
            name: told.name.clone(),
            uid: told.uid.clone(),
            etag: told.etag.clone(),
            create_time: told.create_time,
            update_time: told.update_time,
            ..message
        };
        prop_assert!(told == given, "through messages");

        let row = seal(&tenant, &customer, &key, String::new()).expect("seals");
        let bytes = row.to_bytes().expect("writes");
        let again = SealedCustomer::from_bytes(bytes).expect("reads");
        prop_assert_eq!(&again, &row);
        prop_assert!(
            open(&row, Some(&other), Sight::ALL).is_err(),
            "another customer's key opens nothing"
        );
        prop_assert!(
            open(&again, Some(&key), Sight::ALL).expect("opens") == customer,
            "through rows"
        );

        let body = ChangeBody {
            kind: ChangeKind::Created,
            customer: Outline::of(&customer),
            changed: Vec::new(),
        };
        let bytes = body.to_bytes().expect("writes");
        prop_assert_eq!(ChangeBody::from_bytes(&bytes).expect("reads"), body);
        prop_assert_eq!(row.outline().expect("reads"), Outline::of(&customer));
        Ok(())
    };
    TestRunner::default().run(&sketch(), law).expect("holds");
}
