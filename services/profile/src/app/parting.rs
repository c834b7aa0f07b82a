//! What customers who are erased had with others: it ends, and the others' followers are told.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use dossier_kernel::{Ctx, CustomerId, Result};

use super::Profile;
use crate::store;

/// Relationships of one transaction.
const TIES_MAX: u64 = 500;

impl Profile {
    /// Deletes the customers' relationships, some at a time; says how many.
    pub(super) async fn part(&self, ctx: &Ctx, customers: &[CustomerId]) -> Result<u64> {
        let ids: Arc<[CustomerId]> = customers.into();
        let mut parted = 0;
        loop {
            let (ids, tenant, now) = (Arc::clone(&ids), ctx.tenant.clone(), self.0.clock.now());
            let work = self.0.db.write(ctx, move |tx| {
                Box::pin(async move {
                    let ties = store::relationship::touching(tx, &tenant, &ids, TIES_MAX).await?;
                    let gone: HashSet<&CustomerId> = ids.iter().collect();
                    let ends = ties.iter().flat_map(|tie| [tie.from, tie.to]);
                    let others: BTreeSet<_> = ends.filter(|id| !gone.contains(id)).collect();
                    let others = Vec::from_iter(others);
                    let rows = store::customer::lock(tx.conn(), &tenant, &others).await?;
                    let parted: Vec<_> = ties.iter().map(|tie| tie.id).collect();
                    store::relationship::delete(tx, &tenant, &parted).await?;
                    for row in rows {
                        if row.erase_time.is_none() {
                            Self::publish_attached(tx, row, "relationships", now)?;
                        }
                    }
                    Ok(parted.len() as u64)
                })
            });
            match work.await?.value {
                0 => return Ok(parted),
                some => parted += some,
            }
        }
    }
}
