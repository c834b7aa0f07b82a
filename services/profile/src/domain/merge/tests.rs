//! The laws of merging and unmerging files.

use dossier_kernel::Pii;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    Attribute, AttributeValue, ContactPointType, CustomerType, ExternalId, Gender, Key, Protection,
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

/// Few values, so that files often have the same.
#[derive(Clone, Debug)]
struct Sketch {
    display_name: String,
    given_name: Option<String>,
    gender: Option<Gender>,
    team: Option<String>,
    emails: BTreeSet<String>,
    verified: bool,
    primary: bool,
    tags: BTreeSet<String>,
    cities: BTreeSet<String>,
    level: Option<i64>,
    health: Option<i64>,
    age: i64,
}

prop_compose! {
    fn sketch()(
        display_name in "[ab]",
        given_name in option::of("[ab]"),
        gender in option::of(prop_oneof![Just(Gender::Female), Just(Gender::Male)]),
        team in option::of("[ab]"),
        emails in btree_set("[a-d]@e\\.cn", 0..3),
        (verified, primary) in any::<(bool, bool)>(),
        tags in btree_set("[a-d]", 0..3),
        cities in btree_set("[a-c]", 0..2),
        (level, health) in (option::of(0..3_i64), option::of(0..3_i64)),
        age in 0..3_i64,
    ) -> Sketch {
        Sketch {
            display_name, given_name, gender, team, emails, verified, primary, tags, cities, level,
            health, age,
        }
    }
}

fn email(value: &str) -> ContactPoint {
    ContactPoint {
        kind: ContactPointType::Email,
        value: Pii::from(value),
        normalized: Pii::from(value),
        label: String::new(),
        primary: false,
        verify_time: None,
    }
}

/// External ids are one customer's only.
fn file(number: usize, sketch: Sketch) -> Customer {
    let attribute = |protection, value: Option<i64>| {
        value.map(|value| Attribute {
            protection,
            value: AttributeValue::Int(value),
        })
    };
    let attributes = [
        ("level", attribute(Protection::Clear, sketch.level)),
        ("health", attribute(Protection::Sensitive, sketch.health)),
    ];
    let attributes = attributes.into_iter();
    let time = Timestamp::from_secs(1_000 + sketch.age);
    let emails = sketch.emails.iter().enumerate();
    let emails = emails.map(|(index, value)| ContactPoint {
        primary: sketch.primary && index == 0,
        verify_time: sketch.verified.then_some(time),
        ..email(value)
    });
    let city = |city: String| Address {
        region_code: "CN".to_owned(),
        locality: Some(city),
        ..Address::default()
    };
    Customer {
        id: CustomerId(Uuid::from_u128(number as u128 + 1)),
        revision: 1,
        create_time: time,
        update_time: time,
        delete_time: None,
        purge_time: None,
        kind: CustomerType::Person,
        display_name: Pii::new(sketch.display_name),
        given_name: sketch.given_name.map(Pii::new),
        family_name: None,
        legal_name: None,
        gender: sketch.gender,
        birth_date: None,
        region_code: None,
        language_code: None,
        time_zone: None,
        contact_points: emails.collect(),
        external_ids: vec![ExternalId {
            namespace: "crm".to_owned(),
            value: Pii::new(number.to_string()),
        }],
        addresses: sketch.cities.into_iter().map(city).collect(),
        tags: sketch.tags.into_iter().collect(),
        attributes: attributes
            .filter_map(|(id, value)| Some((id.to_owned(), value?)))
            .collect(),
        owner: None,
        team: sketch.team,
        industry: None,
        closed: None,
    }
}

fn files() -> impl Strategy<Value = Vec<Customer>> {
    vec(sketch(), 2..5).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(n, s)| file(n, s))
            .collect()
    })
}

fn spec(files: &[Customer], survivorship: Survivorship) -> MergeSpec {
    MergeSpec {
        survivor: files[0].id,
        others: files[1..].iter().map(|one| one.id).collect(),
        survivorship,
        rules: BTreeMap::new(),
    }
}

fn merged(files: &[Customer], spec: &MergeSpec) -> (Customer, Vec<MergeConflict>) {
    let mut violations = Violations::default();
    merge(files, spec, NOW, &mut violations).expect("a legal file")
}

/// What somebody does to the file while it is merged.
fn change(file: &Customer, writes: &Sketch, dropped: usize) -> Customer {
    let mut file = file.clone();
    if writes.given_name.is_some() {
        file.given_name = writes.given_name.clone().map(Pii::new);
    }
    if writes.level.is_some() {
        file.attributes.remove("level");
    }
    for value in &writes.emails {
        let point = email(&format!("late-{value}"));
        file.contact_points.push(point);
    }
    if !file.contact_points.is_empty() && writes.verified {
        let index = dropped % file.contact_points.len();
        file.contact_points.remove(index);
    }
    file.tags
        .extend(writes.tags.iter().map(|tag| format!("late-{tag}")));
    file
}

