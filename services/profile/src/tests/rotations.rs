//! Identifiers while their index key rotates: found by everybody at every moment, and nobody's twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dossier_access::Access;
use dossier_db::testing::TestDb;
use dossier_kernel::{Ctx, Patch, Pii, TenantId};
use dossier_proto::common::v1::{CustomerKey, customer_key};
use dossier_proto::profile::v1 as wire;
use dossier_vault::rotation::{Kind, Phase, Rotator};
use dossier_vault::{Options, RootKey, RootKeys, Vault};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

use super::{Customers, House, IMPORT, create, email, get, id, known, mask, profile_under};
use crate::app::ImportRow;
use crate::domain::{CustomerType, Draft, ExternalId, Many};
use crate::store::REGISTRY;

/// Of remembered keys: short, so that a rotation settles within a test.
const LIFE: Duration = Duration::from_millis(250);
/// In which two processes at work tell most.
const WATCHED: [Phase; 3] = [Phase::Settle, Phase::Join, Phase::Leave];
const ROTATIONS_MAX: i32 = 10;

/// A process with a vault of its own on the house's database.
pub async fn process(house: &House) -> (House, Vault) {
    let db = house.db.reopen().await;
    let roots = RootKeys::new(RootKey::from_bytes([7; 32]));
    let options = Options {
        roots,
        key_life: LIFE,
    };
    let vault = Vault::open(options, db.clone()).await.expect("a root key");
    let access = Access::shipped(dossier_proto::DESCRIPTORS).expect("valid policies");
    let (clock, stop) = (&house.clock, &house.stop);
    let profile = profile_under(db, clock, stop, access, vault.clone());
    let process = House {
        db: Arc::clone(&house.db),
        clock: clock.clone(),
        profile,
        stop: stop.clone(),
    };
    (process, vault)
}

#[tokio::test]
async fn identifiers_are_found_and_unique_while_their_key_rotates() {
    for house in House::each().await {
        let (here, vault) = process(&house).await;
        let (there, _) = process(&house).await;
        let mut clients = [here.customers(), there.customers()];
        let mut expected = BTreeMap::new();
        for number in 0..300 {
            let value = format!("old{number}");
            let made = create(&mut clients[0], with_mail(&value)).await;
            expected.insert(value, made.name);
        }
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let (mut phases, mut turn, mut rotations) = (Vec::new(), 0, 0);
        let rotator = Rotator::new(vault.clone(), REGISTRY);
        let work = rotator.run(&house.stop);
        let load = async {
            // On a busy machine a step may take longer than a phase: then the key rotates again.
            while !WATCHED.iter().all(|phase| phases.contains(phase)) {
                let started = vault.start_rotation(&ctx, None, Kind::Index).await;
                started.expect("starts");
                rotations += 1;
                assert!(rotations <= ROTATIONS_MAX, "{:?}: {phases:?}", house.db);
                loop {
                    step(&mut clients, &mut expected, turn).await;
                    turn += 1;
                    assert!(turn < 2_000, "{:?}: it does not end: {phases:?}", house.db);
                    let rotation = vault.rotations(&ctx.tenant).await.expect("reads");
                    let phase = rotation.first().expect("one").phase;
                    phases.push(phase);
                    if phase == Phase::Done {
                        break;
                    }
                }
            }
        };
        tokio::select! {
            ended = work => panic!("{:?}: {ended:?}", house.db),
            () = load => {}
        }
        let version = rotations + 1;
        let versions = vault.key_versions(&ctx.tenant).await.expect("reads");
        assert_eq!(versions.index, [version], "{:?}", house.db);
        // One row for each identifier, and all under the new key.
        let rows = index_versions(&house.db, "customer_key").await;
        let all = 2 * expected.len() as i64;
        assert_eq!(rows, [(version, all)], "{:?}", house.db);
        let rows = index_versions(&house.db, "customer_term").await;
        assert_eq!(rows, [(version, all / 2)], "{:?}", house.db);
        for process in [&here, &there] {
            let found = super::searches::found(&mut process.searches(), "old17").await;
            assert_eq!(found[0], "old17", "{:?}", house.db);
        }
        for client in &mut clients {
            for (value, name) in &expected {
                assert_eq!(
                    find(client, value).await,
                    [name.as_str(); 2],
                    "{:?}",
                    house.db
                );
            }
        }
    }
}

