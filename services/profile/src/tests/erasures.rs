//! An ERASE hides a customer at once and leaves nothing of it in the end.

use dossier_audit::{VerifierKey, certificate};
use dossier_kernel::CustomerId;
use dossier_proto::profile::v1 as wire;
use dossier_rpc::{Channel, Local, TokenSource};
use tonic::Code;
use wire::watch_customers_response::Item;
use wire::{PrivacyRequestState as State, PrivacyRequestType as Type};

use super::privacy_requests::{ask, read};
use super::*;
use crate::peers::Neighbour;

async fn left(house: &House, name: &str) -> Vec<(&'static str, u64)> {
    let id = CustomerId::from_name(name).expect("a name");
    let tenant = TenantId::embedded_default();
    let db = house.db.reopen().await;
    let mut held = store::HELD
        .count(&db, &tenant, &[id])
        .await
        .expect("counts");
    held.retain(|(_, rows)| *rows > 0);
    db.close().await;
    held
}

/// What is told of a customer from the beginning.
async fn told(house: &House, name: &str) -> Vec<wire::Customer> {
    let feed = Feed::open(house.db.db.clone(), dossier_feed::Options::default());
    let stop = CancellationToken::new();
    let mut items = feed.watch(TenantId::embedded_default(), None, stop);
    let mut told = Vec::new();
    while let Some(item) = futures::StreamExt::next(&mut items).await {
        let dossier_feed::Item::Event { body, .. } = item.expect("goes on") else {
            return told;
        };
        let body = store::ChangeBody::from_bytes(&body).expect("reads");
        if body.customer.id.to_name() == name {
            let message = crate::api::encode_outline(body.customer);
            told.push(message);
        }
    }
    told
}

fn somebody() -> wire::Customer {
    wire::Customer {
        contact_points: vec![email("gone@example.com")],
        birth_date: Some(common::Date {
            year: 1990,
            month: 5,
            day: 17,
        }),
        tags: vec!["vip".to_owned()],
        ..known("gone")
    }
}

#[tokio::test]
async fn an_erased_customer_is_hidden_at_once_and_leaves_nothing() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let request = wire::CreateCustomerRequest {
            customer: Some(somebody()),
            request_id: request_id(),
            ..Default::default()
        };
        let gone = client.create_customer(request.clone()).await;
        let gone = gone.expect("created").into_inner().name;
        get(&mut client, &gone).await.expect("there, and cached");

        let asked = ask(&mut privacy, &gone, Type::Erase).await.expect("asked");
        assert!(asked.state() == State::Pending);
        for _ in 0..2 {
            assert_eq!(refused(get(&mut client, &gone).await).0, Code::NotFound);
            let repeated = client.create_customer(request.clone()).await;
            assert_eq!(refused(repeated).0, Code::NotFound);
            let undelete = wire::UndeleteCustomerRequest {
                name: gone.clone(),
                ..Default::default()
            };
            let undeleted = client.undelete_customer(undelete).await;
            assert_eq!(refused(undeleted).0, Code::NotFound);
            let list = wire::ListCustomersRequest {
                show_deleted: true,
                ..Default::default()
            };
            let listed = client.list_customers(list).await.expect("lists");
            assert_eq!(listed.get_ref().customers.len(), 0);
            let again = ask(&mut privacy, &gone, Type::Erase).await;
            assert_eq!(refused(again).0, Code::NotFound);
            house.profile.erase_customers().await.expect("begins");
            let state = read(&mut privacy, &asked.name).await.state();
            assert!(state == State::Running);
        }
        let certificate = wire::GetErasureCertificateRequest {
            name: asked.name.clone(),
        };
        let early = privacy.get_erasure_certificate(certificate.clone()).await;
        assert_eq!(refused(early).0, Code::FailedPrecondition);
        assert!(!left(&house, &gone).await.is_empty());

        assert_eq!(house.erase().await, 1);
        assert_eq!(left(&house, &gone).await, []);
        let told = told(&house, &gone).await;
        assert_eq!(told.len(), 1, "only that it is gone");
        assert!(told[0].birth_date.is_none() && told[0].tags.is_empty());
        let done = read(&mut privacy, &asked.name).await;
        assert!(done.state() == State::Done);
        assert!(done.end_time.is_some());
        let answer = privacy.get_erasure_certificate(certificate).await;
        let answer = answer.expect("certified").into_inner();
        let key = VerifierKey::parse(&answer.verifier_key).expect("a key");
        let said = certificate::verify(&answer.certificate, &key).expect("signed");
        assert_eq!(said["customer"], gone.as_str());
        assert_eq!(said["rows_erased"]["profile"]["customer"], 1);
        assert_eq!(said["rows_held"]["profile"]["customer"], 0);

        // A repeat does not bring the customer back, and its identifiers are free.
        assert_eq!(
            refused(client.create_customer(request).await).0,
            Code::NotFound
        );
        create(&mut client, somebody()).await;
    }
}

