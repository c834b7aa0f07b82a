//! What keys may be read through.

use dossier_db::Reader;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

/// A connection to read keys through. Only what is committed is remembered: a key that was made in
/// a transaction which rolls back would go on sealing values that nobody can open any more.
pub trait Source: ConnectionTrait {
    const COMMITTED: bool;
}

impl Source for Reader {
    const COMMITTED: bool = true;
}

/// On SQLite a transaction also sees what earlier work of the same batch wrote.
impl Source for DatabaseTransaction {
    const COMMITTED: bool = false;
}
