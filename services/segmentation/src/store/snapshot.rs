//! All members as of one instant of the feed: what a watch stream begins with.

use dossier_db::Db;
use dossier_feed::{Cursor, Feed};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Result, TenantId};
use sea_orm::DatabaseTransaction;

use super::memberships::{self, Member};

/// A reading transaction: everything in it is seen as it was when it began, so the changes after
/// [`Snapshot::cursor`] are exactly those that the members do not show.
pub struct Snapshot {
    tx: DatabaseTransaction,
    cursor: Cursor,
}

impl Snapshot {
    pub async fn begin(db: &Db, tenant: &TenantId) -> Result<Self> {
        let tx = db.reader_of(tenant).snapshot().await?;
        let cursor = Feed::head_in(&tx).await?;
        Ok(Self { tx, cursor })
    }

    pub fn cursor(&self) -> &Cursor {
        &self.cursor
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
