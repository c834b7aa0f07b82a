//! What hangs on a customer without being in its file: it changes no revision of it.

use dossier_access::Sight;
use dossier_db::{Change, Tx};
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Result, TenantId, Timestamp};

use super::Profile;
use crate::error::Error;
use crate::store::{self, ChangeBody, ChangeKind, SealedCustomer};

/// Fails where who was named is no longer spoken for by who was locked for it: between the look and the
/// lock they were merged or unmerged.
pub(super) async fn confirm_speaker(
    tx: &Tx,
    tenant: &TenantId,
    named: CustomerId,
    speaker: CustomerId,
) -> Result<()> {
    if store::customer::speaker(tx.conn(), tenant, named).await? == speaker {
        return Ok(());
    }
    let words = "The customer was merged or unmerged just now; retry with the same request id.";
    Err(Failure::unavailable(words))
}

impl Profile {
    /// Reads a live customer that something is to be hung on; neither it nor what hangs on it is
    /// changed by others before this transaction ends. What is hung on a part of another stays the
    /// part's; the row is that of who speaks for it.
    pub(super) async fn lock_live(
        &self,
        tx: &Tx,
        ctx: &Ctx,
        id: CustomerId,
    ) -> Result<(SealedCustomer, Sight)> {
        let mut rows = store::customer::lock(tx.conn(), &ctx.tenant, &[id]).await?;
        if let Some(speaker) = rows.first().and_then(|row| row.merged_into) {
            let speaker = CustomerId(speaker);
            rows = store::customer::lock(tx.conn(), &ctx.tenant, &[speaker]).await?;
        }
        let (row, sight) = self
            .visible(ctx, rows)?
            .pop()
            .ok_or(Error::NoCustomer(id))?;
        if row.delete_time.is_some() {
            return Err(Error::Deleted(id).into());
        }
        Ok((row, sight))
    }

    /// A customer and what the caller may see of it, deleted or not.
    pub(super) async fn find_visible(
        &self,
        ctx: &Ctx,
        id: CustomerId,
    ) -> Result<(SealedCustomer, Sight)> {
        let row = store::customer::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        let row = row.ok_or(Error::NoCustomer(id))?;
        Ok(self.visible_one(ctx, row)?.ok_or(Error::NoCustomer(id))?)
    }

    /// Tells followers of the customer what of it changed.
    pub(super) fn publish_attached(
        tx: &Tx,
        row: SealedCustomer,
        field: &str,
        now: Timestamp,
    ) -> Result<()> {
        let tenant = TenantId::parse(&row.tenant_id)?;
        let subject = row.id;
        let body = ChangeBody {
            kind: ChangeKind::Updated,
            customer: row.outline()?,
            changed: vec![field.to_owned()],
        };
        tx.stage(Change {
            tenant,
            subject,
            time: now,
            body: body.to_bytes()?,
        });
        Ok(())
    }
}
