//! Notices, one row a version.

use dossier_db::{PageQuery, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, FromJsonQueryResult, IntoActiveModel, Order, QueryOrder};
use serde::{Deserialize, Serialize};

use crate::domain::{ConsentNotice, NoticePurpose, NoticeText};

/// Names and times of a notice's message.
const MESSAGE_BYTES: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct NoticeTexts(pub Vec<NoticeText>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct NoticePurposes(pub Vec<NoticePurpose>);

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "consent_notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    #[sea_orm(column_type = "JsonBinary")]
    pub texts: NoticeTexts,
    #[sea_orm(column_type = "JsonBinary")]
    pub purposes: NoticePurposes,
    pub effective_time: i64,
    pub create_time: i64,
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
    pub fn of(tenant: &TenantId, notice: ConsentNotice) -> Self {
        let ConsentNotice {
            id,
            version,
            texts,
            purposes,
            effective_time,
            create_time,
        } = notice;
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            version,
            texts: NoticeTexts(texts),
            purposes: NoticePurposes(purposes),
            effective_time: effective_time.micros(),
            create_time: create_time.micros(),
        }
    }

    pub fn into_notice(self) -> ConsentNotice {
        let Self {
            tenant_id: _,
            id,
            version,
            texts,
            purposes,
            effective_time,
            create_time,
        } = self;
        ConsentNotice {
            id,
            version,
            texts: texts.0,
            purposes: purposes.0,
            effective_time: Timestamp(effective_time),
            create_time: Timestamp(create_time),
        }
    }
}

/// Which version of a notice.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Number(i32),
    Newest,
    /// The newest of those in effect at an instant.
    InEffect(Timestamp),
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: &str,
    which: Which,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .order_by_desc(Column::Version);
    let query = match which {
        Which::Number(version) => query.filter(Column::Version.eq(version)),
        Which::Newest => query,
        Which::InEffect(at) => query.filter(Column::EffectiveTime.lte(at.micros())),
    };
    query.one(conn).await.map_err(dossier_db::error)
}

/// The number of the newest version, 0 where there is none; nobody makes another before this
/// transaction ends.
pub async fn newest(tx: &Tx, tenant: &TenantId, id: &str) -> Result<i32> {
    tx.alone(&format!("profile.consent_notice/{}/{id}", tenant.as_str()))
        .await?;
    let newest = find(tx.conn(), tenant, id, Which::Newest).await?;
    Ok(newest.map_or(0, |row| row.version))
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// A page by id and version, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [
        keyset::Key::text(Expr::col(Column::Id), Order::Asc),
        keyset::Key::int(Expr::col(Column::Version), Order::Asc),
    ];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant),
        keys: &keys,
        after,
        rows_max: size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        let texts = row
            .texts
            .0
            .iter()
            .map(|text| text.title.len() + text.body.len());
        let purposes = row.purposes.0.iter().map(|one| one.purpose.len() + 16);
        let bytes = MESSAGE_BYTES + texts.sum::<usize>() + purposes.sum::<usize>();
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| {
        vec![
            KeyValue::Text(row.id.clone()),
            KeyValue::Int(row.version.into()),
        ]
    };
    query.read(conn, place, shown).await
}
