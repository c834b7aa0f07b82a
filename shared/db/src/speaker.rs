//! Which customers are one. Nothing of theirs is moved: whoever asks for one of them is given what is
//! held of all, and where they are told apart again nothing has been mixed.

use std::collections::{BTreeSet, HashMap};

use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use crate::{HeldTable, Tx, error};

/// What the table below holds of customers.
pub const SPEAKERS: [HeldTable; 2] = [
    HeldTable::by("subject_speaker", "customer_id"),
    HeldTable::by("subject_speaker", "speaker_id"),
];
/// Customers of one statement at most.
const ROWS_MAX: usize = 500;

/// A customer for whom another speaks since a moment ago, or who speaks for itself again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remapped {
    pub customer: CustomerId,
    pub from: CustomerId,
    pub to: CustomerId,
}

/// For the migrations of services that hold something of customers.
pub async fn create_speakers<C: ConnectionTrait>(conn: &C) -> std::result::Result<(), DbErr> {
    let (uuid, end) = match conn.get_database_backend() {
        DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
        _ => ("uuid", ""),
    };
    conn.execute_unprepared(&format!(
        "CREATE TABLE subject_speaker (\
         tenant_id text NOT NULL, customer_id {uuid} NOT NULL, speaker_id {uuid} NOT NULL, \
         update_time bigint NOT NULL, PRIMARY KEY (tenant_id, customer_id)){end}"
    ))
    .await?;
    let index = "CREATE INDEX subject_speaker_speaker ON subject_speaker (tenant_id, speaker_id)";
    conn.execute_unprepared(index).await?;
    Ok(())
}

/// Has others speak for customers, or themselves; says for whom somebody else speaks since. What was
/// so before what is known of a customer changes nothing.
pub async fn remap(
    tx: &Tx,
    tenant: &TenantId,
    speakers: &[(CustomerId, CustomerId)],
    time: Timestamp,
) -> Result<Vec<Remapped>> {
    let ids: BTreeSet<CustomerId> = speakers.iter().map(|(customer, _)| *customer).collect();
    let before = speakers_of(tx.conn(), tenant, &ids).await?;
    for (customer, speaker) in speakers {
        let statement = Statement::from_sql_and_values(
            tx.backend().into(),
            "INSERT INTO subject_speaker (tenant_id, customer_id, speaker_id, update_time) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, customer_id) DO UPDATE \
             SET speaker_id = excluded.speaker_id, update_time = excluded.update_time \
             WHERE excluded.update_time >= subject_speaker.update_time",
            [
                tenant.as_str().into(),
                customer.uuid().into(),
                speaker.uuid().into(),
                time.micros().into(),
            ],
        );
        tx.conn().execute_raw(statement).await.map_err(error)?;
    }
    let after = speakers_of(tx.conn(), tenant, &ids).await?;
    let speaker = |of: &HashMap<CustomerId, CustomerId>, id| of.get(&id).copied().unwrap_or(id);
    let remapped = ids.into_iter().map(|customer| Remapped {
        customer,
        from: speaker(&before, customer),
        to: speaker(&after, customer),
    });
    Ok(remapped.filter(|one| one.from != one.to).collect())
}

/// Those of the customers for whom another speaks, each with who that is.
pub async fn speakers_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &BTreeSet<CustomerId>,
) -> Result<HashMap<CustomerId, CustomerId>> {
    let mut found = HashMap::new();
    let ids: Vec<Uuid> = customers.iter().map(|id| id.uuid()).collect();
    for ids in ids.chunks(ROWS_MAX) {
        let places: Vec<String> = (2..ids.len() + 2).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT customer_id, speaker_id FROM subject_speaker \
             WHERE tenant_id = $1 AND speaker_id <> customer_id AND customer_id IN ({})",
            places.join(", ")
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into()];
        values.extend(ids.iter().map(|id| Value::from(*id)));
        found.extend(pairs(conn, sql, values).await?);
    }
    Ok(found)
}

/// All customers of a tenant for whom others speak, each with who that is.
pub async fn all<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<HashMap<CustomerId, CustomerId>> {
    let sql = "SELECT customer_id, speaker_id FROM subject_speaker \
               WHERE tenant_id = $1 AND speaker_id <> customer_id";
    let values = vec![tenant.as_str().into()];
    Ok(pairs(conn, sql.to_owned(), values)
        .await?
        .into_iter()
        .collect())
}

/// Everybody who is one with the customer, itself included, whichever of them it is.
pub async fn together<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: CustomerId,
) -> Result<Vec<CustomerId>> {
    let sql = "SELECT customer_id, speaker_id FROM subject_speaker WHERE tenant_id = $1 \
               AND (speaker_id = $2 OR speaker_id IN (SELECT speaker_id FROM subject_speaker \
               WHERE tenant_id = $1 AND customer_id = $2))";
    let values = vec![tenant.as_str().into(), customer.uuid().into()];
    let rows = pairs(conn, sql.to_owned(), values).await?;
    let all = rows.into_iter().flat_map(|(part, speaker)| [part, speaker]);
    let all: BTreeSet<CustomerId> = all.chain([customer]).collect();
    Ok(all.into_iter().collect())
}

async fn pairs<C: ConnectionTrait>(
    conn: &C,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<(CustomerId, CustomerId)>> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    let pair = |row: sea_orm::QueryResult| {
        let part: Uuid = row.try_get_by(0).map_err(error)?;
        let speaker: Uuid = row.try_get_by(1).map_err(error)?;
        Ok((CustomerId(part), CustomerId(speaker)))
    };
    rows.into_iter().map(pair).collect()
}
