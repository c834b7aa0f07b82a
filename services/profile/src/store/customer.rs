//! The row of a customer: clear where it describes, sealed where it names.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use dossier_access::{Facts, Sight};
use dossier_cache::Cached;
use dossier_db::{TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, PaginatorTrait, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::ASKED_MAX;
use super::columns::{AddressOutlines, ClearAttributes, Texts, sealed_bytes};
use crate::domain::{
    AddressOutline, AttributeValue, CustomerType, Date, Gender, Industry, IndustryScheme, Outline,
};
use crate::error::Error;

/// Names, times and words of industries of a customer's message.
pub const MESSAGE_BYTES: usize = 512;
/// What the texts of an address take, about.
const ADDRESS_BYTES: usize = 128;

/// `SealedCustomer`: what the table, the cache and the outcomes of idempotent requests hold alike.
/// It is made by `seal` and read by `open`, nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub revision: i64,
    pub create_time: i64,
    pub update_time: i64,
    pub delete_time: Option<i64>,
    pub purge_time: Option<i64>,
    pub kind: String,
    pub gender: Option<String>,
    /// Days since 1970-01-01.
    pub birth_date: Option<i32>,
    pub region_code: Option<String>,
    pub language_code: Option<String>,
    pub time_zone: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub tags: Texts,
    #[sea_orm(column_type = "JsonBinary")]
    pub addresses: AddressOutlines,
    #[sea_orm(column_type = "JsonBinary")]
    pub attributes: ClearAttributes,
    /// Class DIRECT, sealed together.
    #[serde(with = "sealed_bytes")]
    pub direct: Vec<u8>,
    /// Class SENSITIVE, sealed together, where there is any.
    #[serde(with = "sealed_bytes::option")]
    pub sensitive: Option<Vec<u8>>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub industry_scheme: Option<String>,
    #[serde(default)]
    pub industry_code: Option<String>,
    /// Where this revision comes from, as [`super::write_origin`] writes it. `None` in rows that are
    /// older than the keeping of origins.
    #[serde(default)]
    pub origin: Option<String>,
    /// Since when it is being erased: nobody sees it any more.
    #[serde(default)]
    pub erase_time: Option<i64>,
    /// Who speaks for it, where it is a part of another customer: then it is deleted, without an end,
    /// and is what it was when it became so.
    #[serde(default)]
    pub merged_into: Option<Uuid>,
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
    /// What policies may ask for.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            tenant: Some(&self.tenant_id),
            owner: self.owner.as_deref(),
            team: self.team.as_deref(),
            tags: &self.tags.0,
        }
    }

    /// The part that needs no key.
    pub fn outline(&self) -> Result<Outline> {
        let unreadable = |what| Error::unreadable("customer", what);
        Ok(Outline {
            id: CustomerId(self.id),
            revision: self.revision,
            create_time: Timestamp(self.create_time),
            update_time: Timestamp(self.update_time),
            delete_time: self.delete_time.map(Timestamp),
            purge_time: self.purge_time.map(Timestamp),
            kind: CustomerType::parse(&self.kind).ok_or_else(|| unreadable("kind"))?,
            gender: match &self.gender {
                Some(word) => Some(Gender::parse(word).ok_or_else(|| unreadable("gender"))?),
                None => None,
            },
            birth_date: self.birth_date()?,
            region_code: self.region_code.clone(),
            language_code: self.language_code.clone(),
            time_zone: self.time_zone.clone(),
            tags: self.tags.0.clone(),
            addresses: self.addresses.0.clone(),
            attributes: self.attributes.0.clone(),
            owner: self.owner.clone(),
            team: self.team.clone(),
            industry: match (&self.industry_scheme, &self.industry_code) {
                (Some(scheme), Some(code)) => Some(Industry {
                    scheme: IndustryScheme::parse(scheme).ok_or_else(|| unreadable("industry"))?,
                    code: code.clone(),
                }),
                (None, _) | (_, None) => None,
            },
        })
    }

    pub fn birth_date(&self) -> Result<Option<Date>> {
        let unreadable = || Error::unreadable("customer", "birth date");
        let date = |days| Date::from_days(days).ok_or_else(unreadable);
        Ok(self.birth_date.map(date).transpose()?)
    }

    /// About what the message of the customer has, in bytes, as far as the sight reaches: what is masked
    /// must not tell its size by where a page ends.
    pub fn message_bytes(&self, sight: Sight) -> usize {
        // A contact point that is normal as it was given is kept once and shown twice.
        let sealed: usize = self.cells(sight).map(|(_, cell)| 2 * cell.len()).sum();
        MESSAGE_BYTES + self.clear_bytes() + sealed
    }

    /// What is not sealed of it, in bytes.
    pub fn clear_bytes(&self) -> usize {
        let tags = self
            .tags
            .0
            .iter()
            .map(|tag| size_of::<String>() + tag.len());
        let addresses = self.addresses.0.len() * (size_of::<AddressOutline>() + ADDRESS_BYTES);
        let attributes = self.attributes.0.iter().map(|(id, value)| {
            let text = match value {
                AttributeValue::String(text) => text.len(),
                _ => 0,
            };
            size_of::<(String, AttributeValue)>() + id.len() + text
        });
        tags.sum::<usize>() + addresses + attributes.sum::<usize>()
    }

    pub const fn id(&self) -> CustomerId {
        CustomerId(self.id)
    }

    /// What is sealed and within sight, and whose it is.
    pub fn cells(&self, sight: Sight) -> impl Iterator<Item = (CustomerId, &[u8])> {
        let direct = sight.direct.then_some(&self.direct);
        let sensitive = self.sensitive.as_ref().filter(|_| sight.sensitive);
        direct
            .into_iter()
            .chain(sensitive)
            .map(|cell| (CustomerId(self.id), cell.as_slice()))
    }
}