proptest! {
    #[test]
    fn whoever_is_found_by_something_is_found_by_it_as_one(files in files()) {
        let (merged, _) = merged(&files, &spec(&files, Survivorship::Survivor));
        let keys: Vec<Key> = merged.keys();
        for one in &files {
            for key in one.keys() {
                prop_assert_eq!(keys.iter().filter(|other| **other == key).count(), 1);
            }
            prop_assert!(one.tags.iter().all(|tag| merged.tags.contains(tag)));
            prop_assert_eq!(merged.addresses.iter().filter(|one| one.primary).count() <= 1, true);
        }
    }

    #[test]
    fn what_was_merged_and_not_touched_is_unmerged_to_what_it_was(
        files in files(),
        newest in any::<bool>(),
    ) {
        let survivorship = if newest { Survivorship::Newest } else { Survivorship::Survivor };
        let (merged, _) = merged(&files, &spec(&files, survivorship));
        let (after, kept) = unmerge(&files[0], &merged, &merged, NOW);
        prop_assert_eq!(changed(&files[0], &after), Vec::<String>::new());
        prop_assert_eq!(kept, Vec::<String>::new());
        prop_assert_eq!(after.revision, merged.revision + 1);
    }

    #[test]
    fn what_was_written_since_stays_with_the_survivor_and_nothing_else_does(
        files in files(),
        writes in sketch(),
        dropped in 0..9_usize,
    ) {
        let (merged, _) = merged(&files, &spec(&files, Survivorship::Survivor));
        let now = change(&merged, &writes, dropped);
        let (after, kept) = unmerge(&files[0], &merged, &now, NOW);
        let before = &files[0];

        let named = now.given_name != merged.given_name;
        let wanted = if named { &now.given_name } else { &before.given_name };
        prop_assert_eq!(&after.given_name, wanted);
        prop_assert_eq!(kept.contains(&"given_name".to_owned()), named);
        let levelled = now.attributes.get("level") != merged.attributes.get("level");
        let wanted = if levelled { None } else { before.attributes.get("level") };
        prop_assert_eq!(after.attributes.get("level"), wanted);
        // Untouched.
        prop_assert_eq!(after.gender, before.gender);
        prop_assert_eq!(after.attributes.get("health"), before.attributes.get("health"));
        prop_assert_eq!(&after.addresses, &before.addresses);
        prop_assert_eq!(&after.external_ids, &before.external_ids);

        let has = |file: &Customer, one: &ContactPoint| {
            file.contact_points.iter().any(|other| other.is_same_as(one))
        };
        for point in &after.contact_points {
            let added = !has(&merged, point);
            prop_assert!(has(&now, point) && (has(before, point) || added));
        }
        for point in &now.contact_points {
            let own = has(before, point) || !has(&merged, point);
            prop_assert_eq!(has(&after, point), own);
        }
        let late = now.tags.iter().filter(|tag| tag.starts_with("late-"));
        let mut tags: Vec<String> = before.tags.iter().chain(late).cloned().collect();
        tags.sort_unstable();
        prop_assert_eq!(&after.tags, &tags);
    }

    #[test]
    fn merges_are_taken_back_in_any_order(files in files(), more in sketch()) {
        let third = file(9, more);
        let (once, _) = merged(&files, &spec(&files, Survivorship::Survivor));
        let two = [once.clone(), third];
        let (twice, _) = merged(&two, &spec(&two, Survivorship::Survivor));
        let (without_first, _) = unmerge(&files[0], &once, &twice, NOW);
        let (after, _) = unmerge(&once, &twice, &without_first, NOW);
        prop_assert_eq!(after.keys(), files[0].keys());
        prop_assert_eq!(&after.tags, &files[0].tags);
    }
}

#[test]
fn rules_decide_field_by_field_and_who_differs_is_said() {
    let sketch = Sketch {
        display_name: "Wang".to_owned(),
        given_name: None,
        gender: Some(Gender::Female),
        team: Some("north".to_owned()),
        emails: BTreeSet::new(),
        verified: false,
        primary: false,
        tags: BTreeSet::new(),
        cities: BTreeSet::new(),
        level: Some(1),
        health: None,
        age: 1,
    };
    let other = Sketch {
        display_name: "Wang Wei".to_owned(),
        given_name: Some("Wei".to_owned()),
        gender: Some(Gender::Male),
        team: Some("north".to_owned()),
        level: None,
        age: 2,
        ..sketch.clone()
    };
    let files = [file(0, sketch), file(1, other)];
    let [first, second] = files.each_ref().map(|one| one.id);
    let mut spec = spec(&files, Survivorship::Survivor);
    let rule = |field: &str, rule| (field.to_owned(), rule);
    spec.rules = BTreeMap::from([
        rule("display_name", Survivorship::Newest),
        rule("attributes.level", Survivorship::Customer(second)),
    ]);
    let (merged, conflicts) = merged(&files, &spec);
    assert_eq!(merged.display_name, Pii::from("Wang Wei"));
    assert_eq!(merged.given_name, Some(Pii::from("Wei")));
    assert_eq!(merged.gender, Some(Gender::Female));
    assert!(merged.attributes.is_empty());
    let conflict = |field: &str, customer, differing| MergeConflict {
        field: field.to_owned(),
        customer,
        differing: vec![differing],
    };
    assert_eq!(
        conflicts,
        [
            conflict("display_name", Some(second), first),
            conflict("gender", Some(first), second),
            conflict("attributes.level", None, first),
        ]
    );
    assert!(is_single("attributes.level") && is_single("gender"));
    assert!(!is_single("contact_points") && !is_single("revision"));
}

#[test]
fn a_person_with_two_identity_cards_is_none() {
    let sketch = |id: &str| {
        let mut one = file(
            0,
            Sketch {
                display_name: "Li".to_owned(),
                given_name: None,
                gender: None,
                team: None,
                emails: BTreeSet::new(),
                verified: false,
                primary: false,
                tags: BTreeSet::new(),
                cities: BTreeSet::new(),
                level: None,
                health: None,
                age: 0,
            },
        );
        one.external_ids = vec![ExternalId {
            namespace: "cn-resident-id".to_owned(),
            value: Pii::from(id),
        }];
        one
    };
    let files = [sketch("11010519491231002X"), sketch("110101199003070134")];
    let mut violations = Violations::default();
    let spec = spec(&files, Survivorship::Survivor);
    assert!(merge(&files, &spec, NOW, &mut violations).is_none());
    assert!(!violations.is_empty());
}