#[tokio::test]
async fn a_follower_is_told_that_a_customer_is_gone() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let gone = create(&mut client, somebody()).await.name;
        let watch = wire::WatchCustomersRequest::default();
        let stream = client.watch_customers(watch).await.expect("watches");
        let mut stream = stream.into_inner();
        stream.message().await.expect("goes on").expect("caught up");
        ask(&mut privacy, &gone, Type::Erase).await.expect("asked");
        assert_eq!(house.erase().await, 1);
        let told = loop {
            let message = stream.message().await.expect("goes on").expect("a message");
            match message.item {
                Some(Item::Change(told)) if told.r#type() == wire::CustomerChangeType::Purged => {
                    break told;
                }
                _ => {}
            }
        };
        assert_eq!(told.customer.expect("a customer").name, gone);
    }
}

#[tokio::test]
async fn nothing_is_gone_while_a_neighbour_is_away() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let (clock, stop) = (Clock::manual(NOW), CancellationToken::new());
        let away = Channel::in_process(&Local::new(), TokenSource::none())
            .with_patience(Duration::from_millis(1));
        let away = vec![Neighbour::new("interaction", away)];
        let journal = journal();
        let profile = profile_beside(&db, &clock, &stop, away, journal.clone()).await;
        let house = House {
            db: Arc::new(db),
            clock,
            profile,
            stop,
        };
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let gone = create(&mut client, somebody()).await.name;
        let asked = ask(&mut privacy, &gone, Type::Erase).await.expect("asked");
        for _ in 0..3 {
            assert_eq!(house.erase().await, 0);
        }
        let entries = journal.read().expect("reads").expect("written");
        assert_eq!(entries.len(), 1, "however often it is tried");
        let state = read(&mut privacy, &asked.name).await.state();
        assert!(state == State::Running);
        assert!(!left(&house, &gone).await.is_empty());

        // The next process reaches all of them.
        let next = house.restarted().await;
        next.pass(Duration::from_secs(300));
        assert_eq!(next.erase().await, 1);
        assert_eq!(left(&next, &gone).await, []);
    }
}

#[tokio::test]
async fn what_a_backup_brings_back_is_erased_again_and_who_came_later_stays() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let back = create(&mut client, somebody()).await.name;
        let later = create(&mut client, known("later")).await.name;
        let hold = wire::SetLegalHoldRequest {
            customer: back.clone(),
            reason: "released before the erasure".to_owned(),
            request_id: request_id(),
        };
        privacy.set_legal_hold(hold).await.expect("held");
        let hour = Duration::from_secs(3_600);
        let entry = |name: &str, time| dossier_runtime::JournalEntry {
            tenant: TenantId::embedded_default(),
            customer: CustomerId::from_name(name).expect("a name"),
            time,
        };
        let journal = vec![
            entry(&back, NOW.plus(hour)),
            entry(&back, NOW.minus(hour)),
            entry(&later, NOW.minus(hour)),
        ];
        let replayed = crate::app::replay(house.db.db.clone(), journal).await;
        assert_eq!(replayed.expect("replays"), 1);
        let restored = house.restarted().await;
        let mut client = restored.customers();
        assert_eq!(refused(get(&mut client, &back).await).0, Code::NotFound);
        // It counts from the clock of the machine, which is not the house's.
        restored.clock.advance(hour * 24 * 36_500);
        assert_eq!(restored.erase().await, 1);
        assert_eq!(left(&restored, &back).await, []);
        get(&mut client, &later).await.expect("somebody else");
    }
}