/// MessagePack with the names of fields, so that releases that know one field more or less read each
/// other's.
impl Cached for Model {
    fn to_bytes(&self) -> Result<Bytes> {
        let bytes = rmp_serde::to_vec_named(self);
        Ok(bytes.map_err(|e| Error::unreadable("customer", e))?.into())
    }

    fn from_bytes(bytes: Bytes) -> Result<Self> {
        rmp_serde::from_slice(&bytes).map_err(|e| Error::unreadable("customer", e).into())
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.direct.len()
            + self.sensitive.as_ref().map_or(0, Vec::len)
            + self.origin.as_ref().map_or(0, String::len)
            + self.clear_bytes()
    }
}

/// The customer that answers to a name: who speaks for it, where it is a part of another.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<Option<Model>> {
    let row = find_own(conn, tenant, id).await?;
    match row.as_ref().and_then(|row| row.merged_into) {
        Some(speaker) => find_own(conn, tenant, CustomerId(speaker)).await,
        None => Ok(row),
    }
}

/// The row of a customer, a part of another or not.
pub async fn find_own<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id.uuid()));
    query.one(conn).await.map_err(dossier_db::error)
}

/// The customers that answer to names, each once and in no order, and to which name which of them does.
pub async fn find_speakers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<(Vec<Model>, HashMap<CustomerId, CustomerId>)> {
    let mut rows = find_many(conn, tenant, ids).await?;
    let speaker = |row: &Model| CustomerId(row.merged_into.unwrap_or(row.id));
    let speakers: HashMap<_, _> = rows.iter().map(|row| (row.id(), speaker(row))).collect();
    rows.retain(|row| row.merged_into.is_none());
    let there: HashSet<CustomerId> = rows.iter().map(Model::id).collect();
    let wanted: HashSet<CustomerId> = speakers.values().copied().collect();
    let missing: Vec<CustomerId> = wanted.difference(&there).copied().collect();
    if !missing.is_empty() {
        rows.append(&mut find_many(conn, tenant, &missing).await?);
    }
    Ok((rows, speakers))
}

/// The parts of customers.
pub async fn parts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Vec<CustomerId>>> {
    let mut parts: HashMap<CustomerId, Vec<CustomerId>> = HashMap::new();
    for ids in ids.chunks(ASKED_MAX) {
        let query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .columns([Column::Id, Column::MergedInto])
            .filter(Column::MergedInto.is_in(ids.iter().map(|id| id.uuid())))
            .order_by_asc(Column::Id);
        let found: Vec<(Uuid, Uuid)> = query
            .into_tuple()
            .all(conn)
            .await
            .map_err(dossier_db::error)?;
        for (part, speaker) in found {
            let of_speaker = parts.entry(CustomerId(speaker)).or_default();
            of_speaker.push(CustomerId(part));
        }
    }
    Ok(parts)
}

/// Who speaks for a customer: itself, where it is nobody's part or not there.
pub async fn speaker<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<CustomerId> {
    let lives = own_lives(conn, tenant, &[id]).await?;
    Ok(lives.get(&id).map_or(id, |life| life.speaker))
}

