//! One customer becomes several again.

use dossier_access::Sight;
use dossier_db::Once;
use dossier_kernel::{Ctx, CustomerId, Result};
use uuid::Uuid;

use super::Profile;
use super::customer::refuse_part;
use super::merge::MergeDone;
use super::unit::{Edit, Unit};
use crate::domain::{Customer, MergeRecord, MergeState, Source, merge};
use crate::error::Error;
use crate::store::customer_key::BlindKey;
use crate::store::{self, ChangeKind, SealedCustomer, merge_part};

impl Profile {
    /// Changes nothing where it was done before.
    pub async fn unmerge_customer(
        &self,
        ctx: &Ctx,
        id: Uuid,
        once: Option<Once>,
    ) -> Result<MergeDone> {
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let unit = profile.unit(tx, inside, Source::Unmerge(id));
                unit.unmerge(id).await
            })
        });
        let done = work.await?;
        let cursor = self.cursor_of(&done).await?;
        self.merge_done(ctx, id, cursor).await
    }
}

impl Unit<'_> {
    async fn unmerge(&self, id: Uuid) -> Result<()> {
        let (tx, tenant) = (self.tx, &self.tenant);
        // Customers before records, as whoever merges locks them.
        let found = store::merge::find(tx.conn(), tenant, id).await?;
        let found = found.ok_or(Error::NoMergeRecord(id))?;
        let parts = merge_part::of_merges(tx.conn(), tenant, std::iter::once(id)).await?;
        let parts = parts.into_values().next().unwrap_or_default();
        let (others, nested): (Vec<_>, Vec<_>) =
            parts.iter().partition(|part| part.spoken_for_by.is_none());
        let survivor = CustomerId(found.survivor_id);
        let others: Vec<CustomerId> = others
            .into_iter()
            .map(|part| CustomerId(part.customer_id))
            .collect();
        let all: Vec<CustomerId> = std::iter::once(survivor).chain(others.clone()).collect();
        let mut locked = self.lock_whole(&all).await?;
        let row = store::merge::lock(tx, tenant, id).await?;
        let row = row.ok_or(Error::NoMergeRecord(id))?;
        match row.state()? {
            MergeState::Unmerging | MergeState::Unmerged => {
                tx.touch(MergeRecord::name_of(id), [""; 0]);
                return Ok(());
            }
            MergeState::Merging => return Err(Error::MergeUnderWay(survivor).into()),
            MergeState::Merged => {}
        }
        let mut one = locked.remove(&survivor).ok_or(Error::NoMergeRecord(id))?;
        if !one.sight.direct {
            return Err(Error::NotSeenWhole(survivor).into());
        }
        // What the merge brought goes, whether or not the caller may see it; nobody is shown it.
        one.sight = Sight::ALL;
        refuse_part(&one.row)?;
        if one.before.delete_time.is_some() {
            return Err(Error::Deleted(survivor).into());
        }
        if let Some(later) = store::merge::later(tx, tenant, &row).await? {
            return Err(Error::LaterMerge(later).into());
        }
        self.check_free(&all).await?;
        let merged = self.past(&one, row.survivor_revision).await?;
        let before = self.past(&one, row.survivor_revision - 1).await?;
        let (after, kept) = merge::unmerge(&before, &merged, &one.before, self.now);
        self.permit(&after)?;

        for part in nested {
            let speaker = part.spoken_for_by.map(CustomerId);
            let speaker = speaker.ok_or(Error::NoMergeRecord(id))?;
            let part = [CustomerId(part.customer_id)];
            store::customer::remap(tx, tenant, &part, speaker).await?;
        }
        let mut edits = Vec::with_capacity(all.len());
        edits.push(Edit {
            changed: merge::changed(&one.before, &after),
            row: one.row,
            before: one.before,
            after,
            kind: ChangeKind::Updated,
        });
        for other in &others {
            let one = locked.remove(other).ok_or(Error::NoCustomer(*other))?;
            let mut after = one.before.clone();
            after.undelete(self.now);
            edits.push(Edit {
                row: SealedCustomer {
                    merged_into: None,
                    ..one.row
                },
                before: one.before,
                after,
                kind: ChangeKind::Undeleted,
                changed: Vec::new(),
            });
        }
        self.replace(&edits).await?;
        let files: Vec<Customer> = edits.into_iter().map(|edit| edit.after).collect();
        self.reclaim(&files).await?;
        tx.touch(MergeRecord::name_of(id), ["state", "kept_fields"]);
        store::merge::unmerge(tx, tenant, id, self.now, &kept).await
    }

    /// While they were one, identifiers of a file may have been the others', or nobody's.
    async fn reclaim(&self, files: &[Customer]) -> Result<()> {
        let mut claims: Vec<(BlindKey, CustomerId)> = Vec::new();
        for file in files {
            let keys = self.profile.blind(&self.tenant, &file.keys()).await?;
            claims.extend(keys.into_iter().map(|key| (key, file.id)));
        }
        store::save::reclaim(self.tx, &self.tenant, claims).await
    }
}
