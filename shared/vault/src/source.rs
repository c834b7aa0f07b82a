//! What keys may be read through.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction};

/// A connection to read keys through. Only what is committed is remembered: a key that was made in
/// a transaction which rolls back would go on sealing values that nobody can open any more.
pub trait Source: ConnectionTrait {
    const COMMITTED: bool;
}

impl Source for DatabaseConnection {
    const COMMITTED: bool = true;
}

/// On SQLite a transaction also sees what earlier work of the same batch wrote.
impl Source for DatabaseTransaction {
    const COMMITTED: bool = false;
}
