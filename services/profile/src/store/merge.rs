//! How customers became one: records, and who was made whose part by each.

use dossier_db::{PageQuery, Room, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ConnectionTrait, FromQueryResult, IntoActiveModel, Iterable, Order, QueryOrder, QuerySelect,
};

use super::merge_part;
use crate::domain::{MergeRecord, MergeState};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "merge_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub merge_id: Uuid,
    pub survivor_id: Uuid,
    /// The survivor's file as the merge made it.
    pub survivor_revision: i64,
    pub state: String,
    pub create_time: i64,
    pub creator: String,
    pub unmerge_time: Option<i64>,
    /// JSON.
    pub kept_fields: String,
    /// When to tell the other services; NULL once they know.
    pub step_time: Option<i64>,
    /// Failures since the state changed.
    pub failure_count: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// Names and times of a message, and a name for each of the others.
const MESSAGE_BYTES: usize = 512;

impl Model {
    pub fn tenant(&self) -> Result<TenantId> {
        TenantId::parse(&self.tenant_id)
    }

    pub fn state(&self) -> Result<MergeState> {
        let state = MergeState::parse(&self.state);
        state.ok_or_else(|| Error::unreadable("merge", "state").into())
    }

    /// When the customers became what they are by it.
    pub const fn change_time(&self) -> Timestamp {
        match self.unmerge_time {
            Some(time) => Timestamp(time),
            None => Timestamp(self.create_time),
        }
    }

    pub fn into_record(self, others: Vec<CustomerId>) -> Result<MergeRecord> {
        let state = self.state()?;
        let kept_fields = serde_json::from_str(&self.kept_fields);
        Ok(MergeRecord {
            id: self.merge_id,
            survivor: CustomerId(self.survivor_id),
            others,
            state,
            create_time: Timestamp(self.create_time),
            creator: self.creator,
            unmerge_time: self.unmerge_time.map(Timestamp),
            kept_fields: kept_fields.map_err(|error| Error::unreadable("merge", error))?,
        })
    }
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::MergeId.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// Reads a row that is about to be changed; nobody else changes it before this transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::MergeId.eq(id))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// Whether one of the customers is in a merge that the other services do not all know of yet.
pub async fn is_under_way(tx: &Tx, tenant: &TenantId, customers: &[Uuid]) -> Result<bool> {
    let parts = merge_part::merges_of(customers);
    let ids = customers.iter().copied();
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::StepTime.is_not_null())
        .filter(
            Column::SurvivorId
                .is_in(ids)
                .or(Column::MergeId.in_subquery(parts)),
        );
    let found = query.one(tx.conn()).await.map_err(dossier_db::error)?;
    Ok(found.is_some())
}

/// A merge into the same customer that was made after this one and is not taken back.
pub async fn later(tx: &Tx, tenant: &TenantId, than: &Model) -> Result<Option<Uuid>> {
    let standing = [MergeState::Merging, MergeState::Merged];
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::SurvivorId.eq(than.survivor_id))
        .filter(Column::SurvivorRevision.gt(than.survivor_revision))
        .filter(Column::State.is_in(standing.map(|state| state.as_str())))
        .order_by_desc(Column::SurvivorRevision);
    let row = query.one(tx.conn()).await.map_err(dossier_db::error)?;
    Ok(row.map(|row| row.merge_id))
}

/// The customers are themselves again.
pub async fn unmerge(
    tx: &Tx,
    tenant: &TenantId,
    id: Uuid,
    now: Timestamp,
    kept_fields: &[String],
) -> Result<()> {
    let kept = serde_json::to_string(kept_fields);
    let kept = kept.map_err(|error| Error::unreadable("merge", error))?;
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(MergeState::Unmerging.as_str()))
        .col_expr(Column::UnmergeTime, Expr::value(now.micros()))
        .col_expr(Column::KeptFields, Expr::value(kept))
        .col_expr(Column::StepTime, Expr::value(now.micros()))
        .col_expr(Column::FailureCount, Expr::value(0))
        .filter(Column::MergeId.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Those of all tenants of which the other services can be told, the longest due first.
pub async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<Model>> {
    // A job serves all tenants, so that the finder cannot begin this query.
    let mut query = Query::select();
    query
        .columns(Column::iter())
        .from(Entity)
        .and_where(Expr::col(Column::StepTime).lte(now.micros()))
        .order_by(Column::StepTime, Order::Asc)
        .limit(limit);
    let statement = conn.get_database_backend().build(&query);
    Model::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)
}

/// The other services know; nothing where it is in another state by now.
pub async fn told(tx: &Tx, tenant: &TenantId, row: &Model) -> Result<()> {
    let state = row.state()?.told();
    step(tx, tenant, row, state, None, 0).await
}

/// Tells them later; nothing where it is in another state by now.
pub async fn put_off(tx: &Tx, tenant: &TenantId, row: &Model, step_time: Timestamp) -> Result<()> {
    let failures = row.failure_count.saturating_add(1);
    step(tx, tenant, row, row.state()?, Some(step_time), failures).await
}

async fn step(
    tx: &Tx,
    tenant: &TenantId,
    row: &Model,
    state: MergeState,
    step_time: Option<Timestamp>,
    failure_count: i32,
) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(
            Column::StepTime,
            Expr::value(step_time.map(Timestamp::micros)),
        )
        .col_expr(Column::FailureCount, Expr::value(failure_count))
        .filter(Column::MergeId.eq(row.merge_id))
        .filter(Column::State.eq(row.state.as_str()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// A page by id, newest first, of all or of those that a customer had a part in, and where to go on
/// when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<CustomerId>,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let mut select = dossier_db::find::<Entity>(tenant);
    if let Some(customer) = customer {
        let parts = merge_part::merges_of(&[customer.uuid()]);
        select = select.filter(
            Column::SurvivorId
                .eq(customer.uuid())
                .or(Column::MergeId.in_subquery(parts)),
        );
    }
    let keys = [keyset::Key::uuid(Expr::col(Column::MergeId), Order::Desc)];
    let query = PageQuery {
        select,
        keys: &keys,
        after,
        rows_max: size,
        room: Room::default(),
    };
    let shown = |row: Model| Ok(Some((row, MESSAGE_BYTES)));
    let place = |row: &Model| vec![KeyValue::Uuid(row.merge_id)];
    query.read(conn, place, shown).await
}
