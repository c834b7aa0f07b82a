//! All members as of one instant of the feed: what a watch stream begins with.

use dossier_db::{Backend, Db, Position, error};
use dossier_feed::Cursor;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Result, TenantId};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, IsolationLevel, Statement, TransactionOptions,
    TransactionTrait,
};

use super::memberships::{self, Member};

/// A reading transaction: everything in it is seen as it was when it began, so the changes after
/// [`Snapshot::cursor`] are exactly those that the members do not show.
pub struct Snapshot {
    tx: DatabaseTransaction,
    cursor: Option<Cursor>,
}

impl Snapshot {
    pub async fn begin(db: &Db) -> Result<Self> {
        // SQLite's readers see one state from their first read on without being told.
        let isolation_level = match db.backend() {
            Backend::Sqlite => None,
            Backend::Postgres => Some(IsolationLevel::RepeatableRead),
        };
        let options = TransactionOptions {
            isolation_level,
            ..TransactionOptions::default()
        };
        let tx = db
            .reader()
            .begin_with_options(options)
            .await
            .map_err(error)?;
        let cursor = Cursor::of(&heads(&tx).await?);
        Ok(Self { tx, cursor })
    }

    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The members after one of them, by segment, then customer.
    pub async fn page(
        &self,
        tenant: &TenantId,
        only: Option<SegmentId>,
        after: Option<Member>,
        limit: u64,
    ) -> Result<Vec<Member>> {
        memberships::snapshot_page(&self.tx, tenant, only, after, limit).await
    }
}

/// Where this database's feed stands in the transaction.
async fn heads(tx: &DatabaseTransaction) -> Result<Vec<Position>> {
    let sql = "SELECT shard, seq, epoch FROM feed_head ORDER BY shard";
    let statement = Statement::from_string(tx.get_database_backend(), sql);
    let rows = tx.query_all_raw(statement).await.map_err(error)?;
    let position = |row: &sea_orm::QueryResult| {
        let read = || {
            Ok(Position {
                shard: row.try_get_by(0)?,
                seq: row.try_get_by(1)?,
                epoch: row.try_get_by(2)?,
            })
        };
        read().map_err(error)
    };
    rows.iter().map(position).collect()
}