#[tokio::test]
async fn an_import_that_waited_through_a_rotation_finds_who_is_there() {
    for house in House::each().await {
        let (here, vault) = process(&house).await;
        let known = create(&mut here.customers(), with_mail("old")).await;
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let draft = Draft {
            external_ids: Many::Add(vec![ExternalId {
                namespace: "crm".to_owned(),
                value: Pii::from("old"),
            }]),
            region_code: Patch::Set("CN".to_owned()),
            ..Draft::default()
        };
        let row = ImportRow {
            number: 1,
            draft,
            kind_default: Some(CustomerType::Person),
            bytes: 3,
        };
        let batch = here.profile.prepare_import(&ctx, vec![row], None).await;
        let batch = batch.expect("prepared");
        let started = vault.start_rotation(&ctx, None, Kind::Index).await;
        started.expect("starts");
        let rotator = Rotator::new(vault.clone(), REGISTRY);
        let work = rotator.run(&house.stop);
        let ended = async {
            loop {
                let rotation = vault.rotations(&ctx.tenant).await.expect("reads");
                if rotation.first().expect("one").phase == Phase::Done {
                    break;
                }
            }
        };
        tokio::select! {
            ended = work => panic!("{:?}: {ended:?}", house.db),
            () = ended => {}
        }
        let begun = here.profile.begin_import(&ctx, IMPORT, vec![]).await;
        begun.expect("begins");
        let report = here.profile.import_batch(&ctx, batch, Some(IMPORT)).await;
        assert_eq!(report.expect("written").counts.updated, 1, "{:?}", house.db);
        let found = get(&mut here.customers(), &known.name).await.expect("read");
        assert_eq!(found.region_code, "CN");
    }
}

/// What two processes do at the same time.
async fn step(clients: &mut [Customers; 2], expected: &mut BTreeMap<String, String>, turn: usize) {
    let (one, other) = clients.split_at_mut(1);
    let (one, other) = (&mut one[0], &mut other[0]);
    // Both want the same new identifier: one gets it.
    let value = format!("new{turn}");
    let request = || wire::CreateCustomerRequest {
        customer: Some(with_mail(&value)),
        ..Default::default()
    };
    let (first, second) = tokio::join!(
        one.create_customer(request()),
        other.create_customer(request())
    );
    let won: Vec<_> = [&first, &second].into_iter().flatten().collect();
    let lost = [&first, &second].map(|answer| answer.as_ref().err().map(|status| status.code()));
    assert_eq!(won.len(), 1, "{value}: {lost:?}");
    expected.insert(value.clone(), won[0].get_ref().name.clone());
    // What one gave up the other may take at once; what one has the other may not.
    let taken = format!("old{}", turn * 7 % 300);
    let refused = other.create_customer(wire::CreateCustomerRequest {
        customer: Some(known(&taken)),
        ..Default::default()
    });
    let refused = refused.await.err().expect("it is somebody's");
    assert!(
        matches!(refused.code(), Code::AlreadyExists | Code::Unavailable),
        "{refused:?}"
    );
    let name = expected[&taken].clone();
    let given_up = wire::UpdateCustomerRequest {
        customer: Some(wire::Customer {
            name: name.clone(),
            external_ids: vec![id("crm", &format!("{taken}-{turn}"))],
            ..Default::default()
        }),
        update_mask: mask(&["external_ids"]),
        ..Default::default()
    };
    one.update_customer(given_up.clone())
        .await
        .expect("updated");
    let back = wire::UpdateCustomerRequest {
        customer: Some(wire::Customer {
            name,
            external_ids: vec![id("crm", &taken)],
            ..Default::default()
        }),
        ..given_up
    };
    other.update_customer(back).await.expect("it is free");
    // Everybody finds everybody.
    for client in [one, other] {
        for value in [&value, &taken, &format!("old{}", turn * 31 % 300)] {
            let name = &expected[value];
            assert_eq!(find(client, value).await, [name.as_str(); 2], "{value}");
            get(client, name).await.expect("opens");
        }
    }
}

fn with_mail(value: &str) -> wire::Customer {
    wire::Customer {
        contact_points: vec![email(&format!("{value}@example.com"))],
        ..known(value)
    }
}

/// By external id and by e-mail.
async fn find(client: &mut Customers, value: &str) -> [String; 2] {
    let keys = [
        customer_key::Key::ExternalId(id("crm", value)),
        customer_key::Key::Email(format!("{value}@example.com")),
    ];
    let keys = keys.map(|key| CustomerKey {
        key: Some(key),
        region_code: String::new(),
    });
    let request = wire::LookupCustomersRequest {
        keys: keys.to_vec(),
        ..Default::default()
    };
    let answer = client.lookup_customers(request).await.expect("looks up");
    let results = answer.into_inner().results;
    std::array::from_fn(|index| results[index].customer.clone())
}

async fn index_versions(db: &TestDb, table: &str) -> Vec<(i32, i64)> {
    let reader = db.db.reader_of(&TenantId::all());
    let sql = format!("SELECT index_version, count(*) FROM {table} GROUP BY index_version");
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let rows = reader.query_all_raw(statement).await.expect("reads");
    let read = |row: &sea_orm::QueryResult| {
        let version = row.try_get_by(0).expect("a version");
        (version, row.try_get_by(1).expect("a count"))
    };
    rows.iter().map(read).collect()
}
