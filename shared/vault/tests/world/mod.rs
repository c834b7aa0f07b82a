//! A service of one sealed table, and everything a test asks of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_db::{Once, Tx, error};
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};
use dossier_vault::rotation::{Kind, Phase, Rotator, START};
use dossier_vault::{
    CustomerKey, Options, Owner, Place, Registry, RootKeeper, RootKey, RootKeys, SealedTable, Vault,
};
use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Of remembered keys: short, so that rotations settle within a test.
pub const LIFE: Duration = Duration::from_millis(150);

const ROOT: [u8; 32] = [42; 32];

const REGISTRY: Registry = Registry {
    tables: &[SealedTable {
        table: "note",
        row: "id",
        owner: Owner::Column("customer_id"),
        columns: &["direct"],
    }],
    outcomes: true,
    index: None,
};

pub struct World {
    pub db: TestDb,
    writer: Vault,
}

pub fn tenant() -> TenantId {
    TenantId::parse("ours").expect("a tenant id")
}

pub fn place(row: Uuid) -> Place {
    Place {
        table: "note",
        column: "direct",
        row,
    }
}

pub fn options(roots: RootKeys) -> Options {
    Options {
        roots,
        key_life: LIFE,
    }
}

pub async fn each() -> Vec<World> {
    let mut worlds = Vec::new();
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let writer = open(&db, root()).await;
        worlds.push(World { db, writer });
    }
    worlds
}

fn root() -> RootKeys {
    RootKeys::new(RootKey::from_bytes(ROOT))
}

async fn open(db: &TestDb, roots: RootKeys) -> Vault {
    Vault::open(options(roots), db.reopen().await)
        .await
        .expect("the right root key")
}

impl World {
    pub async fn open(&self, roots: RootKeys) -> Vault {
        open(&self.db, roots).await
    }

    /// As another process, which remembers nothing.
    pub async fn vault(&self) -> Vault {
        self.open(root()).await
    }

    pub async fn note(&self, id: CustomerId, text: &str) -> Vec<u8> {
        self.note_by(&self.writer, id, text).await
    }

    pub async fn note_by(&self, vault: &Vault, id: CustomerId, text: &str) -> Vec<u8> {
        let (vault, text) = (vault.clone(), text.to_owned());
        let ctx = ctx();
        let work = self.db.db.write(&ctx, move |tx| {
            Box::pin(async move { insert(tx, &vault, id, &text).await })
        });
        work.await.expect("writes").value
    }

    /// The cell, also for the same request again.
    pub async fn note_once(&self, id: CustomerId, text: &str, request: Uuid) -> Vec<u8> {
        let (vault, text) = (self.writer.clone(), text.to_owned());
        let once = Once::new(&request.to_string(), "note", text.as_bytes()).expect("a UUID");
        let ctx = ctx();
        let work = self.db.db.write_once(&ctx, once, move |tx| {
            Box::pin(async move { insert(tx, &vault, id, &text).await })
        });
        work.await.expect("writes").value
    }

    /// The customer's first note.
    pub async fn read(&self, vault: &Vault, id: CustomerId) -> String {
        let reader = self.db.db.reader_of(&tenant());
        let sql = "SELECT id, direct FROM note WHERE tenant_id = $1 AND customer_id = $2 \
                   ORDER BY id LIMIT 1";
        let values = [tenant().as_str().into(), id.uuid().into()];
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        let row = reader.query_one_raw(statement).await.expect("reads");
        let row = row.expect("there is a note");
        let row_id: Uuid = row.try_get_by(0).expect("an id");
        let cell: Vec<u8> = row.try_get_by(1).expect("a cell");
        let keys = vault
            .keys_to_open(&reader, &tenant(), [(id, cell.as_slice())])
            .await;
        let keys = keys.expect("reads keys");
        let plain = keys[&id].open(&place(row_id), &cell).expect("opens");
        String::from_utf8(plain.to_vec()).expect("text")
    }

    pub async fn keys(&self, vault: &Vault, id: CustomerId) -> HashMap<CustomerId, CustomerKey> {
        let reader = self.db.db.reader_of(&tenant());
        vault.keys(&reader, &tenant(), &[id]).await.expect("reads")
    }

    /// Whether the customer has a key, as this process sees it.
    pub async fn opens(&self, vault: &Vault, id: CustomerId) -> bool {
        self.keys(vault, id).await.contains_key(&id)
    }

    /// A cell that may no longer be in the table, bound to the row that the cell was made for.
    pub async fn open_cell(&self, vault: &Vault, id: CustomerId, cell: &[u8]) -> String {
        let reader = self.db.db.reader_of(&tenant());
        let keys = vault.keys_to_open(&reader, &tenant(), [(id, cell)]).await;
        let keys = keys.expect("reads keys");
        for (row, _, _) in self.cells().await {
            if let Ok(plain) = keys[&id].open(&place(row), cell) {
                return String::from_utf8(plain.to_vec()).expect("text");
            }
        }
        panic!("{:?}: the cell opens nowhere", self.db)
    }

    /// Rows, customers and cells.
    pub async fn cells(&self) -> Vec<(Uuid, CustomerId, Vec<u8>)> {
        let reader = self.db.db.reader_of(&tenant());
        let sql = "SELECT id, customer_id, direct FROM note ORDER BY id";
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        let rows = reader.query_all_raw(statement).await.expect("reads");
        let read = |row: &sea_orm::QueryResult| -> std::result::Result<_, DbErr> {
            let customer = CustomerId(row.try_get_by(1)?);
            Ok((row.try_get_by(0)?, customer, row.try_get_by(2)?))
        };
        rows.iter().map(|row| read(row).expect("a note")).collect()
    }

