//! The tenant's own fields, as rows.

use dossier_db::{Insert, PageQuery, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue, ConnectionTrait, IntoActiveModel, Iterable, Order, PaginatorTrait, QuerySelect,
};
use serde::{Deserialize, Serialize};

use super::columns::Texts;
use crate::domain::{AttributeDefinition, AttributeType, DataClass, Definitions};
use crate::error::Error;

/// Names, times and limits of a definition's message.
const MESSAGE_BYTES: usize = 256;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "attribute_definition")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub uid: Uuid,
    pub revision: i64,
    pub create_time: i64,
    pub update_time: i64,
    pub kind: String,
    pub class: String,
    pub display_name: String,
    pub description: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub choices: Texts,
    pub deprecated: bool,
    #[serde(default)]
    pub length_max: Option<i32>,
    #[serde(default)]
    pub count_max: Option<i32>,
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
    pub fn of(tenant: &TenantId, definition: &AttributeDefinition) -> Self {
        let AttributeDefinition {
            id,
            uid,
            revision,
            create_time,
            update_time,
            kind,
            class,
            display_name,
            description,
            choices,
            length_max,
            count_max,
            deprecated,
        } = definition.clone();
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            uid,
            revision,
            create_time: create_time.micros(),
            update_time: update_time.micros(),
            kind: kind.as_str().to_owned(),
            class: class.as_str().to_owned(),
            display_name,
            description,
            choices: Texts(choices),
            deprecated,
            length_max: length_max.and_then(|limit| limit.try_into().ok()),
            count_max: count_max.and_then(|limit| limit.try_into().ok()),
        }
    }

    pub fn into_definition(self) -> Result<AttributeDefinition> {
        let Self {
            tenant_id: _,
            id,
            uid,
            revision,
            create_time,
            update_time,
            kind,
            class,
            display_name,
            description,
            choices,
            deprecated,
            length_max,
            count_max,
        } = self;
        let unreadable = |what| Error::unreadable("attribute definition", what);
        Ok(AttributeDefinition {
            id,
            uid,
            revision,
            create_time: Timestamp(create_time),
            update_time: Timestamp(update_time),
            kind: AttributeType::parse(&kind).ok_or_else(|| unreadable("type"))?,
            class: DataClass::parse(&class).ok_or_else(|| unreadable("class"))?,
            display_name,
            description,
            choices: choices.0,
            length_max: length_max.and_then(|limit| limit.try_into().ok()),
            count_max: count_max.and_then(|limit| limit.try_into().ok()),
            deprecated,
        })
    }
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// Reads a row that is about to be changed; nobody else changes it before this transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: &str) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// All of a tenant's; there are at most 500.
pub async fn all<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Definitions> {
    let rows = dossier_db::find::<Entity>(tenant)
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    rows.into_iter()
        .map(|row| Ok((row.id.clone(), row.into_definition()?)))
        .collect()
}

/// A page by id, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [keyset::Key::text(Expr::col(Column::Id), Order::Asc)];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant),
        keys: &keys,
        after,
        rows_max: size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        let choices = row.choices.0.iter().map(|choice| choice.len() + 4);
        let texts = row.display_name.len() + row.description.len();
        let bytes = MESSAGE_BYTES + texts + choices.sum::<usize>();
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| vec![KeyValue::Text(row.id.clone())];
    query.read(conn, place, shown).await
}

/// How many there are; nobody makes others before this transaction ends.
pub async fn count(tx: &Tx, tenant: &TenantId) -> Result<u64> {
    tx.alone(&format!("profile.attribute_definition/{}", tenant.as_str()))
        .await?;
    dossier_db::find::<Entity>(tenant)
        .count(tx.conn())
        .await
        .map_err(dossier_db::error)
}

/// Says whether the id was free.
pub async fn insert(tx: &Tx, row: Model) -> Result<bool> {
    let columns: Vec<Column> = Column::iter().collect();
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let mut active = row.into_active_model();
    let values = columns
        .iter()
        .filter_map(|column| active.take(*column).into_value());
    let insert = Insert::into("attribute_definition", &names).skip_conflicts();
    let inserted = insert
        .rows(tx.conn(), values.collect())
        .await
        .map_err(dossier_db::error)?;
    Ok(inserted == 1)
}

pub async fn update(tx: &Tx, tenant: &TenantId, row: Model) -> Result<()> {
    let id = row.id.clone();
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
