//! A log for tests of services (feature `testing`).

use dossier_db::Db;

use crate::{Audit, AuditKey, Limits, Options};

/// The log of a database that nobody keeps: reads of DIRECT data stay in its buffer.
pub fn idle(db: Db) -> Audit {
    let options = Options {
        service: "test",
        key: AuditKey::from_seed(&[0; 32]),
        sink: None,
        limits: Limits::default(),
    };
    Audit::new(db, options)
}
