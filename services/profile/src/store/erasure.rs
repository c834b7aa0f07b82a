//! Erasures that are under way: batches of customers, each a few steps from being gone.

use dossier_db::{TenantScoped, Tx};
use dossier_kernel::{Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, IntoActiveModel, Iterable, Order};

use crate::domain::{Counts, ErasureState};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub state: String,
    pub create_time: i64,
    /// When to go on.
    pub step_time: i64,
    /// Failures since the last step.
    pub failure_count: i32,
    /// [`Counts`] as JSON: what the neighbours erased so far.
    pub counts: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

impl Model {
    pub fn tenant(&self) -> Result<TenantId> {
        TenantId::parse(&self.tenant_id)
    }

    pub fn state(&self) -> Result<ErasureState> {
        ErasureState::parse(&self.state).ok_or_else(|| Error::unreadable("erasure", "state").into())
    }

    pub fn counts(&self) -> Result<Counts> {
        let counts = serde_json::from_str(&self.counts);
        Ok(counts.map_err(|error| Error::unreadable("erasure", error))?)
    }
}

pub async fn insert(tx: &Tx, tenant: &TenantId, id: Uuid, now: Timestamp) -> Result<()> {
    let row = Model {
        tenant_id: tenant.as_str().to_owned(),
        id,
        state: ErasureState::Beginning.as_str().to_owned(),
        create_time: now.micros(),
        step_time: now.micros(),
        failure_count: 0,
        counts: "{}".to_owned(),
    };
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Those of all tenants that can go on, the longest due first.
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

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// The journal has it.
pub async fn begin(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(ErasureState::Erasing.as_str()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(ErasureState::Beginning.as_str()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// The neighbours have erased what they held; false where another process was first to say so.
pub async fn settle(
    tx: &Tx,
    tenant: &TenantId,
    id: Uuid,
    step_time: Timestamp,
    counts: &Counts,
) -> Result<bool> {
    let counts = serde_json::to_string(counts);
    let counts = counts.map_err(|error| Error::unreadable("erasure", error))?;
    let done = dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(ErasureState::Settling.as_str()))
        .col_expr(Column::StepTime, Expr::value(step_time.micros()))
        .col_expr(Column::FailureCount, Expr::value(0))
        .col_expr(Column::Counts, Expr::value(counts))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(ErasureState::Erasing.as_str()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

/// Tries the step that failed again later; nothing where another process is further by now.
pub async fn put_off(
    tx: &Tx,
    tenant: &TenantId,
    failed: &Model,
    step_time: Timestamp,
) -> Result<()> {
    let failure_count = failed.failure_count.saturating_add(1);
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::StepTime, Expr::value(step_time.micros()))
        .col_expr(Column::FailureCount, Expr::value(failure_count))
        .filter(Column::Id.eq(failed.id))
        .filter(Column::State.eq(failed.state.as_str()))
        .filter(Column::StepTime.eq(failed.step_time))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// It is done; false where another process was first.
pub async fn delete(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<bool> {
    let done = dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}
