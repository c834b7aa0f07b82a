//! The table that the laws are tried on.

use std::sync::atomic::{AtomicI64, Ordering};

use dossier_db::testing::TestDb;
use dossier_db::{Backend, Change, Position, Staged, TenantScoped, Tx, error, find};
use dossier_kernel::{Ctx, Error, Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "thing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub word: String,
    pub rank: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

pub fn row(tenant: &TenantId, word: &str, rank: Option<i64>) -> ActiveModel {
    ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        id: Set(Uuid::now_v7()),
        word: Set(word.to_owned()),
        rank: Set(rank),
    }
}

pub async fn insert(tx: &Tx, tenant: &TenantId, word: &str) -> Result<Uuid> {
    let row = row(tenant, word, None);
    let id = row.id.clone().take().expect("set");
    Entity::insert(row)
        .exec_without_returning(tx.conn())
        .await
        .map_err(error)?;
    Ok(id)
}

pub fn change(tenant: &TenantId, subject: Uuid, body: &str) -> Change {
    Change {
        tenant: tenant.clone(),
        subject,
        time: Timestamp(0),
        body: body.into(),
    }
}

pub async fn words(db: &dossier_db::Db, tenant: &TenantId) -> Vec<String> {
    let rows = find::<Entity>(tenant)
        .all(&db.reader_of(tenant))
        .await
        .expect("reads");
    let mut words: Vec<_> = rows.into_iter().map(|row| row.word).collect();
    words.sort();
    words
}

pub fn tenant() -> TenantId {
    TenantId::parse("shop").expect("a tenant")
}

pub fn ctx() -> Ctx {
    Ctx::service("laws", tenant())
}

pub async fn each() -> Vec<TestDb> {
    TestDb::each(migrations, number).await
}

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.push(Box::new(CreateThing));
    all
}

static LAST: AtomicI64 = AtomicI64::new(0);

/// Numbers changes as a feed would, without a feed; refuses the batch that holds `poison`.
pub fn number<'a>(
    _: &'a DatabaseTransaction,
    _: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, Result<Vec<Position>>> {
    Box::pin(async move {
        let changes = &staged.changes;
        if changes.iter().any(|change| change.body == b"poison") {
            return Err(Error::unavailable("The feed is poisoned."));
        }
        let position = |change: &Change| Position {
            shard: 0,
            seq: LAST.fetch_add(1, Ordering::SeqCst) + 1,
            epoch: change.subject,
        };
        Ok(changes.iter().map(position).collect())
    })
}

pub struct CreateThing;

impl MigrationName for CreateThing {
    fn name(&self) -> &str {
        "thing_0001"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateThing {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!(
            "CREATE TABLE thing (tenant_id text NOT NULL, id {uuid} NOT NULL, word text NOT NULL, \
             rank bigint, PRIMARY KEY (tenant_id, id))"
        ))
        .await?;
        conn.execute_unprepared(
            "CREATE UNIQUE INDEX thing_word ON thing (tenant_id, word) WHERE word LIKE 'only %'",
        )
        .await?;
        Ok(())
    }
}
