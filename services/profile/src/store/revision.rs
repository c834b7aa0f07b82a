//! What customers were: one row for each revision that another replaced.
//!
//! A revision that is new costs no row here: the customer's own row is its newest revision. When that
//! is replaced, what it was moves here, its sealed cells bound to their new place.

use dossier_access::Sight;
use dossier_db::{PageQuery, Room, TenantScoped, Tx, insert_many, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use dossier_vault::{CustomerKey, Place};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{Condition, ConnectionTrait, IntoActiveModel, Order, QueryOrder, QuerySelect};

use super::customer::{MESSAGE_BYTES, Model as SealedCustomer};
use super::sealed::Cells;
use crate::domain::{Customer, Origin, Outline, Source};
use crate::error::Error;

const TABLE: &str = "customer_revision";

/// The most revisions that one statement asks for one by one: SQLite takes conditions 1,000 deep.
const PAIRS_MAX: usize = 250;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_revision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// What the sealed cells are bound to.
    pub id: Uuid,
    pub update_time: i64,
    /// The [`Outline`] as JSON.
    pub outline: String,
    /// The [`Origin`] as JSON; `None` where none was kept.
    pub origin: Option<String>,
    pub direct: Vec<u8>,
    pub sensitive: Option<Vec<u8>>,
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
    /// The row of a customer that another is about to replace.
    pub fn of(row: &SealedCustomer, key: &CustomerKey) -> Result<Self> {
        let id = Uuid::now_v7();
        let cells = Cells::of(row);
        let moved = |column, sealed: &[u8]| {
            let from = Place {
                table: cells.table,
                column,
                row: cells.row,
            };
            let to = Place {
                table: TABLE,
                column,
                row: id,
            };
            key.moved(&from, &to, sealed)
        };
        let sensitive = cells.sensitive.as_ref();
        let sensitive = sensitive.map(|sealed| moved("sensitive", sealed));
        Ok(Self {
            tenant_id: row.tenant_id.clone(),
            customer_id: row.id,
            revision: row.revision,
            id,
            update_time: row.update_time,
            origin: row.origin.clone(),
            direct: moved("direct", &cells.direct)?,
            sensitive: sensitive.transpose()?,
            outline: serde_json::to_string(&row.outline()?)
                .map_err(|e| Error::unreadable("revision", e))?,
        })
    }
}

/// A customer at one of its revisions, sealed: the newest, which is the customer's own row, or one
/// that was replaced.
#[derive(Clone, Debug)]
pub struct Version {
    pub outline: Outline,
    /// `None` where none was kept.
    pub origin: Option<Origin>,
    cells: Cells<'static>,
    /// What is clear of its row, in bytes.
    clear_bytes: usize,
}

impl Version {
    /// What is sealed and within sight, and whose it is.
    pub fn cells(&self, sight: Sight) -> impl Iterator<Item = (CustomerId, &[u8])> {
        let id = self.outline.id;
        self.cells.within(sight).map(move |cell| (id, cell))
    }

    /// About what it takes to show all that is within sight before and after, in bytes. What is not
    /// must not tell its size by where a page ends.
    pub fn bytes(&self, sight: Sight) -> usize {
        // As in the customer's message: a contact point may be kept once and shown twice.
        let sealed: usize = self.cells.within(sight).map(|cell| 2 * cell.len()).sum();
        2 * (MESSAGE_BYTES + self.clear_bytes + sealed)
    }

    /// The customer as it was, as far as the sight reaches; see [`super::open`].
    pub fn open(self, key: Option<&CustomerKey>, sight: Sight) -> Result<Customer> {
        let customer = self.cells.open(self.outline, key, sight)?;
        // What was not opened lies at its place; it is no cell to be saved elsewhere.
        Ok(Customer {
            closed: None,
            ..customer
        })
    }
}

impl TryFrom<SealedCustomer> for Version {
    type Error = dossier_kernel::Error;

    fn try_from(mut row: SealedCustomer) -> Result<Self> {
        let clear_bytes = row.clear_bytes();
        let origin = read_origin(row.origin.take().as_deref(), row.revision)?;
        let cells = Cells::take(&mut row);
        Ok(Self {
            outline: row.outline()?,
            origin,
            cells,
            clear_bytes,
        })
    }
}

impl TryFrom<Model> for Version {
    type Error = dossier_kernel::Error;

    fn try_from(row: Model) -> Result<Self> {
        let Model {
            tenant_id: _,
            customer_id: _,
            revision,
            id,
            update_time: _,
            outline,
            origin,
            direct,
            sensitive,
        } = row;
        let clear_bytes = outline.len();
        // serde's errors can quote what they could not read, so that theirs is not kept.
        let outline = serde_json::from_str(&outline);
        Ok(Self {
            clear_bytes,
            outline: outline.map_err(|_| Error::unreadable("revision", "an outline"))?,
            origin: read_origin(origin.as_deref(), revision)?,
            cells: Cells {
                table: TABLE,
                row: id,
                direct: direct.into(),
                sensitive: sensitive.map(Into::into),
            },
        })
    }
}

/// Where a revision comes from, as its row keeps it.
pub fn write_origin(origin: &Origin) -> Result<String> {
    serde_json::to_string(origin).map_err(|e| Error::unreadable("origin", e).into())
}

fn read_origin(text: Option<&str>, revision: i64) -> Result<Option<Origin>> {
    let Some(text) = text else { return Ok(None) };
    let origin: Origin =
        serde_json::from_str(text).map_err(|_| Error::unreadable("origin", "its JSON"))?;
    Ok(Some(origin).filter(|origin| origin.revision == revision))
}

