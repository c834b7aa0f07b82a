//! Scans for customers that are in the files twice, as rows: what was asked for, how far it is, and
//! which process is at it.

use dossier_db::{PageQuery, Room, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, IntoActiveModel, Iterable, Order, PaginatorTrait};
use serde::{Deserialize, Serialize};

use crate::domain::duplicate::LEASE;
use crate::domain::{CustomerType, DuplicateScan, DuplicateScanState};
use crate::error::Error;

/// About what a message has, in bytes.
const MESSAGE_BYTES: usize = 512;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "duplicate_scan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub state: String,
    pub score_min: i32,
    pub create_time: i64,
    pub start_time: Option<i64>,
    pub end_time: Option<i64>,
    pub creator: String,
    pub done_count: i64,
    pub total_count: i64,
    pub pair_count: i64,
    pub failure: Option<String>,
    /// The type of customers that is being compared; those before it are done.
    pub kind: Option<String>,
    /// Customers of that type up to this one have been compared. NULL again when the scan ends: the
    /// customer may be erased after that.
    pub after_id: Option<Uuid>,
    /// The process that runs it.
    pub lease_id: Option<Uuid>,
    /// From when on another process may.
    pub lease_time: i64,
    /// Failures since the last step.
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

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub kind: CustomerType,
    /// None before the first step.
    pub after: Option<CustomerId>,
    /// Customers of all types.
    pub done_count: i64,
}

impl Model {
    pub fn of(tenant: &TenantId, scan: DuplicateScan) -> Self {
        let DuplicateScan {
            id,
            state,
            score_min,
            create_time,
            start_time,
            end_time,
            creator,
            done_count,
            total_count,
            pair_count,
            failure,
        } = scan;
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            state: state.as_str().to_owned(),
            score_min,
            create_time: create_time.micros(),
            start_time: start_time.map(Timestamp::micros),
            end_time: end_time.map(Timestamp::micros),
            creator,
            done_count,
            total_count,
            pair_count,
            failure,
            kind: None,
            after_id: None,
            lease_id: None,
            lease_time: create_time.micros(),
            failure_count: 0,
        }
    }

    pub fn into_scan(self) -> Result<DuplicateScan> {
        let Self {
            tenant_id: _,
            id,
            state,
            score_min,
            create_time,
            start_time,
            end_time,
            creator,
            done_count,
            total_count,
            pair_count,
            failure,
            kind: _,
            after_id: _,
            lease_id: _,
            lease_time: _,
            failure_count: _,
        } = self;
        let state = DuplicateScanState::parse(&state);
        Ok(DuplicateScan {
            id,
            state: state.ok_or_else(|| Error::unreadable("duplicate scan", "state"))?,
            score_min,
            create_time: Timestamp(create_time),
            start_time: start_time.map(Timestamp),
            end_time: end_time.map(Timestamp),
            creator,
            done_count,
            total_count,
            pair_count,
            failure,
        })
    }

    pub fn tenant(&self) -> Result<TenantId> {
        TenantId::parse(&self.tenant_id)
    }

    /// Failures of a scan that nobody runs: whoever still holds it is not heard of any more, and the scan
    /// may have been too much for the machine.
    pub fn failures(&self) -> i32 {
        self.failure_count + i32::from(self.lease_id.is_some())
    }

    /// Where to go on; `None` where nothing was compared yet.
    pub fn progress(&self) -> Result<Option<Progress>> {
        let Some(word) = &self.kind else {
            return Ok(None);
        };
        let kind = CustomerType::parse(word);
        Ok(Some(Progress {
            kind: kind.ok_or_else(|| Error::unreadable("duplicate scan", "kind"))?,
            after: self.after_id.map(CustomerId),
            done_count: self.done_count,
        }))
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
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// How many of the tenant wait or run.
pub async fn count_unfinished(tx: &Tx, tenant: &TenantId) -> Result<u64> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::EndTime.is_null());
    query.count(tx.conn()).await.map_err(dossier_db::error)
}

/// A page by id, newest first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [keyset::Key::uuid(Expr::col(Column::Id), Order::Desc)];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant),
        keys: &keys,
        after,
        rows_max: size,
        room: Room::default(),
    };
    let shown = |row: Model| Ok(Some((row, MESSAGE_BYTES)));
    let place = |row: &Model| vec![KeyValue::Uuid(row.id)];
    query.read(conn, place, shown).await
}

/// Of all tenants the scans that are next in their tenant and that no process is at, the longest due
/// first.
pub async fn due<C: ConnectionTrait>(conn: &C, now: Timestamp, limit: u64) -> Result<Vec<Model>> {
    // A job serves all tenants, so that the finder cannot begin this query.
    let before = Alias::new("before");
    let of = |column| Expr::col((before.clone(), column));
    let mut earlier = Query::select();
    earlier
        .expr(Expr::val(1))
        .from_as(Entity, before.clone())
        .and_where(of(Column::TenantId).equals((Entity, Column::TenantId)))
        .and_where(of(Column::EndTime).is_null())
        .and_where(of(Column::Id).lt(Expr::col((Entity, Column::Id))));
    let mut query = Query::select();
    query
        .columns(Column::iter().map(|column| (Entity, column)))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::EndTime)).is_null())
        .and_where(Expr::col((Entity, Column::LeaseTime)).lte(now.micros()))
        .and_where(Expr::exists(earlier).not())
        .order_by((Entity, Column::LeaseTime), Order::Asc)
        .limit(limit);
    let statement = conn.get_database_backend().build(&query);
    Model::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)
}

