//! Following what is recorded.

use dossier_kernel::CustomerId;
use tonic::{Code, Streaming};
use wire::watch_interactions_response::Item;

use super::*;

async fn watch(
    client: &mut Client,
    cursor: &str,
    include_snapshot: bool,
) -> Streaming<wire::WatchInteractionsResponse> {
    let request = wire::WatchInteractionsRequest {
        cursor: cursor.into(),
        include_snapshot,
    };
    client
        .watch_interactions(request)
        .await
        .expect("begins")
        .into_inner()
}

/// The next `count` events and the cursor of the last one.
async fn events(
    changes: &mut Streaming<wire::WatchInteractionsResponse>,
    count: usize,
) -> (Vec<String>, String) {
    let (mut ids, mut last) = (Vec::new(), String::new());
    while ids.len() < count {
        let answer = changes
            .message()
            .await
            .expect("goes on")
            .expect("does not end");
        assert!(!answer.cursor.is_empty());
        if let Some(Item::Change(change)) = answer.item {
            let interaction = change.interaction.expect("there");
            assert_eq!(change.tenant, "shop");
            ids.push(interaction.event_id);
            last = answer.cursor;
        }
    }
    (ids, last)
}

/// Records a purchase; answers the cursor of its change.
async fn add(client: &mut Client, event_id: &str) -> String {
    let one = purchase(event_id, CustomerId::generate(), 1);
    let answer = client
        .record_interaction(record(one))
        .await
        .expect("recorded");
    let cursor = answer.metadata().get("dossier-cursor").expect("a cursor");
    cursor.to_str().expect("printable").to_owned()
}

#[tokio::test]
async fn a_follower_gets_everything_then_what_comes_and_resumes_where_it_was() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    add(&mut client, "o-1").await;
    let second = add(&mut client, "o-2").await;

    let mut all = watch(&mut client, "", true).await;
    let (ids, cursor) = events(&mut all, 2).await;
    assert_eq!(ids, ["o-1", "o-2"]);
    assert_eq!(cursor, second, "an answer's cursor is the change's");
    let mut from_now = watch(&mut client, "", false).await;
    add(&mut client, "o-3").await;
    assert_eq!(events(&mut all, 1).await.0, ["o-3"]);
    assert_eq!(events(&mut from_now, 1).await.0, ["o-3"]);

    let world = world.restart().await;
    let mut client = world.client("shop").await;
    let mut resumed = watch(&mut client, &second, false).await;
    assert_eq!(events(&mut resumed, 1).await.0, ["o-3"]);
    world.running.stop().await;
}

#[tokio::test]
async fn a_follower_sees_no_words_and_no_other_tenant() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let mut other = world.client("other").await;
    let foreign = purchase("foreign", CustomerId::generate(), 1);
    other
        .record_interaction(record(foreign))
        .await
        .expect("recorded");
    let mail = wire::Email {
        subject: "Re: order".into(),
        body: "Dear 王小明".into(),
    };
    let mail = wire::Interaction {
        details: Some(Details::Email(mail)),
        ..purchase("m-1", CustomerId::generate(), 1)
    };
    client
        .record_interaction(record(mail))
        .await
        .expect("recorded");

    let mut all = watch(&mut client, "", true).await;
    let answer = loop {
        let answer = all.message().await.expect("goes on").expect("does not end");
        if let Some(Item::Change(change)) = answer.item {
            break change.interaction.expect("there");
        }
    };
    assert_eq!(answer.event_id, "m-1");
    assert!(answer.kind() == wire::InteractionKind::Email);
    assert!(answer.details == Some(Details::Email(wire::Email::default())));
    world.running.stop().await;
}

#[tokio::test]
async fn another_service_follows_all_tenants() {
    let world = World::start().await;
    for tenant in ["a", "b", "c"] {
        let mut client = world.client(tenant).await;
        add(&mut client, tenant).await;
    }
    let mut service = world
        .client_of(TenantId::all(), PrincipalKind::Service, Role::Service)
        .await;
    let mut all = watch(&mut service, "", true).await;
    for tenant in ["a", "b", "c"] {
        let answer = all.message().await.expect("goes on").expect("goes on");
        let Some(Item::Change(change)) = answer.item else {
            panic!("not a change");
        };
        assert_eq!(change.tenant, tenant);
        assert_eq!(change.interaction.expect("there").event_id, tenant);
    }
    world.running.stop().await;
}

#[tokio::test]
async fn a_stop_ends_the_stream_with_a_cursor_and_a_foreign_cursor_is_refused() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let request = wire::WatchInteractionsRequest {
        cursor: "nonsense".into(),
        include_snapshot: false,
    };
    let refused = client
        .watch_interactions(request)
        .await
        .expect_err("no cursor");
    assert_eq!(
        (refused.code(), violated(&refused)),
        (Code::InvalidArgument, vec!["cursor".into()])
    );

    let mut all = watch(&mut client, "", false).await;
    let stopped = tokio::spawn(world.running.stop());
    let mut last = None;
    while let Some(answer) = all.message().await.expect("ends in peace") {
        last = Some(answer);
    }
    let last = last.expect("an end");
    assert!(!last.cursor.is_empty());
    assert!(matches!(last.item, Some(Item::End(end)) if end.cause == "drain"));
    stopped.await.expect("stops");
}
