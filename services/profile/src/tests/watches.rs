//! Following changes.

use dossier_proto::profile::v1 as wire;
use futures::StreamExt;
use tonic::Streaming;
use wire::watch_customers_response::Item;

use super::*;
use crate::app::Watched;

type Stream = Streaming<wire::WatchCustomersResponse>;

async fn watch(client: &mut Customers, cursor: &str, include_snapshot: bool) -> Stream {
    let request = wire::WatchCustomersRequest {
        cursor: cursor.to_owned(),
        include_snapshot,
    };
    client
        .watch_customers(request)
        .await
        .expect("watches")
        .into_inner()
}

/// The next change, heartbeats left out.
async fn change(stream: &mut Stream) -> (String, wire::CustomerChange) {
    loop {
        let message = stream.message().await.expect("goes on").expect("a message");
        match message.item.expect("an item") {
            Item::Change(change) => return (message.cursor, change),
            Item::Heartbeat(_) => assert!(!message.cursor.is_empty()),
            Item::End(_) => panic!("ended"),
        }
    }
}

fn kind(change: &wire::CustomerChange) -> &'static str {
    change
        .r#type()
        .as_str_name()
        .trim_start_matches("CUSTOMER_CHANGE_TYPE_")
}

/// Where the stream stands once it has caught up.
async fn caught_up(stream: &mut Stream) -> String {
    loop {
        let message = stream.message().await.expect("goes on").expect("a message");
        if matches!(message.item, Some(Item::Heartbeat(_))) {
            return message.cursor;
        }
    }
}

#[tokio::test]
async fn every_change_is_told_in_order_and_without_names() {
    for house in House::each().await {
        let mut client = house.customers();
        create(&mut client, known("before")).await;
        let mut stream = watch(&mut client, "", false).await;
        caught_up(&mut stream).await;
        let customer = wire::Customer {
            contact_points: vec![email("a@example.com")],
            region_code: "CN".to_owned(),
            tags: vec!["vip".to_owned()],
            addresses: vec![wire::Address {
                region_code: "CN".to_owned(),
                locality: "上海".to_owned(),
                address_lines: vec!["secret".to_owned()],
                ..Default::default()
            }],
            ..known("1")
        };
        let made = create(&mut client, customer).await;
        let name = made.name.clone();
        let add = wire::AddTagsRequest {
            name: name.clone(),
            tags: vec!["new".to_owned()],
            ..Default::default()
        };
        client.add_tags(add).await.expect("tagged");
        let delete = wire::DeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let undelete = wire::UndeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        client.undelete_customer(undelete).await.expect("back");

        let (first, created) = change(&mut stream).await;
        assert_eq!(
            (kind(&created), created.tenant.as_str()),
            ("CREATED", "default")
        );
        let told = created.customer.expect("a customer");
        let wanted = wire::Customer {
            display_name: String::new(),
            contact_points: Vec::new(),
            external_ids: Vec::new(),
            addresses: vec![wire::Address {
                region_code: "CN".to_owned(),
                locality: "上海".to_owned(),
                ..Default::default()
            }],
            ..made
        };
        assert!(told == wanted, "NONE and QUASI only");
        let (_, updated) = change(&mut stream).await;
        assert_eq!(kind(&updated), "UPDATED");
        assert_eq!(updated.changed_fields.expect("a mask").paths, ["tags"]);
        assert_eq!(kind(&change(&mut stream).await.1), "DELETED");
        assert_eq!(kind(&change(&mut stream).await.1), "UNDELETED");

        let mut resumed = watch(&mut house.restarted().await.customers(), &first, false).await;
        assert_eq!(
            kind(&change(&mut resumed).await.1),
            "UPDATED",
            "{:?}",
            house.db
        );
    }
}

#[tokio::test]
async fn a_snapshot_comes_first_and_the_changes_after_it() {
    for house in House::each().await {
        let mut client = house.customers();
        let one = create(&mut client, known("1")).await.name;
        let gone = create(&mut client, known("2")).await.name;
        let delete = wire::DeleteCustomerRequest {
            name: gone,
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let theirs = create(&mut house.customers_of("other"), known("1"))
            .await
            .name;

        let mut stream = watch(&mut client, "", true).await;
        let (cursor, told) = change(&mut stream).await;
        assert!(cursor.is_empty(), "an unfinished snapshot begins anew");
        assert_eq!(kind(&told), "SNAPSHOT");
        assert_eq!(told.customer.expect("a customer").name, one);
        let cursor = caught_up(&mut stream).await;
        let later = create(&mut client, known("3")).await.name;
        let (_, told) = change(&mut stream).await;
        assert_eq!(
            (kind(&told), told.customer.expect("a customer").name),
            ("CREATED", later.clone())
        );
        let mut resumed = watch(&mut client, &cursor, true).await;
        let (_, told) = change(&mut resumed).await;
        assert_eq!(
            told.customer.expect("a customer").name,
            later,
            "a cursor needs no snapshot"
        );

        let mut all = watch(&mut house.customers_of_all(), "", true).await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (_, told) = change(&mut all).await;
            seen.push((told.tenant, told.customer.expect("a customer").name));
        }
        let owned = |tenant: &str, name: &String| (tenant.to_owned(), name.clone());
        assert_eq!(
            seen,
            [
                owned("default", &one),
                owned("default", &later),
                owned("other", &theirs)
            ]
        );
    }
}

#[tokio::test]
async fn a_stop_ends_the_stream_with_a_cursor() {
    for house in House::each().await {
        let (ctx, stop) = (
            Ctx::service("test", TenantId::all()),
            CancellationToken::new(),
        );
        let watched = house.profile.watch_customers(&ctx, "", true, stop.clone());
        let mut items = watched.await.expect("watches");
        let first = items.next().await.expect("goes on").expect("reads");
        assert!(matches!(first, Watched::Heartbeat { .. }), "{first:?}");
        stop.cancel();
        let cursor = loop {
            let item = items.next().await.expect("goes on").expect("reads");
            if let Watched::End { cursor } = item {
                break cursor;
            }
        };
        assert!(!cursor.is_empty());
        assert!(items.next().await.is_none());
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let house = House::each().await.remove(0);
    let request = wire::WatchCustomersRequest {
        cursor: "x".to_owned(),
        include_snapshot: false,
    };
    let status = status_of(house.customers().watch_customers(request).await);
    assert_eq!(refusal(&status).fields, ["cursor"]);
}
