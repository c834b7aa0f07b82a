//! The vault on both databases.

use dossier_db::testing::TestDb;
use dossier_kernel::{Ctx, CustomerId, Error, Reason, TenantId};
use dossier_vault::{Place, RootKey, Vault};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigrationTrait;
use uuid::Uuid;

const ROOT: [u8; 32] = [42; 32];

fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration(), dossier_vault::migration()]);
    all
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant id")
}

fn place() -> Place {
    Place {
        table: "customer",
        column: "direct",
        row: Uuid::nil(),
    }
}

async fn open(db: &TestDb) -> Vault {
    Vault::open(RootKey::from_bytes(ROOT), db.reopen().await)
        .await
        .expect("the right root key")
}

/// Makes the customer's key in a transaction of its own and seals with it.
async fn seal(
    vault: &Vault,
    db: &TestDb,
    tenant: &TenantId,
    id: CustomerId,
    plain: &'static [u8],
) -> Vec<u8> {
    let (vault, of) = (vault.clone(), tenant.clone());
    let ctx = Ctx::service("test", tenant.clone());
    let work = db.db.write(&ctx, move |tx| {
        Box::pin(async move {
            vault
                .key_or_create(tx, &of, id)
                .await?
                .seal(&place(), plain)
        })
    });
    work.await.expect("seals").value
}

#[tokio::test]
async fn what_is_sealed_opens_after_a_restart_and_for_its_owner_only() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let (ours, theirs) = (tenant("ours"), tenant("theirs"));
        let (wang, li) = (CustomerId::generate(), CustomerId::generate());
        let vault = open(&db).await;
        let sealed = seal(&vault, &db, &ours, wang, b"name").await;
        seal(&vault, &db, &ours, li, b"other").await;
        seal(&vault, &db, &theirs, wang, b"other").await;

        let restarted = open(&db).await;
        let keys = restarted
            .keys(&db.db.reader_of(&ours), &ours, &[wang, li])
            .await
            .expect("reads");
        assert_eq!(
            &*keys[&wang].open(&place(), &sealed).expect("opens"),
            b"name",
            "{db:?}"
        );
        assert!(
            keys[&li].open(&place(), &sealed).is_err(),
            "{db:?}: another customer"
        );
        let elsewhere = Place {
            column: "sensitive",
            ..place()
        };
        assert!(
            keys[&wang].open(&elsewhere, &sealed).is_err(),
            "{db:?}: another column"
        );
        let foreign = restarted
            .keys(&db.db.reader_of(&theirs), &theirs, &[wang])
            .await
            .expect("reads");
        assert!(
            foreign[&wang].open(&place(), &sealed).is_err(),
            "{db:?}: another tenant"
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn a_key_of_a_rolled_back_transaction_is_never_used() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let id = CustomerId::generate();
        let vault = open(&db).await;
        let (inner, of) = (vault.clone(), ours.clone());
        let ctx = Ctx::service("test", ours.clone());
        let failed = db.db.write::<(), _>(&ctx, move |tx| {
            Box::pin(async move {
                inner.key_or_create(tx, &of, id).await?;
                Err(Error::new(Reason::FailedPrecondition, "rolled back"))
            })
        });
        assert!(failed.await.is_err());
        let none = vault
            .keys(&db.db.reader_of(&ours), &ours, &[id])
            .await
            .expect("reads");
        assert!(none.is_empty(), "{db:?}");
        let sealed = seal(&vault, &db, &ours, id, b"name").await;
        let keys = open(&db)
            .await
            .keys(&db.db.reader_of(&ours), &ours, &[id])
            .await
            .expect("reads");
        assert!(
            keys[&id].open(&place(), &sealed).is_ok(),
            "{db:?}: the table has the key that sealed"
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn concurrent_first_uses_agree_on_one_key() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let id = CustomerId::generate();
        let vault = open(&db).await;
        let cells =
            futures::future::join_all((0..16).map(|_| seal(&vault, &db, &ours, id, b"name"))).await;
        let keys = open(&db)
            .await
            .keys(&db.db.reader_of(&ours), &ours, &[id])
            .await
            .expect("reads");
        for cell in &cells {
            assert!(keys[&id].open(&place(), cell).is_ok(), "{db:?}");
        }
        db.discard().await;
    }
}

#[tokio::test]
async fn a_destroyed_key_opens_nothing_any_more() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let id = CustomerId::generate();
        let vault = open(&db).await;
        let sealed = seal(&vault, &db, &ours, id, b"name").await;
        assert_eq!(
            vault
                .keys(&db.db.reader_of(&ours), &ours, &[id])
                .await
                .expect("reads")
                .len(),
            1
        );
        let (inner, of) = (vault.clone(), ours.clone());
        let ctx = Ctx::service("test", ours.clone());
        db.db
            .write(&ctx, move |tx| {
                Box::pin(async move { inner.destroy(tx, &of, id).await })
            })
            .await
            .expect("destroys");
        assert!(
            vault
                .keys(&db.db.reader_of(&ours), &ours, &[id])
                .await
                .expect("reads")
                .is_empty(),
            "{db:?}"
        );
        // A customer of the same id gets another key: the old cells stay closed.
        seal(&vault, &db, &ours, id, b"name").await;
        let keys = vault
            .keys(&db.db.reader_of(&ours), &ours, &[id])
            .await
            .expect("reads");
        assert!(keys[&id].open(&place(), &sealed).is_err(), "{db:?}");
        db.discard().await;
    }
}