    pub async fn versions_of(&self, id: CustomerId) -> Vec<i32> {
        let reader = self.db.db.reader_of(&tenant());
        let sql = "SELECT version FROM vault_customer_key \
                   WHERE tenant_id = $1 AND customer_id = $2 ORDER BY version";
        let values = [tenant().as_str().into(), id.uuid().into()];
        let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
        let rows = reader.query_all_raw(statement).await.expect("reads");
        let versions = rows.iter().map(|row| row.try_get_by(0).expect("a version"));
        versions.collect()
    }

    pub async fn destroy(&self, vault: &Vault, id: CustomerId) {
        let inner = vault.clone();
        let ctx = ctx();
        let work = self.db.db.write(&ctx, move |tx| {
            Box::pin(async move { inner.destroy(tx, &tenant(), id).await })
        });
        work.await.expect("destroys");
        vault.forget(&tenant(), id);
    }

    /// As after a restore of another database's rows: a root key wraps the tenant's keys that nobody
    /// has.
    pub async fn lose_root_of(&self, tenant: &TenantId) {
        let ctx = Ctx::service("test", tenant.clone());
        let sql =
            format!("UPDATE vault_tenant_key SET root_id = 'gone' WHERE tenant_id = '{tenant}'");
        let work = self.db.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let done = tx.conn().execute_unprepared(&sql).await;
                done.map(drop).map_err(error)
            })
        });
        work.await.expect("updates");
    }

    pub async fn forget_outcomes(&self) {
        let ctx = ctx();
        let work = self.db.db.write(&ctx, |tx| {
            Box::pin(async move {
                let gone = tx
                    .conn()
                    .execute_unprepared(&format!(
                        "DELETE FROM idempotency WHERE method <> '{START}'"
                    ))
                    .await;
                gone.map_err(error)
            })
        });
        work.await.expect("deletes");
    }

    pub async fn rotate(&self, vault: &Vault, kind: Kind) {
        let started = vault.start_rotation(&ctx(), None, kind).await;
        started.expect("starts");
        self.work_until_done(vault).await;
    }

    pub async fn work_until_done(&self, vault: &Vault) {
        self.work_by(vault, REGISTRY).await;
    }

    /// With the registry of a service that may have forgotten something.
    pub async fn work_by(&self, vault: &Vault, registry: Registry) {
        self.work(vault, registry, Phase::Done).await;
    }

    /// Until all rotations are in this phase.
    pub async fn work_until(&self, vault: &Vault, phase: Phase) {
        self.work(vault, REGISTRY, phase).await;
    }

    async fn work(&self, vault: &Vault, registry: Registry, phase: Phase) {
        let done = async {
            loop {
                let rotations = vault.rotations(&tenant()).await.expect("reads");
                if rotations.iter().all(|one| one.phase == phase) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let (stop, rotator) = (
            CancellationToken::new(),
            Rotator::new(vault.clone(), registry),
        );
        tokio::select! {
            worked = rotator.run(&stop) => panic!("{:?}: it ended: {worked:?}", self.db),
            () = done => {}
            () = tokio::time::sleep(Duration::from_secs(20)) => {
                panic!("{:?}: {:?}", self.db, vault.rotations(&tenant()).await)
            }
        }
    }

    /// Works for so long and is cut wherever it is.
    pub async fn work_for(&self, vault: &Vault, time: Duration) {
        let (stop, rotator) = (
            CancellationToken::new(),
            Rotator::new(vault.clone(), REGISTRY),
        );
        let cut = tokio::time::timeout(time, rotator.run(&stop)).await;
        assert!(cut.is_err(), "{:?}: it ended: {cut:?}", self.db);
    }
}

fn ctx() -> Ctx {
    Ctx::service("test", tenant())
}

async fn insert(tx: &Tx, vault: &Vault, id: CustomerId, text: &str) -> Result<Vec<u8>> {
    let row = Uuid::now_v7();
    let key = vault.key_or_create(tx, &tenant(), id).await?;
    let cell = key.seal(&place(row), text.as_bytes())?;
    let sql = "INSERT INTO note (tenant_id, id, customer_id, direct) VALUES ($1, $2, $3, $4)";
    let values = [
        tenant().as_str().into(),
        row.into(),
        id.uuid().into(),
        cell.clone().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(cell)
}

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([
        dossier_feed::migration(),
        dossier_vault::migration(),
        Box::new(CreateNote),
    ]);
    all
}

struct CreateNote;

impl MigrationName for CreateNote {
    fn name(&self) -> &str {
        "test_0001_note"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateNote {
    async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
        let (uuid, bytes) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("BLOB", "BLOB"),
            _ => ("uuid", "bytea"),
        };
        let sql = format!(
            "CREATE TABLE note (tenant_id text NOT NULL, id {uuid} NOT NULL, \
             customer_id {uuid} NOT NULL, direct {bytes} NOT NULL, PRIMARY KEY (tenant_id, id))"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}

/// Counts what it is asked, and is nothing but a file's key behind that.
pub struct Counting {
    key: RootKey,
    pub asked: Arc<AtomicU32>,
}

impl Counting {
    pub fn new() -> Self {
        Self {
            key: RootKey::from_bytes(ROOT),
            asked: Arc::default(),
        }
    }
}

impl RootKeeper for Counting {
    fn id(&self) -> &str {
        "kms://somewhere/key/7"
    }

    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.key.wrap(context, key)
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.key.unwrap(context, wrapped)
    }
}
