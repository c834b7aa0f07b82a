//! API keys, as rows. Of the secret only its SHA-256 is here.

use dossier_db::{Insert, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Result, Role, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ConnectionTrait, FromQueryResult, IntoActiveModel, Iterable, Order, PaginatorTrait, QuerySelect,
};
use serde::{Deserialize, Serialize};

use super::columns::Texts;
use crate::domain::ApiKey;
use crate::error::Error;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub secret_hash: Vec<u8>,
    pub display_name: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub roles: Texts,
    #[sea_orm(column_type = "JsonBinary")]
    pub teams: Texts,
    pub creator: String,
    pub create_time: i64,
    pub expire_time: i64,
    pub last_use_time: Option<i64>,
    pub revoke_time: Option<i64>,
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
    pub fn of(tenant: &TenantId, key: &ApiKey, secret_hash: [u8; 32]) -> Self {
        let ApiKey {
            id,
            display_name,
            roles,
            teams,
            create_time,
            expire_time,
            last_use_time,
            revoke_time,
            creator,
        } = key.clone();
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            secret_hash: secret_hash.to_vec(),
            display_name,
            roles: Texts(roles.iter().map(|role| role.as_str().to_owned()).collect()),
            teams: Texts(teams),
            creator,
            create_time: create_time.micros(),
            expire_time: expire_time.micros(),
            last_use_time: last_use_time.map(Timestamp::micros),
            revoke_time: revoke_time.map(Timestamp::micros),
        }
    }

    pub fn into_key(self) -> Result<ApiKey> {
        let Self {
            tenant_id: _,
            id,
            secret_hash: _,
            display_name,
            roles,
            teams,
            creator,
            create_time,
            expire_time,
            last_use_time,
            revoke_time,
        } = self;
        let unreadable = || Error::unreadable("API key", "role");
        let roles = roles.0.iter().map(|word| Role::parse(word));
        Ok(ApiKey {
            id,
            display_name,
            roles: roles.collect::<Option<_>>().ok_or_else(unreadable)?,
            teams: teams.0,
            create_time: Timestamp(create_time),
            expire_time: Timestamp(expire_time),
            last_use_time: last_use_time.map(Timestamp),
            revoke_time: revoke_time.map(Timestamp),
            creator,
        })
    }
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// The key of that id. `tenant` may be all tenants: only the key says which one its caller is of.
pub async fn find_anywhere<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    if !tenant.is_all() {
        return find(conn, tenant, id).await;
    }
    // Whoever shows a key has no tenant yet, so that the finder cannot begin this query.
    let mut query = Query::select();
    query
        .columns(Column::iter())
        .from(Entity)
        .and_where(Expr::col(Column::Id).eq(id));
    let statement = conn.get_database_backend().build(&query);
    Model::find_by_statement(statement)
        .one(conn)
        .await
        .map_err(dossier_db::error)
}

/// A page by id, newest first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [keyset::Key::uuid(Expr::col(Column::Id), Order::Desc)];
    let query = keyset::page(dossier_db::find::<Entity>(tenant), &keys, after)?.limit(size + 1);
    let rows = query.all(conn).await.map_err(dossier_db::error)?;
    let (rows, more) = keyset::cut(rows, size);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| vec![KeyValue::Uuid(row.id)]);
    Ok((rows, next))
}

/// Keys that can still be used; nobody makes others before this transaction ends.
pub async fn count_valid(tx: &Tx, tenant: &TenantId, now: Timestamp) -> Result<u64> {
    tx.alone(&format!("profile.api_key/{}", tenant.as_str()))
        .await?;
    dossier_db::find::<Entity>(tenant)
        .filter(Column::RevokeTime.is_null())
        .filter(Column::ExpireTime.gt(now.micros()))
        .count(tx.conn())
        .await
        .map_err(dossier_db::error)
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    let columns: Vec<Column> = Column::iter().collect();
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let mut active = row.into_active_model();
    let values = columns
        .iter()
        .filter_map(|column| active.take(*column).into_value());
    Insert::into("api_key", &names)
        .rows(tx.conn(), values.collect())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn set_revoke_time(tx: &Tx, tenant: &TenantId, id: Uuid, at: Timestamp) -> Result<()> {
    set(tx, tenant, id, Column::RevokeTime, at).await
}

pub async fn set_last_use_time(tx: &Tx, tenant: &TenantId, id: Uuid, at: Timestamp) -> Result<()> {
    set(tx, tenant, id, Column::LastUseTime, at).await
}

async fn set(tx: &Tx, tenant: &TenantId, id: Uuid, column: Column, at: Timestamp) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(column, Expr::value(at.micros()))
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}
