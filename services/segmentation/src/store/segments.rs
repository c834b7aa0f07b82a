//! Definitions of segments.

use dossier_db::{PageQuery, Tx, delete_many, error, find, keyset, update_many};
use dossier_kernel::id::SegmentId;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::entity::segment::{Column, Entity, Model};
use super::profile::{read_types, write_types};
use crate::domain::{Rule, Segment};
use crate::error::Error;

/// Names, times and counts of a segment's message.
const MESSAGE_BYTES: usize = 256;

/// Where a segment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Existing customers are being evaluated.
    Backfilling,
    Active,
    /// The segment is gone for everybody; its members are being let out.
    Deleting,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfilling => "BACKFILLING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        [Self::Backfilling, Self::Active, Self::Deleting]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Error::unreadable("segment", "its state").into())
    }
}

pub fn to_row(tenant: &TenantId, segment: &Segment) -> Result<Model> {
    let Segment {
        id,
        revision,
        create_time,
        update_time,
        display_name,
        description,
        rule_text,
        rule,
        rule_revision,
        backfilling,
    } = segment;
    let state = if *backfilling {
        State::Backfilling
    } else {
        State::Active
    };
    Ok(Model {
        tenant_id: tenant.to_string(),
        segment_id: id.uuid(),
        revision: *revision,
        create_time: create_time.micros(),
        update_time: update_time.micros(),
        display_name: display_name.clone(),
        description: description.clone(),
        rule: rule_text.clone(),
        attributes: write_types(rule.attributes())?,
        rule_revision: *rule_revision,
        state: state.as_str().to_owned(),
        backfill_after: None,
    })
}

pub fn from_row(row: Model) -> Result<Segment> {
    let rule = read_rule(&row.rule, &row.attributes)?;
    let Model {
        tenant_id: _,
        segment_id,
        revision,
        create_time,
        update_time,
        display_name,
        description,
        rule: rule_text,
        attributes: _,
        rule_revision,
        state,
        backfill_after: _,
    } = row;
    Ok(Segment {
        id: SegmentId(segment_id),
        revision,
        create_time: Timestamp(create_time),
        update_time: Timestamp(update_time),
        display_name,
        description,
        rule_text,
        rule,
        rule_revision,
        backfilling: State::parse(&state)? == State::Backfilling,
    })
}

/// A rule as it was stored, with the types of the attributes it names.
pub fn read_rule(text: &str, attributes: &str) -> Result<Rule> {
    Rule::parse(text, &read_types(attributes)?)
        .map_err(|error| Error::unreadable("rule", error).into())
}

/// All segments that customers are evaluated against, without those being deleted.
pub async fn all<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Vec<Model>> {
    find::<Entity>(tenant)
        .filter(Column::State.ne(State::Deleting.as_str()))
        .order_by_asc(Column::SegmentId)
        .all(conn)
        .await
        .map_err(error)
}

pub async fn get<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: SegmentId,
) -> Result<Option<Model>> {
    find::<Entity>(tenant)
        .filter(Column::SegmentId.eq(id.uuid()))
        .filter(Column::State.ne(State::Deleting.as_str()))
        .one(conn)
        .await
        .map_err(error)
}

/// Whatever its state: the id is free again once the last member was let out.
pub async fn exists<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: SegmentId,
) -> Result<bool> {
    let count = find::<Entity>(tenant)
        .filter(Column::SegmentId.eq(id.uuid()))
        .count(conn)
        .await
        .map_err(error)?;
    Ok(count > 0)
}

/// Whatever its state, locked until the transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: SegmentId) -> Result<Option<Model>> {
    find::<Entity>(tenant)
        .filter(Column::SegmentId.eq(id.uuid()))
        .lock_exclusive()
        .one(tx.conn())
        .await
        .map_err(error)
}

pub async fn is_backfilling<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<bool> {
    let count = find::<Entity>(tenant)
        .filter(Column::State.eq(State::Backfilling.as_str()))
        .count(conn)
        .await
        .map_err(error)?;
    Ok(count > 0)
}

pub async fn named<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    display_name: &str,
) -> Result<Option<SegmentId>> {
    let found: Option<Uuid> = find::<Entity>(tenant)
        .filter(Column::DisplayName.eq(display_name))
        .filter(Column::State.ne(State::Deleting.as_str()))
        .select_only()
        .column(Column::SegmentId)
        .into_tuple()
        .one(conn)
        .await
        .map_err(error)?;
    Ok(found.map(SegmentId))
}

/// Oldest first, and where the next page begins.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    use sea_orm::sea_query::Expr;
    let keys = [
        keyset::Key::int(Expr::col(Column::CreateTime), Order::Asc),
        keyset::Key::uuid(Expr::col(Column::SegmentId), Order::Asc),
    ];
    let query = PageQuery {
        select: find::<Entity>(tenant).filter(Column::State.ne(State::Deleting.as_str())),
        keys: &keys,
        after,
        rows_max: size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        let texts = [&row.display_name, &row.description, &row.rule];
        let bytes = MESSAGE_BYTES + texts.map(String::len).iter().sum::<usize>();
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| {
        vec![
            KeyValue::Int(row.create_time),
            KeyValue::Uuid(row.segment_id),
        ]
    };
    query.read(conn, place, shown).await
}

pub async fn insert(tx: &Tx, row: &Model) -> Result<()> {
    Entity::insert(row.clone().into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(error)?;
    Ok(())
}

pub async fn save(tx: &Tx, row: &Model) -> Result<()> {
    let row = row.clone().into_active_model().reset_all();
    Entity::update(row)
        .exec_without_returning(tx.conn())
        .await
        .map_err(error)?;
    Ok(())
}

/// Moves a backfill on; `None` when the last customer was done.
pub async fn backfilled(
    tx: &Tx,
    tenant: &TenantId,
    id: SegmentId,
    after: Option<CustomerId>,
) -> Result<()> {
    let state = if after.is_some() {
        State::Backfilling
    } else {
        State::Active
    };
    update_many::<Entity>(tenant)
        .col_expr(Column::State, state.as_str().into())
        .col_expr(Column::BackfillAfter, after.map(CustomerId::uuid).into())
        .filter(Column::SegmentId.eq(id.uuid()))
        .exec(tx.conn())
        .await
        .map_err(error)?;
    Ok(())
}

/// Begins a backfill of the segments; the memberships stay as they are until it comes to them.
pub async fn restart_backfill(tx: &Tx, tenant: &TenantId, ids: &[SegmentId]) -> Result<()> {
    update_many::<Entity>(tenant)
        .col_expr(Column::State, State::Backfilling.as_str().into())
        .col_expr(Column::BackfillAfter, None::<Uuid>.into())
        .filter(Column::SegmentId.is_in(ids.iter().map(|id| id.uuid())))
        .exec(tx.conn())
        .await
        .map_err(error)?;
    Ok(())
}

pub async fn delete(tx: &Tx, tenant: &TenantId, id: SegmentId) -> Result<()> {
    delete_many::<Entity>(tenant)
        .filter(Column::SegmentId.eq(id.uuid()))
        .exec(tx.conn())
        .await
        .map_err(error)?;
    Ok(())
}
