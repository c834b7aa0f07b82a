//! Entries of all kinds.

use dossier_tabular::{Address, ContactPoint, ContactPointType, Entry, ExternalId, Single};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::ATTRIBUTES;

/// Texts that files have trouble with; without carriage returns, which vCard cannot say.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"['=+\-@,;:"\\\[\]*^_x0-9 \t\n<>&王小明]{1,8}"#,
        "[a-z]{1,5}",
        r"[\PC&&[^\r]]{1,12}",
        Just("_x000D_".to_owned()),
        Just("=1+1".to_owned()),
    ]
}

/// What no field of a customer has: white space at an end.
fn tidy() -> impl Strategy<Value = String> {
    text().prop_filter_map("tidy", |text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        (!text.is_empty()).then_some(text)
    })
}

fn kind() -> impl Strategy<Value = ContactPointType> {
    prop_oneof![Just(ContactPointType::Email), Just(ContactPointType::Phone)]
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        proptest::sample::select(vec![
            "work", "mobile", "cell", "Work", "pref", "* Home", "internet"
        ])
        .prop_map(str::to_owned),
        tidy(),
    ]
}

fn contact_point() -> impl Strategy<Value = ContactPoint> {
    let time = option::weighted(0.2, Just("2026-01-31T10:00:00Z".to_owned()));
    (kind(), tidy(), label(), time).prop_map(|(kind, value, label, verify_time)| ContactPoint {
        kind,
        value,
        label,
        primary: false,
        verify_time,
    })
}

fn address() -> impl Strategy<Value = Address> {
    let optional = || prop_oneof![Just(String::new()), tidy()];
    let parts = (optional(), optional(), optional(), optional());
    let code = proptest::sample::select(vec!["CN", "US", "UK", "DE"]).prop_map(str::to_owned);
    let division = proptest::sample::select(vec!["", "110105"]).prop_map(str::to_owned);
    (code, division, parts, vec(tidy(), 0..4), label()).prop_map(
        |(region_code, division_code, parts, address_lines, label)| {
            let (postal_code, administrative_area, locality, sublocality) = parts;
            Address {
                region_code,
                postal_code,
                administrative_area,
                locality,
                sublocality,
                division_code,
                address_lines,
                label,
                primary: false,
            }
        },
    )
}

fn external_id() -> impl Strategy<Value = ExternalId> {
    let namespace = proptest::sample::select(vec!["crm", "vcard", "a.b-c"]).prop_map(str::to_owned);
    (namespace, tidy()).prop_map(|(namespace, value)| ExternalId { namespace, value })
}

/// The words that a field takes.
fn words(single: Single) -> BoxedStrategy<String> {
    let of = |words: &'static [&'static str]| {
        proptest::sample::select(words.to_vec())
            .prop_map(str::to_owned)
            .boxed()
    };
    match single {
        Single::Type => of(&["PERSON", "ORGANIZATION"]),
        Single::Gender => of(&["FEMALE", "MALE", "OTHER"]),
        Single::BirthDate => of(&["1990-01-31", "0001-01-01", "9999-12-31"]),
        Single::RegionCode => of(&["CN", "UK", "US"]),
        Single::LanguageCode => of(&["zh-CN", "en"]),
        Single::Industry => of(&["ISIC_REV_4:1071"]),
        Single::TimeZone => of(&["Asia/Shanghai", "UTC"]),
        _ => tidy().boxed(),
    }
}

fn singles() -> impl Strategy<Value = Vec<(Single, Option<String>)>> {
    let each = Single::ALL.map(|single| {
        let value = option::of(words(single));
        value.prop_map(move |text| (single, text)).boxed()
    });
    each.to_vec()
}

pub fn entry() -> impl Strategy<Value = Entry> {
    let points = (
        vec(contact_point(), 0..4),
        option::of(any::<prop::sample::Index>()),
    );
    let addresses = (
        vec(address(), 0..3),
        option::of(any::<prop::sample::Index>()),
    );
    let id = proptest::sample::select(ATTRIBUTES.to_vec()).prop_map(str::to_owned);
    let value = prop_oneof![text(), Just(String::new()), Just(" x ".to_owned())];
    let lists = (
        vec(external_id(), 0..3),
        vec(tidy(), 0..4),
        btree_map(id, value, 0..3),
    );
    (singles(), points, addresses, lists).prop_map(|(singles, points, addresses, lists)| {
        let mut entry = Entry::default();
        for (single, text) in singles {
            if let Some(text) = text {
                entry.set(single, text);
            }
        }
        // Only organisations have it, and vCard knows it of no others.
        let organization = entry.get(Single::Type) == Some("ORGANIZATION");
        if !organization && entry.get(Single::LegalName).is_some() {
            entry = without_legal_name(&entry);
        }
        let (mut points, primary) = points;
        if let Some(primary) = primary.filter(|_| !points.is_empty()) {
            let place = primary.index(points.len());
            points[place].primary = true;
        }
        let (mut addresses, primary) = addresses;
        if let Some(primary) = primary.filter(|_| !addresses.is_empty()) {
            let place = primary.index(addresses.len());
            addresses[place].primary = true;
        }
        entry.contact_points = points;
        entry.addresses = addresses;
        (entry.external_ids, entry.tags, entry.attributes) = lists;
        entry
    })
}

fn without_legal_name(entry: &Entry) -> Entry {
    let mut other = Entry::default();
    for single in Single::ALL {
        if single != Single::LegalName
            && let Some(text) = entry.get(single)
        {
            other.set(single, text);
        }
    }
    other
}
