//! Which revisions are there, and what a page of them tells.

use tonic::Code;

use super::revisions::{as_of, rename};
use super::sights::update;
use super::*;

#[tokio::test]
async fn nothing_is_answered_for_a_time_whose_revision_is_not_kept() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        for name in ["Amelia", "Amy", "A."] {
            house.pass(Duration::from_secs(10));
            rename(&mut client, &made.name, name).await;
        }
        // As a release does that keeps no histories.
        house
            .run("DELETE FROM customer_revision WHERE revision = 2")
            .await;
        for (second, name) in [(5, None), (15, None), (25, Some("Amy")), (30, Some("A."))] {
            let time = NOW.plus(Duration::from_secs(second));
            let then = client.get_customer(as_of(&made.name, time)).await;
            match name {
                Some(name) => assert_eq!(then.expect("kept").into_inner().display_name, name),
                None => assert_eq!(refused(then).0, Code::FailedPrecondition, "{second}"),
            }
        }
    }
}

#[tokio::test]
async fn a_history_goes_also_with_a_customer_that_an_older_release_deletes() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        rename(&mut client, &made.name, "Amelia").await;
        assert_eq!(house.count("customer_revision").await, 1);
        house.run("DELETE FROM customer").await;
        assert_eq!(house.count("customer_revision").await, 0);
    }
}

#[tokio::test]
async fn where_a_page_ends_tells_nothing_of_what_is_masked() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        let lines = |letter: &str| vec![letter.repeat(200); 5];
        for round in 0..40 {
            let address = wire::Address {
                region_code: "GB".to_owned(),
                address_lines: lines(["a", "b"][round % 2]),
                ..Default::default()
            };
            let change = wire::Customer {
                name: made.name.clone(),
                addresses: vec![address; 20],
                ..Default::default()
            };
            let changed = client.update_customer(update(change, &["addresses"])).await;
            changed.expect("moved");
        }
        let page = async |role| {
            let request = wire::ListRevisionsRequest {
                parent: made.name.clone(),
                page_size: 1_000,
                ..Default::default()
            };
            let answer = house.revisions_as(amy(role)).list_revisions(request).await;
            answer.expect("listed").into_inner()
        };
        let whole = page(Role::Admin).await;
        assert!(prost::Message::encoded_len(&whole) < 4 << 20);
        assert!(!whole.next_page_token.is_empty());
        let masked = page(Role::Analyst).await;
        assert_eq!(masked.revisions.len(), 41);
        assert!(masked.next_page_token.is_empty());
    }
}
