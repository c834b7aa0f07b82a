//! Create or update by identifier.

use dossier_proto::profile::v1 as wire;
use tonic::Code;

use super::*;

async fn upsert(
    client: &mut Customers,
    customer: wire::Customer,
    paths: &[&str],
) -> Result<(wire::Customer, &'static str), Status> {
    let update_mask = (!paths.is_empty()).then(|| mask(paths)).flatten();
    let request = wire::UpsertCustomerRequest {
        customer: Some(customer),
        update_mask,
        ..Default::default()
    };
    let answer = client.upsert_customer(request).await?.into_inner();
    let outcome = answer
        .outcome()
        .as_str_name()
        .trim_start_matches("UPSERT_OUTCOME_");
    Ok((answer.customer.expect("a customer"), outcome))
}

fn reached_by(points: &[wire::ContactPoint]) -> wire::Customer {
    wire::Customer {
        contact_points: points.to_vec(),
        ..person("")
    }
}

#[tokio::test]
async fn a_customer_is_made_then_found_then_left_alone() {
    for house in House::each().await {
        let mut client = house.customers();
        let first = wire::Customer {
            tags: vec!["a".to_owned()],
            ..known("1")
        };
        let (made, outcome) = upsert(&mut client, first.clone(), &[]).await.expect("made");
        assert_eq!(outcome, "CREATED");
        let (same, outcome) = upsert(&mut client, first, &[]).await.expect("found");
        assert!(outcome == "UNCHANGED" && same == made);
        let more = wire::Customer {
            tags: vec!["b".to_owned()],
            contact_points: vec![email("a@example.com")],
            region_code: "CN".to_owned(),
            ..known("1")
        };
        let (now, outcome) = upsert(&mut client, more, &[]).await.expect("found");
        assert_eq!(
            (outcome, now.name, now.tags.len()),
            ("UPDATED", made.name.clone(), 2)
        );
        // By the e-mail alone, and only what the mask names.
        let masked = wire::Customer {
            region_code: "JP".to_owned(),
            tags: vec!["c".to_owned()],
            ..reached_by(&[email("A@example.com")])
        };
        let (now, outcome) = upsert(&mut client, masked, &["tags"]).await.expect("found");
        assert_eq!((outcome, now.region_code.as_str()), ("UPDATED", "CN"));
        assert_eq!(now.tags, ["c"], "a field that is named is replaced");
        assert_eq!(now.name, made.name);
    }
}

#[tokio::test]
async fn identifiers_of_two_customers_are_a_conflict_that_names_both() {
    for house in House::each().await {
        let mut client = house.customers();
        let one = create(&mut client, known("1")).await.name;
        let shared = wire::Customer {
            contact_points: vec![email("a@example.com")],
            ..known("2")
        };
        let two = create(&mut client, shared).await.name;
        let mut both = [one, two];
        both.sort();
        let ids = wire::Customer {
            external_ids: vec![id("crm", "1"), id("crm", "2")],
            ..person("x")
        };
        let mixed = wire::Customer {
            contact_points: vec![email("a@example.com")],
            ..known("1")
        };
        for customer in [ids, mixed] {
            let status = status_of(upsert(&mut client, customer, &[]).await);
            assert_eq!(refusal(&status).reason, "IDENTITY_CONFLICT");
            assert_eq!(status.code(), Code::FailedPrecondition);
            assert_eq!(fact(&status, "customers"), both.join(","));
        }
        let nobody = status_of(upsert(&mut client, person("x"), &[]).await);
        assert_eq!(refusal(&nobody).fields, ["customer.external_ids"]);
    }
}

#[tokio::test]
async fn a_shared_phone_does_not_hide_whose_e_mail_it_is() {
    for house in House::each().await {
        let mut client = house.customers();
        let phone = phone("+8613800000000");
        let wife = wire::Customer {
            contact_points: vec![phone.clone()],
            ..known("wife")
        };
        let husband = wire::Customer {
            contact_points: vec![phone.clone(), email("h@example.com")],
            ..known("husband")
        };
        create(&mut client, wife).await;
        let husband = create(&mut client, husband).await.name;
        let both = reached_by(&[phone.clone(), email("h@example.com")]);
        let (found, outcome) = upsert(&mut client, both, &[]).await.expect("found");
        assert_eq!((found.name, outcome), (husband, "UNCHANGED"));
        let ambiguous = upsert(&mut client, reached_by(&[phone]), &[]).await;
        assert_eq!(refused(ambiguous).1, "IDENTITY_CONFLICT");
    }
}

#[tokio::test]
async fn upserts_at_the_same_time_make_one_customer() {
    for house in House::each().await {
        let elsewhere = house.restarted().await;
        for customer in [reached_by(&[email("new@example.com")]), known("new")] {
            let attempts = (0..16).map(|number| {
                let mut client = if number % 2 == 0 {
                    house.customers()
                } else {
                    elsewhere.customers()
                };
                let customer = wire::Customer {
                    tags: vec![format!("t{number}")],
                    ..customer.clone()
                };
                tokio::spawn(async move { upsert(&mut client, customer, &[]).await })
            });
            let mut names = std::collections::BTreeSet::new();
            let mut made = 0;
            for answer in futures::future::join_all(attempts).await {
                let (customer, outcome) = answer.expect("ran").expect("answered");
                names.insert(customer.name);
                made += u32::from(outcome == "CREATED");
            }
            assert_eq!((names.len(), made), (1, 1), "{:?}", house.db);
            let name = names.first().expect("one");
            let now = get(&mut house.restarted().await.customers(), name)
                .await
                .expect("there");
            assert_eq!(now.tags.len(), 16);
        }
    }
}

#[tokio::test]
async fn an_identifier_of_a_deleted_customer_is_not_given_to_another() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("1")).await;
        let delete = wire::DeleteCustomerRequest {
            name: made.name.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let status = status_of(upsert(&mut client, known("1"), &[]).await);
        assert_eq!(refusal(&status).reason, "FAILED_PRECONDITION");
        assert_eq!(fact(&status, "resource"), made.name);
    }
}