#[tokio::test]
async fn a_failure_of_a_process_that_was_slower_changes_nothing() {
    for house in House::each().await {
        let tenant = TenantId::embedded_default();
        let ctx = Ctx::service("profile", tenant.clone());
        let db = house.db.db.clone();
        let work = db.write(&ctx, move |tx| {
            Box::pin(async move {
                let id = uuid::Uuid::now_v7();
                store::erasure::insert(tx, &tenant, id, NOW).await?;
                store::erasure::begin(tx, &tenant, id).await?;
                let settled = NOW.plus(SETTLE);
                let due = |time| store::erasure::due(tx.conn(), time, 10);
                let slower = due(NOW).await?;
                let counts = crate::domain::Counts::new();
                store::erasure::settle(tx, &tenant, id, settled, &counts).await?;
                let soon = NOW.plus(Duration::from_secs(1));
                store::erasure::put_off(tx, &tenant, &slower[0], soon).await?;
                Ok((due(soon).await?.len(), due(settled).await?.len()))
            })
        });
        assert_eq!(work.await.expect("writes").value, (0, 1));
    }
}

#[tokio::test]
async fn one_of_several_replicas_takes_a_step_and_a_dead_one_is_waited_for() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let gone = create(&mut client, somebody()).await.name;
        let asked = ask(&mut privacy, &gone, Type::Erase).await.expect("asked");
        house.profile.erase_customers().await.expect("begins");
        house.pass(SETTLE);
        let reader = house.db.db.reader_of(&TenantId::all());
        let due = store::erasure::due(&reader, house.clock.now(), 10).await;
        let erasure = due.expect("reads").pop().expect("one");

        // Another replica has taken it and died.
        let (db, tenant) = (&house.db.db, TenantId::embedded_default());
        let name = format!("erasure/{}", erasure.id);
        let length = Duration::from_secs(15);
        let lease = dossier_db::Lease::take(db, &house.clock, &tenant, name, length).await;
        assert!(lease.expect("an answer").is_some());
        assert_eq!(house.profile.erase_customers().await.expect("waits"), 0);
        assert!(!left(&house, &gone).await.is_empty());
        assert!(read(&mut privacy, &asked.name).await.state() == State::Running);

        house.pass(length);
        let other = house.restarted().await;
        let both = [&house.profile, &other.profile].map(Profile::erase_customers);
        let both = futures::future::join_all(both).await;
        let gone_now = both.into_iter().map(|gone| gone.expect("completes"));
        assert_eq!(gone_now.sum::<u64>(), 1);
        assert_eq!(left(&house, &gone).await, []);
    }
}

#[tokio::test]
async fn the_other_side_of_a_relationship_is_told_that_it_ended() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let gone = create(&mut client, somebody()).await.name;
        let friend = create(&mut client, known("friend")).await.name;
        let relate = wire::CreateRelationshipRequest {
            relationship: Some(wire::Relationship {
                from: gone.clone(),
                to: friend.clone(),
                r#type: wire::RelationshipType::Friend.into(),
                ..Default::default()
            }),
            request_id: request_id(),
        };
        let related = house.relationships().create_relationship(relate).await;
        related.expect("related");
        let before = told(&house, &friend).await.len();
        ask(&mut privacy, &gone, Type::Erase).await.expect("asked");
        assert_eq!(house.erase().await, 1);
        assert_eq!(told(&house, &friend).await.len(), before + 1);
        assert_eq!(left(&house, &gone).await, []);
        get(&mut client, &friend).await.expect("stays");
    }
}

#[tokio::test]
async fn followers_are_told_of_somebody_whom_the_backup_does_not_know() {
    for house in House::each().await {
        let unknown = CustomerId::generate();
        let journal = vec![dossier_runtime::JournalEntry {
            tenant: TenantId::embedded_default(),
            customer: unknown,
            time: NOW,
        }];
        let replayed = crate::app::replay(house.db.db.clone(), journal).await;
        assert_eq!(replayed.expect("replays"), 1);
        house
            .clock
            .advance(Duration::from_secs(36_500 * 24 * 3_600));
        assert_eq!(house.erase().await, 1);
        let told = told(&house, &unknown.to_name()).await;
        assert_eq!(told.len(), 1);
        assert!(told[0].delete_time.is_some());
        assert_eq!(left(&house, &unknown.to_name()).await, []);
    }
}