/// A customer for whom nobody speaks, and its parts.
pub async fn with_parts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<Vec<CustomerId>> {
    let mut parts = parts(conn, tenant, &[id]).await?;
    let parts = parts.remove(&id).unwrap_or_default();
    Ok(std::iter::once(id).chain(parts).collect())
}

/// Has somebody speak for customers that are parts already.
pub async fn remap(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[CustomerId],
    speaker: CustomerId,
) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::MergedInto, Expr::value(speaker.uuid()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// In no order; those that do not exist are left out.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<Vec<Model>> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ASKED_MAX) {
        let ids = ids.iter().map(|id| id.uuid());
        let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.is_in(ids));
        rows.append(&mut query.all(conn).await.map_err(dossier_db::error)?);
    }
    Ok(rows)
}

/// Reads rows that are about to be changed; nobody else changes them before this transaction ends.
/// SQLite has one writer, PostgreSQL locks the rows: always in the order of ids, so that two
/// batches cannot wait for each other.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<Vec<Model>> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.sort_unstable();
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(ASKED_MAX) {
        let query = dossier_db::find::<Entity>(tenant)
            .filter(Column::Id.is_in(ids.iter().copied()))
            .order_by_asc(Column::Id)
            .lock_exclusive();
        rows.append(&mut query.all(conn).await.map_err(dossier_db::error)?);
    }
    Ok(rows)
}

/// As [`lock`], for the customers after this one in the order of their ids.
pub async fn lock_after<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_exclusive();
    query.all(conn).await.map_err(dossier_db::error)
}

/// Those of `ids` that are neither deleted nor being erased. None of them is changed before this
/// transaction ends: others may look at them at the same time, always in the order of ids.
pub async fn hold_live(tx: &Tx, tenant: &TenantId, ids: &[CustomerId]) -> Result<HashSet<Uuid>> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut live = HashSet::with_capacity(ids.len());
    for ids in ids.chunks(ASKED_MAX) {
        let query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(ids.iter().copied()))
            .filter(Column::DeleteTime.is_null())
            .filter(Column::EraseTime.is_null())
            .order_by_asc(Column::Id)
            .lock_shared();
        let found: Vec<Uuid> = query
            .into_tuple()
            .all(tx.conn())
            .await
            .map_err(dossier_db::error)?;
        live.extend(found);
    }
    Ok(live)
}

/// How many live customers of a type there are.
pub async fn count_live<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    kind: CustomerType,
) -> Result<u64> {
    let query = live_of(tenant, kind);
    query.count(conn).await.map_err(dossier_db::error)
}

/// Live customers of a type in the order of their ids, after one of them.
pub async fn live_after<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    kind: CustomerType,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Model>> {
    let query = live_of(tenant, kind)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit);
    query.all(conn).await.map_err(dossier_db::error)
}

fn live_of(tenant: &TenantId, kind: CustomerType) -> Select<Entity> {
    dossier_db::find::<Entity>(tenant)
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::DeleteTime.is_null())
        .filter(Column::EraseTime.is_null())
}

/// Since when a customer is there, who speaks for it, and whether who speaks for it is deleted.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub create_time: Timestamp,
    /// Itself, where it is nobody's part.
    pub speaker: CustomerId,
    pub deleted: bool,
}

/// Those of `ids` that are there.
pub async fn lives<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Life>> {
    let mut lives = own_lives(conn, tenant, ids).await?;
    let spoken_for = lives.iter().filter(|(id, life)| life.speaker != **id);
    let speakers: Vec<CustomerId> = spoken_for.map(|(_, life)| life.speaker).collect();
    if !speakers.is_empty() {
        let speaking = own_lives(conn, tenant, &speakers).await?;
        for life in lives.values_mut() {
            if let Some(speaker) = speaking.get(&life.speaker) {
                life.deleted = speaker.deleted;
            }
        }
    }
    Ok(lives)
}

async fn own_lives<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<HashMap<CustomerId, Life>> {
    type Row = (Uuid, i64, Option<i64>, Option<Uuid>);
    let mut lives = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ASKED_MAX) {
        let query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .columns([
                Column::Id,
                Column::CreateTime,
                Column::DeleteTime,
                Column::MergedInto,
            ])
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        let found: Vec<Row> = query
            .into_tuple()
            .all(conn)
            .await
            .map_err(dossier_db::error)?;
        lives.extend(found.into_iter().map(|(id, made, deleted, merged_into)| {
            let life = Life {
                create_time: Timestamp(made),
                speaker: CustomerId(merged_into.unwrap_or(id)),
                deleted: deleted.is_some(),
            };
            (CustomerId(id), life)
        }));
    }
    Ok(lives)
}
