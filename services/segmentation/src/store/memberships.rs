//! Who is a member of what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dossier_db::{Insert, Tx, delete_many, error, find, keyset};
use dossier_kernel::id::SegmentId;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, JoinType, Order, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
};
use uuid::Uuid;

use super::entity::membership::{Column, Entity, Model, Relation};
use super::entity::segment;
use super::{IDS_MAX, State};

/// A customer is a member of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub segment: SegmentId,
    pub customer: CustomerId,
    pub enter_time: Timestamp,
}

impl From<Model> for Member {
    fn from(row: Model) -> Self {
        let Model {
            tenant_id: _,
            segment_id,
            customer_id,
            enter_time,
        } = row;
        Self {
            segment: SegmentId(segment_id),
            customer: CustomerId(customer_id),
            enter_time: Timestamp(enter_time),
        }
    }
}

/// By customer, what the customer is a member of and since when.
pub type Memberships = HashMap<CustomerId, BTreeMap<SegmentId, Timestamp>>;

/// Memberships of customers, also of segments that are being deleted.
pub async fn of_customers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &BTreeSet<CustomerId>,
) -> Result<Memberships> {
    let mut found = Memberships::new();
    let ids: Vec<Uuid> = customers.iter().map(|id| id.uuid()).collect();
    for chunk in ids.chunks(IDS_MAX) {
        let rows = find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(chunk.iter().copied()))
            .all(conn)
            .await
            .map_err(error)?;
        for Member {
            segment,
            customer,
            enter_time,
        } in rows.into_iter().map(Member::from)
        {
            found
                .entry(customer)
                .or_default()
                .insert(segment, enter_time);
        }
    }
    Ok(found)
}

/// Adds members; the customers are locked by the caller and were no members.
pub async fn enter(tx: &Tx, tenant: &TenantId, members: &[Member]) -> Result<()> {
    let mut values = Vec::with_capacity(members.len() * 4);
    for Member {
        segment,
        customer,
        enter_time,
    } in members
    {
        values.extend([
            tenant.as_str().into(),
            segment.uuid().into(),
            customer.uuid().into(),
            enter_time.micros().into(),
        ]);
    }
    let columns = ["tenant_id", "segment_id", "customer_id", "enter_time"];
    Insert::into("membership", &columns)
        .rows(tx.conn(), values)
        .await
        .map_err(error)?;
    Ok(())
}

/// Removes members; the customers are locked by the caller.
pub async fn exit(
    tx: &Tx,
    tenant: &TenantId,
    leaving: &BTreeMap<SegmentId, Vec<CustomerId>>,
) -> Result<()> {
    for (segment, customers) in leaving {
        for chunk in customers.chunks(IDS_MAX) {
            delete_many::<Entity>(tenant)
                .filter(Column::SegmentId.eq(segment.uuid()))
                .filter(Column::CustomerId.is_in(chunk.iter().map(|id| id.uuid())))
                .exec(tx.conn())
                .await
                .map_err(error)?;
        }
    }
    Ok(())
}

/// Members of one segment by customer, also of one that is being deleted.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    segment: SegmentId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Member>, bool)> {
    let select = find::<Entity>(tenant).filter(Column::SegmentId.eq(segment.uuid()));
    let key = keyset::Key::uuid(Expr::col(Column::CustomerId), Order::Asc);
    read_page(conn, keyset::page(select, &[key], after)?, size).await
}

/// What one customer is a member of, by segment.
pub async fn page_of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Member>, bool)> {
    let select = shown(tenant).filter(Column::CustomerId.eq(customer.uuid()));
    let key = keyset::Key::uuid(Expr::col((Entity, Column::SegmentId)), Order::Asc);
    read_page(conn, keyset::page(select, &[key], after)?, size).await
}

async fn read_page<C: ConnectionTrait>(
    conn: &C,
    select: Select<Entity>,
    size: u64,
) -> Result<(Vec<Member>, bool)> {
    let rows = select.limit(size + 1).all(conn).await.map_err(error)?;
    let (rows, more) = keyset::cut(rows, size);
    Ok((rows.into_iter().map(Member::from).collect(), more))
}

/// Of which of the segments the customer is a member.
pub async fn check<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    segments: &[SegmentId],
) -> Result<BTreeMap<SegmentId, Timestamp>> {
    let rows = shown(tenant)
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::SegmentId.is_in(segments.iter().map(|id| id.uuid())))
        .all(conn)
        .await
        .map_err(error)?;
    let members = rows.into_iter().map(Member::from);
    Ok(members
        .map(|member| (member.segment, member.enter_time))
        .collect())
}

/// All members of everything, or of one segment, page by page: by segment, then customer.
pub async fn snapshot_page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    only: Option<SegmentId>,
    after: Option<Member>,
    limit: u64,
) -> Result<Vec<Member>> {
    let mut select = shown(tenant);
    if let Some(segment) = only {
        select = select.filter(Column::SegmentId.eq(segment.uuid()));
    }
    let keys = [Column::SegmentId, Column::CustomerId]
        .map(|column| keyset::Key::uuid(Expr::col((Entity, column)), Order::Asc));
    let after = after.map(
        |Member {
             segment, customer, ..
         }| {
            [
                KeyValue::Uuid(segment.uuid()),
                KeyValue::Uuid(customer.uuid()),
            ]
        },
    );
    let select = keyset::page(select, &keys, after.as_ref().map(<[KeyValue; 2]>::as_slice))?;
    let rows = select.limit(limit).all(conn).await.map_err(error)?;
    Ok(rows.into_iter().map(Member::from).collect())
}

/// How many members the segments have; those without any are left out.
pub async fn counts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    segments: &[SegmentId],
) -> Result<HashMap<SegmentId, i64>> {
    let rows: Vec<(Uuid, i64)> = find::<Entity>(tenant)
        .filter(Column::SegmentId.is_in(segments.iter().map(|id| id.uuid())))
        .select_only()
        .column(Column::SegmentId)
        .column_as(Column::CustomerId.count(), "members")
        .group_by(Column::SegmentId)
        .order_by_asc(Column::SegmentId)
        .into_tuple()
        .all(conn)
        .await
        .map_err(error)?;
    Ok(rows
        .into_iter()
        .map(|(segment, count)| (SegmentId(segment), count))
        .collect())
}

/// Without the members of segments that are being deleted.
fn shown(tenant: &TenantId) -> Select<Entity> {
    find::<Entity>(tenant)
        .join(JoinType::InnerJoin, Relation::Segment.def())
        .filter(segment::Column::State.ne(State::Deleting.as_str()))
}