pub async fn insert(tx: &Tx, rows: Vec<Model>) -> Result<()> {
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    insert_many(tx.conn(), rows)
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// A revision that was replaced.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    revision: i64,
) -> Result<Option<Version>> {
    let query = of(tenant, customer).filter(Column::Revision.eq(revision));
    let row = query.one(conn).await.map_err(dossier_db::error)?;
    row.map(Version::try_from).transpose()
}

/// Of the revisions that were replaced these, in no order; those that are not kept are left out.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    asked: &[(CustomerId, i64)],
) -> Result<Vec<Version>> {
    let mut versions = Vec::with_capacity(asked.len());
    for asked in asked.chunks(PAIRS_MAX) {
        let any = asked.iter().fold(Condition::any(), |any, (id, revision)| {
            let one = Column::CustomerId.eq(id.uuid());
            any.add(one.and(Column::Revision.eq(*revision)))
        });
        let query = dossier_db::find::<Entity>(tenant).filter(any);
        for row in query.all(conn).await.map_err(dossier_db::error)? {
            versions.push(row.try_into()?);
        }
    }
    Ok(versions)
}

/// What led to the revisions that were replaced and came after these, customer by customer; `None` where
/// that was not kept.
pub async fn sources_after<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: &[(CustomerId, i64)],
) -> Result<Vec<(CustomerId, Option<Source>)>> {
    let mut sources = Vec::new();
    for after in after.chunks(PAIRS_MAX) {
        let any = after.iter().fold(Condition::any(), |any, (id, revision)| {
            let one = Column::CustomerId.eq(id.uuid());
            any.add(one.and(Column::Revision.gt(*revision)))
        });
        let query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .columns([Column::CustomerId, Column::Revision, Column::Origin])
            .filter(any);
        let rows: Vec<(Uuid, i64, Option<String>)> = query
            .into_tuple()
            .all(conn)
            .await
            .map_err(dossier_db::error)?;
        for (id, revision, origin) in rows {
            let origin = read_origin(origin.as_deref(), revision)?;
            sources.push((CustomerId(id), origin.map(|origin| origin.source)));
        }
    }
    Ok(sources)
}

/// What led to the revision that a customer has.
pub fn source_of(row: &SealedCustomer) -> Result<Option<Source>> {
    let origin = read_origin(row.origin.as_deref(), row.revision)?;
    Ok(origin.map(|origin| origin.source))
}

/// The last revision that was replaced and had been made at `time` or before.
pub async fn find_at<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    time: Timestamp,
) -> Result<Option<Version>> {
    let query = of(tenant, customer)
        .filter(Column::UpdateTime.lte(time.micros()))
        .order_by_desc(Column::Revision);
    let row = query.limit(1).one(conn).await.map_err(dossier_db::error)?;
    row.map(Version::try_from).transpose()
}

/// When the first of those was made that were replaced, after this one.
pub async fn first_time<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    after: i64,
) -> Result<Option<Timestamp>> {
    let query = of(tenant, customer)
        .filter(Column::Revision.gt(after))
        .select_only()
        .column(Column::UpdateTime)
        .order_by_asc(Column::Revision);
    let time: Option<i64> = query
        .limit(1)
        .into_tuple()
        .one(conn)
        .await
        .map_err(dossier_db::error)?;
    Ok(time.map(Timestamp))
}

/// What is known of revisions without their values.
pub struct Heading {
    pub revision: i64,
    pub update_time: Timestamp,
    pub origin: Option<Origin>,
}

/// The headings of the revisions before this one, newest first.
pub async fn headings<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    before: i64,
    limit: u64,
) -> Result<Vec<Heading>> {
    let query = of(tenant, customer)
        .filter(Column::Revision.lt(before))
        .select_only()
        .columns([Column::Revision, Column::UpdateTime, Column::Origin])
        .order_by_desc(Column::Revision)
        .limit(limit);
    let rows: Vec<(i64, i64, Option<String>)> = query
        .into_tuple()
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    let headings = rows.into_iter().map(|(revision, update_time, origin)| {
        Ok(Heading {
            revision,
            update_time: Timestamp(update_time),
            origin: read_origin(origin.as_deref(), revision)?,
        })
    });
    headings.collect()
}

/// Revisions before this one, newest first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
    before: i64,
    size: u64,
    sight: Sight,
    room: Room,
) -> Result<(Vec<Version>, Option<i64>)> {
    let keys = [keyset::Key::int(Expr::col(Column::Revision), Order::Desc)];
    let query = PageQuery {
        select: of(tenant, customer),
        keys: &keys,
        after: Some(&[KeyValue::Int(before)]),
        rows_max: size,
        room,
    };
    let shown = |row: Model| {
        let version = Version::try_from(row)?;
        let bytes = version.bytes(sight);
        Ok(Some((version, bytes)))
    };
    let place = |row: &Model| vec![KeyValue::Int(row.revision)];
    let (versions, next) = query.read(conn, place, shown).await?;
    let next = next.and_then(|at| match at.first() {
        Some(KeyValue::Int(revision)) => Some(*revision),
        _ => None,
    });
    Ok((versions, next))
}

fn of(tenant: &TenantId, customer: CustomerId) -> Select<Entity> {
    dossier_db::find::<Entity>(tenant).filter(Column::CustomerId.eq(customer.uuid()))
}
