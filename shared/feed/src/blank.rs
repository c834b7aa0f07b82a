//! What a feed says of subjects, taken out of it: the events stay where they are, so that numbers
//! remain dense, and nobody is told of them any more.

use std::collections::BTreeMap;

use dossier_db::{Tx, error};
use dossier_kernel::{Result, TenantId};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

/// Events that are found or blanked at once.
const EVENTS_MAX: usize = 500;

/// Where an event lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    shard: i16,
    seq: i64,
}

/// The events of these subjects that say something, but those whose body `stays`. They are found by the
/// index of [`by_subject`](crate::by_subject).
pub async fn told_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    subjects: &[Uuid],
    stays: fn(&[u8]) -> bool,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for subjects in subjects.chunks(EVENTS_MAX) {
        let (mut subject, mut seq) = (Uuid::nil(), 0);
        loop {
            let mut values: Vec<Value> = vec![tenant.as_str().into(), subject.into(), seq.into()];
            values.extend(subjects.iter().map(|subject| Value::from(*subject)));
            let backend = conn.get_database_backend();
            let statement =
                Statement::from_sql_and_values(backend, told_of_sql(subjects.len()), values);
            let rows = conn.query_all_raw(statement).await.map_err(error)?;
            for row in &rows {
                subject = row.try_get_by(0).map_err(error)?;
                seq = row.try_get_by(1).map_err(error)?;
                let shard = row.try_get_by(2).map_err(error)?;
                let body: Vec<u8> = row.try_get_by(3).map_err(error)?;
                if !stays(&body) {
                    places.push(Place { shard, seq });
                }
            }
            if rows.len() < EVENTS_MAX {
                break;
            }
        }
    }
    Ok(places)
}

/// What [`told_of`] asks for so many subjects.
pub fn told_of_sql(subjects: usize) -> String {
    format!(
        "SELECT subject, seq, shard, body FROM feed_event \
         WHERE subject IN ({}) AND (subject, seq) > ($2, $3) \
         AND tenant_id = $1 AND length(body) > 0 \
         ORDER BY subject, seq LIMIT {EVENTS_MAX}",
        places(4, subjects)
    )
}

/// Empties the events in these places; says how many were not empty.
pub async fn blank(tx: &Tx, tenant: &TenantId, events: &[Place]) -> Result<u64> {
    let mut by_shard: BTreeMap<i16, Vec<i64>> = BTreeMap::new();
    for Place { shard, seq } in events {
        by_shard.entry(*shard).or_default().push(*seq);
    }
    let mut blanked = 0;
    for (shard, numbers) in by_shard {
        for numbers in numbers.chunks(EVENTS_MAX) {
            let sql = format!(
                "UPDATE feed_event SET body = $3 \
                 WHERE tenant_id = $1 AND shard = $2 AND length(body) > 0 AND seq IN ({})",
                places(4, numbers.len())
            );
            let mut values: Vec<Value> = vec![
                tenant.as_str().into(),
                shard.into(),
                Vec::<u8>::new().into(),
            ];
            values.extend(numbers.iter().map(|seq| Value::from(*seq)));
            let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
            let done = tx.conn().execute_raw(statement).await.map_err(error)?;
            blanked += done.rows_affected();
        }
    }
    Ok(blanked)
}

fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    places.join(", ")
}
