//! Who belongs to whom, each once, told from one side.

use dossier_db::{PageQuery, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue, Condition, ConnectionTrait, IntoActiveModel, Order, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};

use crate::domain::{Relationship, RelationshipType, Span};
use crate::error::Error;

/// About what a message has, in bytes.
const MESSAGE_BYTES: usize = 512;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "relationship")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub revision: i64,
    pub create_time: i64,
    pub update_time: i64,
    pub from_id: Uuid,
    pub to_id: Uuid,
    pub kind: String,
    pub start_time: i64,
    pub end_time: i64,
    pub label: String,
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
    pub fn of(tenant: &TenantId, relationship: Relationship) -> Self {
        let Relationship {
            id,
            revision,
            create_time,
            update_time,
            from,
            to,
            kind,
            span,
            label,
        } = relationship.stored();
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            revision,
            create_time: create_time.micros(),
            update_time: update_time.micros(),
            from_id: from.uuid(),
            to_id: to.uuid(),
            kind: kind.as_str().to_owned(),
            start_time: span.start.micros(),
            end_time: span.end.micros(),
            label,
        }
    }

    pub fn into_relationship(self) -> Result<Relationship> {
        let Self {
            tenant_id: _,
            id,
            revision,
            create_time,
            update_time,
            from_id,
            to_id,
            kind,
            start_time,
            end_time,
            label,
        } = self;
        let kind = RelationshipType::parse(&kind);
        Ok(Relationship {
            id,
            revision,
            create_time: Timestamp(create_time),
            update_time: Timestamp(update_time),
            from: CustomerId(from_id),
            to: CustomerId(to_id),
            kind: kind.ok_or_else(|| Error::unreadable("relationship", "type"))?,
            span: Span {
                start: Timestamp(start_time),
                end: Timestamp(end_time),
            },
            label,
        })
    }
}

/// Which relationships; `None` is any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// What they are told from.
    pub from: Option<&'a [CustomerId]>,
    pub to: Option<&'a [CustomerId]>,
    /// As they are stored.
    pub kinds: &'a [RelationshipType],
    /// They hold at some instant of it.
    pub during: Option<Span>,
}

impl Which<'_> {
    fn condition(&self) -> Condition {
        let ids = |ids: &[CustomerId]| -> Vec<Uuid> { ids.iter().map(|id| id.uuid()).collect() };
        let kinds = self.kinds.iter().map(|kind| kind.as_str());
        let mut all = Condition::all().add(Column::Kind.is_in(kinds));
        if let Some(from) = self.from {
            all = all.add(Column::FromId.is_in(ids(from)));
        }
        if let Some(to) = self.to {
            all = all.add(Column::ToId.is_in(ids(to)));
        }
        if let Some(span) = self.during {
            all = all.add(holds(span));
        }
        all
    }
}

fn holds(span: Span) -> Condition {
    Condition::all()
        .add(Column::StartTime.lt(span.end.micros()))
        .add(Column::EndTime.gt(span.start.micros()))
}

/// In the order in which they were made, after one of them and at most so many.
pub async fn select<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    which: Which<'_>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Relationship>> {
    let mut query = dossier_db::find::<Entity>(tenant)
        .filter(which.condition())
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let rows = query.all(conn).await.map_err(dossier_db::error)?;
    rows.into_iter().map(Model::into_relationship).collect()
}

/// Reads a row that is about to be changed; nobody else changes it before this transaction ends.
pub async fn find(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

pub async fn lock(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// A page of what a customer is of others and others are of it, in the order in which it was made;
/// of several customers that are one.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
    during: Option<Span>,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let ids = || customers.iter().map(|id| id.uuid());
    let ends = Condition::any()
        .add(Column::FromId.is_in(ids()))
        .add(Column::ToId.is_in(ids()));
    let mut select = dossier_db::find::<Entity>(tenant).filter(ends);
    if let Some(span) = during {
        select = select.filter(holds(span));
    }
    let keys = [keyset::Key::uuid(Expr::col(Column::Id), Order::Asc)];
    let query = PageQuery {
        select,
        keys: &keys,
        after,
        rows_max: size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        let bytes = MESSAGE_BYTES + row.label.len();
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| vec![KeyValue::Uuid(row.id)];
    query.read(conn, place, shown).await
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn update(tx: &Tx, tenant: &TenantId, row: Model) -> Result<()> {
    let id = row.id;
    let mut active = row.into_active_model().reset_all();
    active.tenant_id = ActiveValue::NotSet;
    active.id = ActiveValue::NotSet;
    dossier_db::update_many::<Entity>(tenant)
        .set(active)
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Some of what these customers are of others and others are of them.
pub async fn touching(
    tx: &Tx,
    tenant: &TenantId,
    customers: &[CustomerId],
    limit: u64,
) -> Result<Vec<Relationship>> {
    let ids = || customers.iter().map(|id| id.uuid());
    let ends = Condition::any()
        .add(Column::FromId.is_in(ids()))
        .add(Column::ToId.is_in(ids()));
    let query = dossier_db::find::<Entity>(tenant).filter(ends).limit(limit);
    let rows = query.all(tx.conn()).await.map_err(dossier_db::error)?;
    rows.into_iter().map(Model::into_relationship).collect()
}

pub async fn delete(tx: &Tx, tenant: &TenantId, ids: &[Uuid]) -> Result<()> {
    dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}
