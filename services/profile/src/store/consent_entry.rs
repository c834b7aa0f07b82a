//! The ledger of consents: rows are appended, never changed, and go with their customer.

use std::collections::HashMap;

use dossier_access::Sight;
use dossier_db::{PageQuery, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Pii, Result, TenantId, Timestamp};
use dossier_vault::{CustomerKey, Place};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, FromQueryResult, IntoActiveModel, Order, QuerySelect};
use serde::{Deserialize, Serialize};

use super::ASKED_MAX;
use super::columns::sealed_bytes;
use crate::domain::{Consent, ConsentDecision, ConsentKind, LegalBasis, Stance};
use crate::error::Error;

/// Names, times and words of an entry's message.
const MESSAGE_BYTES: usize = 512;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "consent_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub id: Uuid,
    pub decision: String,
    pub purpose: String,
    pub channel: String,
    pub kind: Option<String>,
    pub basis: Option<String>,
    pub notice_id: Option<String>,
    pub notice_version: Option<i32>,
    pub needs_separate: bool,
    pub collected_through: String,
    pub actor: String,
    pub occur_time: i64,
    pub expire_time: Option<i64>,
    pub record_time: i64,
    /// Class DIRECT, sealed, where there is any.
    #[serde(with = "sealed_bytes::option")]
    pub evidence: Option<Vec<u8>>,
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
    pub const fn customer(&self) -> CustomerId {
        CustomerId(self.customer_id)
    }

    /// What is sealed and within sight, and whose it is.
    pub fn cells(&self, sight: Sight) -> impl Iterator<Item = (CustomerId, &[u8])> {
        let evidence = self.evidence.as_ref().filter(|_| sight.direct);
        evidence
            .into_iter()
            .map(|cell| (CustomerId(self.customer_id), cell.as_slice()))
    }
}

/// The row of an entry; `key` is its customer's, to be had where there is evidence.
pub fn seal(tenant: &TenantId, consent: Consent, key: Option<&CustomerKey>) -> Result<Model> {
    let Consent {
        customer,
        stance,
        notice,
        evidence,
        collected_through,
        record_time,
        actor,
        masked: _,
    } = consent;
    let Stance {
        id,
        sequence,
        decision,
        purpose,
        channel,
        kind,
        basis,
        needs_separate,
        occur_time,
        expire_time,
    } = stance;
    let (notice_id, notice_version) = notice.unzip();
    let evidence = match evidence {
        Some(text) => {
            let key = key.ok_or_else(|| keyless(customer))?;
            Some(key.seal(&place(id), text.expose().as_bytes())?)
        }
        None => None,
    };
    Ok(Model {
        tenant_id: tenant.as_str().to_owned(),
        customer_id: customer.uuid(),
        sequence,
        id,
        decision: decision.as_str().to_owned(),
        purpose,
        channel,
        kind: kind.map(|kind| kind.as_str().to_owned()),
        basis: basis.map(|basis| basis.as_str().to_owned()),
        notice_id,
        notice_version,
        needs_separate,
        collected_through,
        actor,
        occur_time: occur_time.micros(),
        expire_time: expire_time.map(Timestamp::micros),
        record_time: record_time.micros(),
        evidence,
    })
}

/// The entry of a row, as far as the sight reaches.
pub fn open(row: Model, key: Option<&CustomerKey>, sight: Sight) -> Result<Consent> {
    let Model {
        tenant_id: _,
        customer_id,
        sequence,
        id,
        decision,
        purpose,
        channel,
        kind,
        basis,
        notice_id,
        notice_version,
        needs_separate,
        collected_through,
        actor,
        occur_time,
        expire_time,
        record_time,
        evidence,
    } = row;
    let customer = CustomerId(customer_id);
    let evidence = match evidence.filter(|_| sight.direct) {
        Some(sealed) => {
            let key = key.ok_or_else(|| keyless(customer))?;
            let plain = key.open(&place(id), &sealed)?;
            let text = std::str::from_utf8(&plain).map_err(|_| unreadable("evidence"))?;
            Some(Pii::new(text.to_owned()))
        }
        None => None,
    };
    let stance = StanceRow {
        customer_id,
        sequence,
        id,
        decision,
        purpose,
        channel,
        kind,
        basis,
        needs_separate,
        occur_time,
        expire_time,
    };
    Ok(Consent {
        customer,
        stance: stance.into_stance()?,
        notice: notice_id.zip(notice_version),
        evidence,
        collected_through,
        record_time: Timestamp(record_time),
        actor,
        masked: !sight.direct,
    })
}

