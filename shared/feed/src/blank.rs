//! What a feed says of subjects, taken out of it: the events stay where they are, so that numbers
//! remain dense, and nobody is told of them any more.

use std::collections::BTreeMap;

use dossier_db::{Tx, error};
use dossier_kernel::{Result, TenantId};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::Feed;
use crate::append::shard_of;

/// Events that are found or blanked at once.
const EVENTS_MAX: usize = 500;

/// Where an event lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    shard: i16,
    seq: i64,
}

impl Feed {
    /// The events of these subjects that say something, but those whose body `stays`. They are found
    /// by no index: on SQLite all events are looked at, outside of any transaction.
    pub async fn told_of(
        &self,
        tenant: &TenantId,
        subjects: &[Uuid],
        stays: fn(&[u8]) -> bool,
    ) -> Result<Vec<Place>> {
        let mut by_shard: BTreeMap<i16, Vec<Uuid>> = BTreeMap::new();
        for subject in subjects {
            let shard = shard_of(*subject, self.db().backend());
            by_shard.entry(shard).or_default().push(*subject);
        }
        let mut places = Vec::new();
        for (shard, subjects) in by_shard {
            for subjects in subjects.chunks(EVENTS_MAX) {
                let mut after = 0;
                while let Some((last, found)) =
                    self.page(tenant, shard, subjects, after, stays).await?
                {
                    after = last;
                    places.extend(found);
                }
            }
        }
        Ok(places)
    }

    /// The next events and the number of the last one; `None` at the end.
    async fn page(
        &self,
        tenant: &TenantId,
        shard: i16,
        subjects: &[Uuid],
        after: i64,
        stays: fn(&[u8]) -> bool,
    ) -> Result<Option<(i64, Vec<Place>)>> {
        let sql = format!(
            "SELECT seq, body FROM feed_event \
             WHERE tenant_id = $1 AND shard = $2 AND seq > $3 AND length(body) > 0 \
             AND subject IN ({}) ORDER BY seq LIMIT {EVENTS_MAX}",
            places(4, subjects.len())
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into(), shard.into(), after.into()];
        values.extend(subjects.iter().map(|subject| Value::from(*subject)));
        let reader = self.db().reader_of(tenant);
        let statement = Statement::from_sql_and_values(self.db().backend().into(), sql, values);
        let rows = reader.query_all_raw(statement).await.map_err(error)?;
        let mut last = None;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq: i64 = row.try_get_by(0).map_err(error)?;
            let body: Vec<u8> = row.try_get_by(1).map_err(error)?;
            last = Some(seq);
            if !stays(&body) {
                found.push(Place { shard, seq });
            }
        }
        Ok(last.map(|last| (last, found)))
    }
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
