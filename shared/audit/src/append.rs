//! Writes events down, in the transaction of what they record.

use dossier_db::{Backend, Insert, Staged, error};
use dossier_kernel::{Error, Reason, Result};
use futures::future::BoxFuture;
use sea_orm::{DatabaseTransaction, Value};
use std::time::Duration;

use crate::leaf::{Leaf, new_id};

const COLUMNS: [&str; 3] = ["tenant_id", "id", "body"];

/// Part of the `BeforeCommit` of every database with an audit log; goes before the feed's part,
/// which makes others wait. Events have no place in the tree yet, so that writers do not wait for
/// each other here.
///
/// AUDIT_UNAVAILABLE where the log cannot be written; then nothing of the transaction is kept.
pub fn append<'a>(
    txn: &'a DatabaseTransaction,
    _: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if staged.events.is_empty() {
            return Ok(());
        }
        let mut values: Vec<Value> = Vec::with_capacity(staged.events.len() * COLUMNS.len());
        for event in &staged.events {
            let id = new_id(event.time);
            values.extend([
                Value::from(event.tenant.as_str()),
                id.into(),
                Leaf::encode(id, event).into(),
            ]);
        }
        let rows = Insert::into("audit_event", &COLUMNS).rows(txn, values);
        rows.await
            .map(|_| ())
            .map_err(|cause| unavailable(error(cause)))
    })
}

/// A full disk and a busy database keep their names; whatever else is wrong is wrong with the log.
pub(crate) fn unavailable(cause: Error) -> Error {
    match cause.reason() {
        Reason::ResourceExhausted | Reason::Unavailable => cause,
        _ => Error::new(
            Reason::AuditUnavailable,
            "The audit log cannot be written; nothing was changed or shown.",
        )
        .retry_after(Duration::from_secs(1))
        .caused_by(cause),
    }
}
