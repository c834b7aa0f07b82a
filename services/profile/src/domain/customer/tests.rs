//! The laws of drafts and of the file they change.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    AttributeDefinition, AttributePatch, AttributeType, AttributeValue, ContactPointType,
    DataClass, Many, Protection,
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn pii(text: &str) -> Pii<String> {
    Pii::from(text)
}

fn email(value: &str) -> ContactPoint {
    ContactPoint {
        kind: ContactPointType::Email,
        value: pii(value),
        normalized: pii(""),
        label: String::new(),
        primary: false,
        verify_time: None,
    }
}

fn external_id(value: &str) -> ExternalId {
    ExternalId {
        namespace: "crm".to_owned(),
        value: pii(value),
    }
}

fn person() -> Draft {
    Draft {
        kind: Patch::Set(CustomerType::Person),
        ..Draft::default()
    }
}

fn definitions() -> Definitions {
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
    Definitions::from([
        define("points", AttributeType::Int, DataClass::None),
        define("allergy", AttributeType::String, DataClass::Sensitive),
    ])
}

/// Creates and says what was wrong.
fn create(draft: Draft) -> (Option<Customer>, Vec<String>) {
    let mut violations = Violations::default();
    let draft = draft.check(None, NOW, &mut violations);
    let id = CustomerId::generate();
    let made = Customer::create(id, draft, &definitions(), NOW, &mut violations);
    let fields = violations
        .as_slice()
        .iter()
        .map(|v| v.field.clone())
        .collect();
    (made, fields)
}

fn made(draft: Draft) -> Customer {
    let (customer, wrong) = create(draft);
    customer.unwrap_or_else(|| panic!("{wrong:?}"))
}

fn apply(customer: &mut Customer, draft: Draft) -> Result<Vec<String>, Vec<String>> {
    let mut violations = Violations::default();
    let draft = draft.check(customer.region_code.as_deref(), NOW, &mut violations);
    let changed = customer.apply(draft, &definitions(), NOW, &mut violations);
    changed.ok_or_else(|| {
        violations
            .as_slice()
            .iter()
            .map(|v| v.field.clone())
            .collect()
    })
}

#[test]
fn everything_wrong_is_named_at_once() {
    let (customer, wrong) = create(Draft {
        region_code: Patch::Set("China".to_owned()),
        birth_date: Patch::Set(Date::parse("2199-01-01").expect("a date")),
        contact_points: Many::Replace(vec![email("nobody"), email("a@b.cn"), email("A@B.cn ")]),
        external_ids: Many::Replace(vec![ExternalId {
            namespace: "C R M".to_owned(),
            value: pii(""),
        }]),
        tags: Many::Replace(vec!["vip".to_owned(), String::new()]),
        attributes: AttributePatch::Change(
            [("nosuch".to_owned(), Some(AttributeValue::Int(1)))].into(),
        ),
        ..Draft::default()
    });
    assert!(customer.is_none());
    assert_eq!(
        wrong,
        [
            "birth_date",
            "region_code",
            "contact_points[0].value",
            "contact_points[2]",
            "external_ids[0].namespace",
            "external_ids[0].value",
            "tags[1]",
            "type",
            "attributes.nosuch",
        ]
    );
}

#[test]
fn a_name_is_made_from_what_there_is_and_follows_it() {
    let mut customer = made(Draft {
        contact_points: Many::Replace(vec![email("Wang@example.com")]),
        ..person()
    });
    assert_eq!(customer.display_name.expose(), "wang@example.com");
    let named = Draft {
        given_name: Patch::Set(pii("小明")),
        family_name: Patch::Set(pii("王")),
        ..Draft::default()
    };
    apply(&mut customer, named).expect("legal");
    assert_eq!(customer.display_name.expose(), "王小明");
    let renamed = Draft {
        display_name: Patch::Set(pii("Xiaoming")),
        ..Draft::default()
    };
    apply(&mut customer, renamed).expect("legal");
    let family = Draft {
        family_name: Patch::Set(pii("李")),
        ..Draft::default()
    };
    assert_eq!(
        apply(&mut customer, family),
        Ok(vec!["family_name".to_owned()])
    );
    assert_eq!(
        customer.display_name.expose(),
        "Xiaoming",
        "a name somebody gave stays"
    );
    let cleared = Draft {
        display_name: Patch::Clear,
        ..Draft::default()
    };
    apply(&mut customer, cleared).expect("legal");
    assert_eq!(customer.display_name.expose(), "李小明");
}

#[test]
fn organizations_have_no_birth_date_and_types_stay() {
    let organization = Draft {
        kind: Patch::Set(CustomerType::Organization),
        legal_name: Patch::Set(pii("北京某某有限公司")),
        birth_date: Patch::Set(Date::parse("1990-01-01").expect("a date")),
        ..Draft::default()
    };
    assert_eq!(create(organization).1, ["birth_date"]);
    let mut customer = made(Draft {
        display_name: Patch::Set(pii("Li")),
        ..person()
    });
    let other = Draft {
        kind: Patch::Set(CustomerType::Organization),
        ..Draft::default()
    };
    assert_eq!(apply(&mut customer, other), Err(vec!["type".to_owned()]));
}

#[test]
fn a_primary_point_that_is_added_takes_the_place() {
    let first = ContactPoint {
        primary: true,
        ..email("a@example.com")
    };
    let mut customer = made(Draft {
        contact_points: Many::Replace(vec![first]),
        ..person()
    });
    let second = ContactPoint {
        primary: true,
        ..email("b@example.com")
    };
    let more = Draft {
        contact_points: Many::Add(vec![second]),
        ..Draft::default()
    };
    apply(&mut customer, more.clone()).expect("legal");
    let primary: Vec<bool> = customer.contact_points.iter().map(|p| p.primary).collect();
    assert_eq!(primary, [false, true]);
    assert_eq!(
        apply(&mut customer, more),
        Ok(vec![]),
        "adding again changes nothing"
    );
}