#[tokio::test]
async fn blind_indexes_are_stable_and_differ_by_tenant_and_kind() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let (ours, theirs) = (tenant("ours"), tenant("theirs"));
        let vault = open(&db).await;
        let index = vault
            .blind_index(&ours, "email", "a@b.c")
            .await
            .expect("index");
        let again = open(&db)
            .await
            .blind_index(&ours, "email", "a@b.c")
            .await
            .expect("index");
        assert_eq!(index, again, "{db:?}");
        assert_ne!(
            index,
            vault
                .blind_index(&theirs, "email", "a@b.c")
                .await
                .expect("index")
        );
        assert_ne!(
            index,
            vault
                .blind_index(&ours, "phone", "a@b.c")
                .await
                .expect("index")
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn another_root_key_is_refused() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        open(&db).await;
        let wrong = Vault::open(RootKey::from_bytes([7; 32]), db.reopen().await).await;
        assert_eq!(
            wrong.err().expect("refused").reason(),
            Reason::FailedPrecondition,
            "{db:?}"
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn a_key_read_in_a_transaction_that_rolls_back_is_not_remembered() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let id = CustomerId::generate();
        let vault = open(&db).await;
        let (inner, of) = (vault.clone(), ours.clone());
        let ctx = Ctx::service("test", ours.clone());
        let rehearsal = db.db.write::<(), _>(&ctx, move |tx| {
            Box::pin(async move {
                inner.key_or_create(tx, &of, id).await?;
                let seen = inner.keys(tx.conn(), &of, &[id]).await?;
                assert_eq!(seen.len(), 1, "a transaction sees its own key");
                Err(Error::new(Reason::Cancelled, "rehearsed"))
            })
        });
        assert!(rehearsal.await.is_err());
        let sealed = seal(&vault, &db, &ours, id, b"name").await;
        let restarted = open(&db).await;
        let keys = restarted
            .keys(&db.db.reader_of(&ours), &ours, &[id])
            .await
            .expect("reads");
        assert!(keys[&id].open(&place(), &sealed).is_ok(), "{db:?}");
        db.discard().await;
    }
}

#[tokio::test]
async fn many_keys_are_made_at_once_by_many_without_waiting_for_each_other_for_ever() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let vault = open(&db).await;
        let ids: Vec<CustomerId> = (0..700).map(|_| CustomerId::generate()).collect();
        // Everybody asks for overlapping customers, some twice, in an order of their own.
        let asked = (0..8).map(|n| {
            let mut ids: Vec<_> = ids[n * 50..n * 50 + 350].to_vec();
            ids.rotate_left(n * 40);
            if n % 2 == 0 {
                ids.reverse();
            }
            ids.push(ids[0]);
            let (vault, of, db) = (vault.clone(), ours.clone(), &db.db);
            async move {
                let ctx = Ctx::service("test", of.clone());
                let work = db.write(&ctx, move |tx| {
                    Box::pin(async move {
                        let keys = vault.keys_or_create(tx, &of, &ids).await?;
                        assert_eq!(keys.len(), 350);
                        keys.iter()
                            .map(|(id, key)| Ok((*id, key.seal(&place(), id.uuid().as_bytes())?)))
                            .collect::<Result<Vec<_>, Error>>()
                    })
                });
                work.await.expect("makes").value
            }
        });
        let cells = futures::future::join_all(asked).await.concat();
        let restarted = open(&db).await;
        let keys = restarted
            .keys(&db.db.reader_of(&ours), &ours, &ids)
            .await
            .expect("reads");
        assert_eq!(keys.len(), 700);
        for (id, cell) in cells {
            let plain = keys[&id].open(&place(), &cell).expect("opens");
            assert_eq!(&**plain, id.uuid().as_bytes(), "{db:?}");
        }
        db.discard().await;
    }
}

/// Whoever can write to the table still cannot give one customer's key to another.
#[tokio::test]
async fn a_wrapped_key_that_was_moved_does_not_unwrap() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let ours = tenant("ours");
        let (wang, li) = (CustomerId::generate(), CustomerId::generate());
        let vault = open(&db).await;
        seal(&vault, &db, &ours, wang, b"name").await;
        let ctx = Ctx::service("test", ours.clone());
        db.db
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE vault_customer_key SET customer_id = $1";
                    let values = [li.uuid().into()];
                    let backend = tx.backend().into();
                    let statement = Statement::from_sql_and_values(backend, sql, values);
                    tx.conn()
                        .execute_raw(statement)
                        .await
                        .map_err(dossier_db::error)
                })
            })
            .await
            .expect("moves");
        let moved = open(&db)
            .await
            .keys(&db.db.reader_of(&ours), &ours, &[li])
            .await;
        let refused = moved.expect_err("refused");
        assert_eq!(refused.reason(), Reason::Internal, "{db:?}");
        db.discard().await;
    }
}
