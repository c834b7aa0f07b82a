//! Whatever was written while customers were one, they become again what they were.

use dossier_proto::common::v1::customer_key::Key;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::merges::{by_id, content, merge, plan, spec, unmerge, update, who};
use super::*;

/// What is written to somebody: which of them, and what.
#[derive(Clone, Debug)]
enum Write {
    Team(usize, String),
    Email(usize, String),
    Tag(usize, String),
    NoEmails,
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        (0..3_usize, "[a-c]").prop_map(|(who, text)| Write::Team(who, text)),
        (0..3_usize, "late-[a-c]").prop_map(|(who, text)| Write::Email(who, text)),
        (0..3_usize, "late-[a-c]").prop_map(|(who, text)| Write::Tag(who, text)),
        Just(Write::NoEmails),
    ]
}

/// By the identifier of one of them, as a shop knows its customers.
async fn apply(client: &mut Customers, survivor: &str, write: &Write) {
    let (who, customer, field) = match write {
        Write::Team(who, team) => {
            let team = team.clone();
            (*who, wire::Customer { team, ..known("") }, "team")
        }
        Write::Email(who, name) => {
            let contact_points = vec![email(&format!("{name}@example.cn"))];
            (
                *who,
                wire::Customer {
                    contact_points,
                    ..known("")
                },
                "contact_points",
            )
        }
        Write::Tag(who, tag) => {
            let tags = vec![tag.clone()];
            (*who, wire::Customer { tags, ..known("") }, "tags")
        }
        Write::NoEmails => {
            let name = survivor.to_owned();
            let none = wire::Customer {
                name,
                ..wire::Customer::default()
            };
            update(client, none, &["contact_points"])
                .await
                .expect("updated");
            return;
        }
    };
    let customer = wire::Customer {
        external_ids: vec![id("crm", &who.to_string())],
        ..customer
    };
    let request = wire::UpsertCustomerRequest {
        customer: Some(customer),
        update_mask: mask(&[field]),
        ..Default::default()
    };
    let upserted = client.upsert_customer(request).await.expect("upserted");
    let upserted = upserted.into_inner().customer.expect("a customer");
    assert_eq!(upserted.name, survivor);
}

#[tokio::test]
async fn an_unmerge_gives_back_what_there_was_whatever_was_written_meanwhile() {
    const CASES: usize = 12;
    for house in House::each().await {
        let mut runner = TestRunner::deterministic();
        let strategy = (
            proptest::collection::vec(("[a-c]", "[a-c]", "[a-c]", 0..3_i32), 3),
            proptest::collection::vec(write(), 0..6),
        );
        for case in 0..CASES {
            let tenant = format!("case-{case}");
            let mut client = house.customers_of(&tenant);
            let mut merges = house.merges_of(&tenant);
            let tree = strategy.new_tree(&mut runner).expect("a case");
            let (files, writes) = tree.current();
            let mut before = Vec::new();
            for (number, (team, mail, tag, gender)) in files.into_iter().enumerate() {
                let customer = wire::Customer {
                    // Like nothing else: a name that is made of the others follows them.
                    display_name: format!("Number {number}"),
                    team,
                    gender,
                    contact_points: vec![email(&format!("{mail}@example.cn"))],
                    tags: vec![tag],
                    ..known(&number.to_string())
                };
                before.push(create(&mut client, customer).await);
            }
            let names: Vec<&str> = before.iter().map(|one| one.name.as_str()).collect();
            let spec = spec(names[0], &names[1..]);
            let planned = plan(&mut merges, spec.clone()).await.expect("planned");
            let record = merge(&mut merges, spec).await.expect("merged");
            let merged = get(&mut client, names[0]).await.expect("there");
            let planned = planned.customer.expect("a file");
            assert!(content(planned) == content(merged), "as planned");
            for write in &writes {
                apply(&mut client, names[0], write).await;
            }
            house.profile.tell_merges().await.expect("tells");
            unmerge(&mut merges, &record.name).await.expect("unmerged");
            house.profile.tell_merges().await.expect("tells");
            for other in &before[1..] {
                let after = get(&mut client, &other.name).await.expect("there");
                assert!(content(after) == content(other.clone()), "{writes:?}");
            }
            let after = get(&mut client, names[0]).await.expect("there");
            let same = wire::Customer {
                team: before[0].team.clone(),
                contact_points: before[0].contact_points.clone(),
                tags: before[0].tags.clone(),
                ..after.clone()
            };
            assert!(content(same) == content(before[0].clone()), "{writes:?}");
            let mut own = after.tags.clone();
            own.retain(|tag| !tag.starts_with("late-"));
            // Such a write replaces what was there.
            match writes.iter().any(|write| matches!(write, Write::Tag(..))) {
                true => assert!(own.is_empty(), "{writes:?}"),
                false => assert_eq!(own, before[0].tags, "{writes:?}"),
            }
            if writes.is_empty() {
                assert!(content(after) == content(before[0].clone()));
            }
            // Everybody is found by what the files say, and by nothing else.
            for (number, one) in before.iter().enumerate() {
                let found = who(&mut client, by_id(&number.to_string())).await;
                assert_eq!(found, (one.name.clone(), one.name.clone(), 1));
                for point in &get(&mut client, &one.name)
                    .await
                    .expect("there")
                    .contact_points
                {
                    let mut holders = 0;
                    for other in &names {
                        let file = get(&mut client, other).await.expect("there");
                        holders +=
                            i32::from(file.contact_points.iter().any(|p| p.value == point.value));
                    }
                    let found = who(&mut client, Key::Email(point.value.clone())).await;
                    assert_eq!(found.2, holders, "{writes:?}");
                }
            }
        }
    }
}