/// What decides of a row.
#[derive(FromQueryResult)]
struct StanceRow {
    customer_id: Uuid,
    sequence: i64,
    id: Uuid,
    decision: String,
    purpose: String,
    channel: String,
    kind: Option<String>,
    basis: Option<String>,
    needs_separate: bool,
    occur_time: i64,
    expire_time: Option<i64>,
}

impl StanceRow {
    const COLUMNS: [Column; 11] = [
        Column::CustomerId,
        Column::Sequence,
        Column::Id,
        Column::Decision,
        Column::Purpose,
        Column::Channel,
        Column::Kind,
        Column::Basis,
        Column::NeedsSeparate,
        Column::OccurTime,
        Column::ExpireTime,
    ];

    fn into_stance(self) -> Result<Stance> {
        let known = |kind: &str| ConsentKind::parse(kind).ok_or_else(|| unreadable("kind"));
        let founded = |basis: &str| LegalBasis::parse(basis).ok_or_else(|| unreadable("basis"));
        Ok(Stance {
            id: self.id,
            sequence: self.sequence,
            decision: ConsentDecision::parse(&self.decision)
                .ok_or_else(|| unreadable("decision"))?,
            purpose: self.purpose,
            channel: self.channel,
            kind: self.kind.as_deref().map(known).transpose()?,
            basis: self.basis.as_deref().map(founded).transpose()?,
            needs_separate: self.needs_separate,
            occur_time: Timestamp(self.occur_time),
            expire_time: self.expire_time.map(Timestamp),
        })
    }
}

/// The number of a customer's last entry, 0 where there is none, and when the latest occurred.
pub async fn so_far(
    tx: &Tx,
    tenant: &TenantId,
    customer: CustomerId,
) -> Result<(i64, Option<Timestamp>)> {
    let last: Option<(Option<i64>, Option<i64>)> = dossier_db::find::<Entity>(tenant)
        .select_only()
        .column_as(Column::Sequence.max(), "sequence")
        .column_as(Column::OccurTime.max(), "occur_time")
        .filter(Column::CustomerId.eq(customer.uuid()))
        .into_tuple()
        .one(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    let (sequence, time) = last.unwrap_or_default();
    Ok((sequence.unwrap_or(0), time.map(Timestamp)))
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// What decides of the ledgers of these customers, of all purposes or of some.
pub async fn stances<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
    purposes: Option<&[&str]>,
) -> Result<HashMap<CustomerId, Vec<Stance>>> {
    let mut ledgers: HashMap<CustomerId, Vec<Stance>> = HashMap::new();
    for customers in customers.chunks(ASKED_MAX) {
        let ids = customers.iter().map(|id| id.uuid());
        let mut query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .columns(StanceRow::COLUMNS)
            .filter(Column::CustomerId.is_in(ids));
        if let Some(purposes) = purposes {
            query = query.filter(Column::Purpose.is_in(purposes.iter().copied()));
        }
        let rows = query.into_model::<StanceRow>().all(conn).await;
        for row in rows.map_err(dossier_db::error)? {
            let customer = CustomerId(row.customer_id);
            ledgers
                .entry(customer)
                .or_default()
                .push(row.into_stance()?);
        }
    }
    Ok(ledgers)
}

/// A page of the ledger of a customer in the order in which it was written, and where to go on when
/// there are more. Ledgers of several customers that are one come side by side.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [
        keyset::Key::int(Expr::col(Column::Sequence), Order::Asc),
        keyset::Key::uuid(Expr::col(Column::CustomerId), Order::Asc),
    ];
    let ids = customers.iter().map(|id| id.uuid());
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant).filter(Column::CustomerId.is_in(ids)),
        keys: &keys,
        after,
        rows_max: size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        let bytes = MESSAGE_BYTES + row.evidence.as_ref().map_or(0, Vec::len);
        Ok(Some((row, bytes)))
    };
    let place = |row: &Model| vec![KeyValue::Int(row.sequence), KeyValue::Uuid(row.customer_id)];
    query.read(conn, place, shown).await
}

const fn place(row: Uuid) -> Place {
    Place {
        table: "consent_entry",
        column: "evidence",
        row,
    }
}

fn keyless(customer: CustomerId) -> Error {
    Error::unreadable("consent", format!("no key for {}", customer.to_name()))
}

fn unreadable(what: &'static str) -> Error {
    Error::unreadable("consent", what)
}
