//! Customers that may be one, pair by pair.

use dossier_db::{PageQuery, Room, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    Condition, ConnectionTrait, IntoActiveModel, Order, PaginatorTrait, QuerySelect, QueryTrait,
};
use serde::{Deserialize, Serialize};

use crate::domain::comparison::Alike;
use crate::domain::duplicate::pair_id;
use crate::domain::{DuplicatePair, DuplicatePairState, Likeness};
use crate::error::Error;

/// About what a message has without its evidence, in bytes.
const MESSAGE_BYTES: usize = 384;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "duplicate_pair")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub low_id: Uuid,
    pub high_id: Uuid,
    pub state: String,
    pub score: i32,
    pub weight: i32,
    /// Levels of agreement as JSON; no values.
    pub evidence: String,
    pub create_time: i64,
    pub update_time: i64,
    pub decide_time: Option<i64>,
    pub decider: Option<String>,
    pub scan_id: Uuid,
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
    fn found(tenant: &TenantId, found: Alike, scan: Uuid, now: Timestamp) -> Result<Self> {
        let Alike {
            low,
            high,
            likeness:
                Likeness {
                    score,
                    weight,
                    evidence,
                },
        } = found;
        let evidence = serde_json::to_string(&evidence);
        Ok(Self {
            tenant_id: tenant.as_str().to_owned(),
            id: pair_id(low, high),
            low_id: low.uuid(),
            high_id: high.uuid(),
            state: DuplicatePairState::Open.as_str().to_owned(),
            score,
            weight,
            evidence: evidence.map_err(|error| Error::unreadable("duplicate pair", error))?,
            create_time: now.micros(),
            update_time: now.micros(),
            decide_time: None,
            decider: None,
            scan_id: scan,
        })
    }

    pub fn into_pair(self) -> Result<DuplicatePair> {
        let Self {
            tenant_id: _,
            id,
            low_id,
            high_id,
            state,
            score,
            weight,
            evidence,
            create_time,
            update_time,
            decide_time,
            decider,
            scan_id,
        } = self;
        let state = DuplicatePairState::parse(&state);
        let evidence = serde_json::from_str(&evidence);
        Ok(DuplicatePair {
            id,
            low: CustomerId(low_id),
            high: CustomerId(high_id),
            state: state.ok_or_else(|| Error::unreadable("duplicate pair", "state"))?,
            likeness: Likeness {
                score,
                weight,
                evidence: evidence.map_err(|error| Error::unreadable("duplicate pair", error))?,
            },
            create_time: Timestamp(create_time),
            update_time: Timestamp(update_time),
            decided: decider.zip(decide_time.map(Timestamp)),
            scan: scan_id,
        })
    }

    pub const fn customers(&self) -> [CustomerId; 2] {
        [CustomerId(self.low_id), CustomerId(self.high_id)]
    }
}

/// Writes down what a scan found. Of pairs that are there what was decided stays.
pub async fn save(
    tx: &Tx,
    tenant: &TenantId,
    found: Vec<Alike>,
    scan: Uuid,
    now: Timestamp,
) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let rows = found
        .into_iter()
        .map(|found| Ok(Model::found(tenant, found, scan, now)?.into_active_model()));
    let rows: Vec<ActiveModel> = rows.collect::<Result<_>>()?;
    let anew = OnConflict::columns([Column::TenantId, Column::Id])
        .update_columns([
            Column::Score,
            Column::Weight,
            Column::Evidence,
            Column::UpdateTime,
            Column::ScanId,
        ])
        .to_owned();
    Entity::insert_many(rows)
        .on_conflict(anew)
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Deletes pairs that nobody decided about and that a scan did not find again, so many at most; says
/// how many.
pub async fn forget(tx: &Tx, tenant: &TenantId, scan: Uuid, limit: u64) -> Result<u64> {
    let left_over = Condition::all()
        .add(Column::State.eq(DuplicatePairState::Open.as_str()))
        .add(Column::ScanId.ne(scan));
    let some = dossier_db::find::<Entity>(tenant)
        .select_only()
        .column(Column::Id)
        .filter(left_over.clone())
        .limit(limit)
        .into_query();
    let done = dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::Id.in_subquery(some))
        // Once more: one that is being dismissed is seen again after that.
        .filter(left_over)
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected)
}

/// How many pairs a scan found.
pub async fn count_found(tx: &Tx, tenant: &TenantId, scan: Uuid) -> Result<u64> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::ScanId.eq(scan));
    query.count(tx.conn()).await.map_err(dossier_db::error)
}

/// Which pairs.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// One of the two.
    pub customer: Option<CustomerId>,
    /// `None` is any.
    pub state: Option<DuplicatePairState>,
    pub score_min: i32,
}

/// A page, the most alike first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    which: Which,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let mut all = Condition::all();
    if let Some(state) = which.state {
        all = all.add(Column::State.eq(state.as_str()));
    }
    if which.score_min > 0 {
        all = all.add(Column::Score.gte(which.score_min));
    }
    if let Some(customer) = which.customer {
        let id = customer.uuid();
        let either = Condition::any()
            .add(Column::LowId.eq(id))
            .add(Column::HighId.eq(id));
        all = all.add(either);
    }
    let keys = [
        keyset::Key::int(Expr::col(Column::Weight), Order::Desc),
        keyset::Key::uuid(Expr::col(Column::Id), Order::Desc),
    ];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant).filter(all),
        keys: &keys,
        after,
        rows_max: size,
        room: Room::default(),
    };
    let shown = |row: Model| {
        let bytes = MESSAGE_BYTES + row.evidence.len();
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| vec![KeyValue::Int(row.weight.into()), KeyValue::Uuid(row.id)];
    query.read(conn, place, shown).await
}

pub async fn find(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// Reads a row that is about to be changed; nobody else changes it before this transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// Writes down what the row says was decided, by whom and when.
pub async fn decide(tx: &Tx, tenant: &TenantId, row: &Model) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(row.state.as_str()))
        .col_expr(Column::Decider, Expr::value(row.decider.as_deref()))
        .col_expr(Column::DecideTime, Expr::value(row.decide_time))
        .col_expr(Column::UpdateTime, Expr::value(row.update_time))
        .filter(Column::Id.eq(row.id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}
