//! Who has a tag: one row per customer and tag, for filters and for the tenant's tags as a whole.

use dossier_db::{TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Func, Query, SelectStatement};
use sea_orm::{ConnectionTrait, FromQueryResult, Order, QueryOrder, QuerySelect};

use super::customer;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_tag")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// How many live customers have a tag.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct TagCount {
    pub tag: String,
    pub customer_count: i64,
}

/// A page of the tags that live customers have and that begin so, and where to go on when there are
/// more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    prefix: &str,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<TagCount>, Option<Vec<KeyValue>>)> {
    let tag = || Expr::col((Entity, Column::Tag));
    let mut select = dossier_db::find::<Entity>(tenant)
        .select_only()
        .column(Column::Tag)
        .column_as(Column::CustomerId.count(), "customer_count")
        .filter(Expr::exists(live_holder()))
        .group_by(tag());
    if !prefix.is_empty() {
        // LIKE folds case on one database and not on the other.
        let length = i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX);
        let beginning = Func::cust("substr").arg(tag()).arg(1).arg(length);
        select = select.filter(Expr::from(beginning).eq(prefix));
    }
    let keys = [keyset::Key::text(tag(), Order::Asc)];
    let rows = keyset::page(select, &keys, after)?
        .limit(size + 1)
        .into_model::<TagCount>()
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    let (tags, has_more) = keyset::cut(rows, size);
    let last = tags.last().filter(|_| has_more);
    let next = last.map(|last| vec![KeyValue::Text(last.tag.clone())]);
    Ok((tags, next))
}

/// The customer of a row, where it is not deleted.
fn live_holder() -> SelectStatement {
    let of = |column| Expr::col((customer::Entity, column));
    let own = |column| Expr::col((Entity, column));
    Query::select()
        .expr(Expr::value(1))
        .from(customer::Entity)
        .and_where(of(customer::Column::TenantId).eq(own(Column::TenantId)))
        .and_where(of(customer::Column::Id).eq(own(Column::CustomerId)))
        .and_where(of(customer::Column::DeleteTime).is_null())
        .take()
}

/// Whether anybody has it, deleted customers too.
pub async fn is_known(tx: &Tx, tenant: &TenantId, tag: &str) -> Result<bool> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Tag.eq(tag));
    let found = query.one(tx.conn()).await.map_err(dossier_db::error)?;
    Ok(found.is_some())
}

/// Who has one of the tags, deleted customers too, in the order of ids.
pub async fn holders(
    tx: &Tx,
    tenant: &TenantId,
    tags: &[String],
    after: Option<CustomerId>,
    limit: u64,
) -> Result<Vec<CustomerId>> {
    let mut query = dossier_db::find::<Entity>(tenant)
        .select_only()
        .column(Column::CustomerId)
        .distinct()
        .filter(Column::Tag.is_in(tags))
        .order_by_asc(Column::CustomerId)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::CustomerId.gt(after.uuid()));
    }
    let ids = query.into_tuple::<Uuid>().all(tx.conn()).await;
    let ids = ids.map_err(dossier_db::error)?;
    Ok(ids.into_iter().map(CustomerId).collect())
}
