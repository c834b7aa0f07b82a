//! Deleted customers go for good.

use std::sync::Mutex;

use dossier_db::{Backend, Position, Staged};
use dossier_kernel::{AuditAction, AuditEvent};
use dossier_proto::profile::v1 as wire;
use futures::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use tonic::Code;
use wire::watch_customers_response::Item;

use super::revisions::{history, rename};
use super::*;

#[tokio::test]
async fn retention_ends_and_everything_goes() {
    for house in House::each().await {
        let mut client = house.customers();
        let kept = create(&mut client, known("kept")).await;
        let gone = create(&mut client, known("gone")).await;
        let theirs = create(&mut house.customers_of("other"), known("gone")).await;
        let delete = |name: &str| wire::DeleteCustomerRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        client
            .delete_customer(delete(&gone.name))
            .await
            .expect("deleted");
        house
            .customers_of("other")
            .delete_customer(delete(&theirs.name))
            .await
            .expect("deleted");
        get(&mut client, &gone.name).await.expect("still there");

        house.pass(Duration::from_secs(30 * 86_400 - 1));
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 0);
        let request = wire::WatchCustomersRequest::default();
        let mut stream = client
            .watch_customers(request)
            .await
            .expect("watches")
            .into_inner();
        // The first message says that the stream has caught up.
        stream
            .message()
            .await
            .expect("goes on")
            .expect("a heartbeat");
        house.pass(Duration::from_secs(1));
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 2);
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 0);
        assert_eq!(
            refused(get(&mut client, &gone.name).await).0,
            Code::NotFound
        );
        // Deleted for a month: there is nothing to wait for.
        assert_eq!(house.profile.erase_customers().await.expect("begins"), 0);
        assert_eq!(house.profile.erase_customers().await.expect("ends"), 2);

        assert_eq!(
            refused(get(&mut client, &gone.name).await).0,
            Code::NotFound
        );
        get(&mut client, &kept.name).await.expect("there");
        create(&mut client, known("gone")).await;
        // Changes of different customers may come in either order.
        let told = loop {
            let message = stream.message().await.expect("goes on").expect("a message");
            match message.item {
                Some(Item::Change(told)) if told.r#type() == wire::CustomerChangeType::Purged => {
                    break told;
                }
                _ => {}
            }
        };
        assert_eq!(told.customer.expect("a customer").name, gone.name);
    }
}

/// Events of the transactions of this test.
static TOLD: Mutex<Vec<AuditEvent>> = Mutex::new(Vec::new());

fn telling<'a>(
    txn: &'a DatabaseTransaction,
    backend: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, dossier_kernel::Result<Vec<Position>>> {
    let mut told = TOLD.lock().expect("no panic");
    told.extend(staged.events.iter().cloned());
    dossier_feed::append(txn, backend, staged)
}

#[tokio::test]
async fn whom_a_purge_took_is_in_the_audit_log() {
    for db in TestDb::each(migrations, telling).await {
        let (clock, stop) = (Clock::manual(NOW), CancellationToken::new());
        let profile = profile_on(&db, &clock, &stop).await;
        let house = House {
            db: Arc::new(db),
            clock,
            profile,
            stop,
        };
        let mut client = house.customers();
        let gone = create(&mut client, known("gone")).await.name;
        create(&mut client, known("kept")).await;
        let delete = wire::DeleteCustomerRequest {
            name: gone.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        house.pass(Duration::from_secs(30 * 86_400));
        TOLD.lock().expect("no panic").clear();
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 1);
        assert_eq!(house.erase().await, 1);
        let told = std::mem::take(&mut *TOLD.lock().expect("no panic"));
        assert_eq!(told.len(), 1);
        assert_eq!(
            (&told[0].resources, told[0].resource_count),
            (&vec![gone], 1)
        );
        assert_eq!(told[0].action, AuditAction::Write);
        assert_eq!(&*told[0].call.method, "profile.erase");
        assert_eq!(told[0].principal.to_string(), "service:profile");
    }
}

#[tokio::test]
async fn a_history_goes_with_its_customer_and_no_other() {
    for house in House::each().await {
        let mut client = house.customers();
        let gone = create(&mut client, known("gone")).await;
        let kept = create(&mut client, known("kept")).await;
        for name in [&gone.name, &kept.name] {
            rename(&mut client, name, "Amy").await;
        }
        let delete = wire::DeleteCustomerRequest {
            name: gone.name.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        assert_eq!(history(&mut house.revisions(), &gone.name).await.len(), 3);
        house.pass(Duration::from_secs(30 * 86_400));
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 1);
        assert_eq!(house.erase().await, 1);
        let request = wire::ListRevisionsRequest {
            parent: gone.name.clone(),
            ..Default::default()
        };
        let nothing = house.revisions().list_revisions(request).await;
        assert_eq!(refused(nothing).0, Code::NotFound);
        assert_eq!(history(&mut house.revisions(), &kept.name).await.len(), 2);
        assert_eq!(house.count("customer_revision").await, 1);
    }
}