#[test]
fn sensitive_values_are_kept_under_their_own_lock() {
    let customer = made(Draft {
        display_name: Patch::Set(pii("Li")),
        attributes: AttributePatch::Replace(
            [
                ("points".to_owned(), AttributeValue::Int(7)),
                (
                    "allergy".to_owned(),
                    AttributeValue::String("nuts".to_owned()),
                ),
            ]
            .into(),
        ),
        ..person()
    });
    assert_eq!(
        customer.attributes["allergy"].protection,
        Protection::Sensitive
    );
    let outline = crate::domain::Outline::of(&customer);
    assert_eq!(outline.attributes.keys().collect::<Vec<_>>(), ["points"]);
}

#[test]
fn deleting_and_undeleting_are_told_apart_from_doing_nothing() {
    let mut customer = made(Draft {
        display_name: Patch::Set(pii("Li")),
        ..person()
    });
    assert!(!customer.undelete(NOW));
    assert!(customer.delete(NOW));
    assert_eq!(customer.purge_time, Some(NOW.plus(RETENTION)));
    assert!(!customer.delete(NOW.plus(RETENTION)));
    assert!(customer.undelete(NOW));
    assert_eq!((customer.revision, customer.purge_time), (3, None));
}

prop_compose! {
    fn any_draft()(
        name in proptest::option::of("[A-Za-z\u{4e00}-\u{4e10}]{1,8}"),
        region in proptest::option::of(proptest::option::of("[A-Z]{2}")),
        emails in proptest::collection::btree_set("[a-c]{1,2}@example\\.com", 0..3),
        ids in proptest::collection::btree_set("[a-c]{1,2}", 0..3),
        tags in proptest::collection::vec("[a-d]{1,2}", 0..5),
        points in proptest::option::of(proptest::option::of(any::<i64>())),
        add in any::<bool>(),
    ) -> Draft {
        fn many<T>(values: Vec<T>, add: bool) -> Many<T> {
            if add { Many::Add(values) } else { Many::Replace(values) }
        }
        let attributes = points.map(|value| {
            AttributePatch::Change([("points".to_owned(), value.map(AttributeValue::Int))].into())
        });
        Draft {
            given_name: name.map_or(Patch::Absent, |name| Patch::Set(pii(&name))),
            region_code: region
                .map_or(Patch::Absent, |code| code.map_or(Patch::Clear, Patch::Set)),
            contact_points: many(emails.iter().map(|e| email(e)).collect(), add),
            external_ids: many(ids.iter().map(|id| external_id(id)).collect(), add),
            tags: many(tags, add),
            attributes: attributes.unwrap_or_default(),
            ..Draft::default()
        }
    }
}

fn base() -> Customer {
    made(Draft {
        display_name: Patch::Set(pii("Base")),
        ..person()
    })
}

proptest! {
    #[test]
    fn applying_a_draft_twice_is_applying_it_once(draft in any_draft()) {
        let mut customer = base();
        prop_assert!(apply(&mut customer, draft.clone()).is_ok());
        let once = customer.clone();
        prop_assert_eq!(apply(&mut customer, draft), Ok(vec![]));
        prop_assert_eq!(customer, once);
    }

    #[test]
    fn a_draft_changes_only_what_it_names(draft in any_draft()) {
        let mut customer = base();
        let before = customer.clone();
        let changed = apply(&mut customer, draft.clone()).expect("legal");
        let named = |field: &str| match field {
            "given_name" => !draft.given_name.is_absent(),
            "region_code" => !draft.region_code.is_absent(),
            "contact_points" | "external_ids" | "tags" => true,
            "attributes.points" => !draft.attributes.is_absent(),
            _ => false,
        };
        for field in &changed {
            prop_assert!(named(field), "{}", field);
        }
        prop_assert_eq!(changed.is_empty(), customer == before);
        prop_assert_eq!(customer.revision, if changed.is_empty() { 1 } else { 2 });
    }

    #[test]
    fn drafts_of_different_fields_can_be_applied_in_any_order(
        tags in proptest::collection::vec("[a-d]{1,2}", 0..5),
        region in "[A-Z]{2}",
    ) {
        let tagged = Draft { tags: Many::Replace(tags), ..Draft::default() };
        let placed = Draft { region_code: Patch::Set(region), ..Draft::default() };
        let mut one = base();
        let mut other = Customer { id: one.id, ..base() };
        for draft in [tagged.clone(), placed.clone()] {
            apply(&mut one, draft).expect("legal");
        }
        for draft in [placed, tagged] {
            apply(&mut other, draft).expect("legal");
        }
        prop_assert_eq!(Customer { revision: 0, ..one }, Customer { revision: 0, ..other });
    }

    #[test]
    fn a_checked_draft_checks_as_itself(draft in any_draft()) {
        let mut violations = Violations::default();
        let once = draft.check(None, NOW, &mut violations);
        let twice = once.clone().into_draft().check(None, NOW, &mut violations);
        prop_assert!(violations.is_empty());
        let mut left = base();
        let mut right = left.clone();
        left.apply(once, &definitions(), NOW, &mut violations);
        right.apply(twice, &definitions(), NOW, &mut violations);
        prop_assert_eq!(left, right);
    }
}