/// Who runs which scan.
#[derive(Clone, Debug)]
pub struct Lease {
    pub tenant: TenantId,
    pub scan: Uuid,
    /// The process, for this run.
    pub id: Uuid,
}

/// Takes a scan that is due; false where another process was first.
pub async fn take(tx: &Tx, lease: &Lease, seen: &Model, now: Timestamp) -> Result<bool> {
    let begun = seen.start_time.unwrap_or(now.micros());
    let done = dossier_db::update_many::<Entity>(&lease.tenant)
        .col_expr(
            Column::State,
            Expr::value(DuplicateScanState::Running.as_str()),
        )
        .col_expr(Column::StartTime, Expr::value(begun))
        .col_expr(Column::LeaseId, Expr::value(lease.id))
        .col_expr(Column::FailureCount, Expr::value(seen.failures()))
        .col_expr(Column::LeaseTime, Expr::value(now.plus(LEASE).micros()))
        .filter(Column::Id.eq(lease.scan))
        .filter(Column::EndTime.is_null())
        .filter(Column::LeaseTime.eq(seen.lease_time))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

/// What a process says of the scan that it runs.
#[derive(Clone, Debug)]
pub enum Report {
    /// It goes on.
    Alive,
    Total(i64),
    /// It begins with customers of a type.
    Type {
        kind: CustomerType,
        done_count: i64,
    },
    Progress(Progress),
    /// Another process may go on from this time, after so many failures.
    Released {
        from: Timestamp,
        failure_count: i32,
    },
    Succeeded {
        customers: i64,
        pairs: i64,
    },
    Failed(String),
}

/// Writes it down, and that the process goes on; false where the scan is not this process's any more,
/// or was cancelled.
pub async fn report(tx: &Tx, lease: &Lease, report: Report, now: Timestamp) -> Result<bool> {
    let update = dossier_db::update_many::<Entity>(&lease.tenant)
        .filter(Column::Id.eq(lease.scan))
        .filter(Column::LeaseId.eq(lease.id))
        .filter(Column::EndTime.is_null());
    let kept = || Expr::value(now.plus(LEASE).micros());
    let update = match report {
        Report::Alive => update.col_expr(Column::LeaseTime, kept()),
        Report::Total(customers) => update
            .col_expr(Column::LeaseTime, kept())
            .col_expr(Column::TotalCount, Expr::value(customers)),
        Report::Type { kind, done_count } => update
            .col_expr(Column::LeaseTime, kept())
            .col_expr(Column::Kind, Expr::value(kind.as_str()))
            .col_expr(Column::AfterId, Expr::value(None::<Uuid>))
            .col_expr(Column::DoneCount, Expr::value(done_count)),
        Report::Progress(Progress {
            kind,
            after,
            done_count,
        }) => update
            .col_expr(Column::LeaseTime, kept())
            .col_expr(Column::Kind, Expr::value(kind.as_str()))
            .col_expr(Column::AfterId, Expr::value(after.map(|id| id.uuid())))
            .col_expr(Column::DoneCount, Expr::value(done_count))
            .col_expr(Column::FailureCount, Expr::value(0)),
        Report::Released {
            from,
            failure_count,
        } => update
            .col_expr(Column::LeaseTime, Expr::value(from.micros()))
            .col_expr(Column::LeaseId, Expr::value(None::<Uuid>))
            .col_expr(Column::FailureCount, Expr::value(failure_count)),
        Report::Succeeded { customers, pairs } => end(update, DuplicateScanState::Succeeded, now)
            .col_expr(Column::DoneCount, Expr::value(customers))
            .col_expr(Column::TotalCount, Expr::value(customers))
            .col_expr(Column::PairCount, Expr::value(pairs)),
        Report::Failed(why) => {
            end(update, DuplicateScanState::Failed, now).col_expr(Column::Failure, Expr::value(why))
        }
    };
    let done = update.exec(tx.conn()).await.map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

/// Cancels a scan that has not ended; false where it has.
pub async fn cancel(tx: &Tx, tenant: &TenantId, id: Uuid, now: Timestamp) -> Result<bool> {
    let update = dossier_db::update_many::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .filter(Column::EndTime.is_null());
    let done = end(update, DuplicateScanState::Cancelled, now)
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

fn end(
    update: sea_orm::UpdateMany<Entity>,
    state: DuplicateScanState,
    now: Timestamp,
) -> sea_orm::UpdateMany<Entity> {
    update
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::EndTime, Expr::value(now.micros()))
        .col_expr(Column::AfterId, Expr::value(None::<Uuid>))
        .col_expr(Column::LeaseId, Expr::value(None::<Uuid>))
}
