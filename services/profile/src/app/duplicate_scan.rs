//! Scans for customers that are in the files twice: asked for, read, cancelled. What a scan does is in
//! `scanning`.

use dossier_db::Once;
use dossier_kernel::{Ctx, PageSize, PageToken, Result};
use uuid::Uuid;

use super::Profile;
use crate::domain::DuplicateScan;
use crate::domain::duplicate::UNFINISHED_MAX;
use crate::error::Error;
use crate::store::duplicate_scan::{self as store, Model};

impl Profile {
    pub async fn start_duplicate_scan(
        &self,
        ctx: &Ctx,
        score_min: i32,
        once: Option<Once>,
    ) -> Result<DuplicateScan> {
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let scan = DuplicateScan::new(score_min, ctx.principal.to_string(), now);
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // Two that are one too many only together touch no row in common.
                let queue = format!("profile.duplicate_scan/{}", tenant.as_str());
                tx.alone(&queue).await?;
                if store::count_unfinished(tx, &tenant).await? >= UNFINISHED_MAX {
                    return Err(Error::TooManyScans.into());
                }
                tx.touch(scan.to_name(), ["score_min_per_mille"]);
                let row = Model::of(&tenant, scan);
                store::insert(tx, row.clone()).await?;
                Ok(row)
            })
        });
        work.await?.value.into_scan()
    }

    pub async fn get_duplicate_scan(&self, ctx: &Ctx, id: Uuid) -> Result<DuplicateScan> {
        let row = store::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        row.ok_or(Error::NoDuplicateScan(id))?.into_scan()
    }

    /// A page, newest first, and the token of the next one.
    pub async fn list_duplicate_scans(
        &self,
        ctx: &Ctx,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<DuplicateScan>, String)> {
        let query = [ctx.tenant.as_str(), DuplicateScan::COLLECTION];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let (rows, next) = store::page(reader, &ctx.tenant, after, page_size.get()).await?;
        let scans = rows.into_iter().map(Model::into_scan);
        let scans = scans.collect::<Result<_>>()?;
        Ok((scans, PageToken::next(&query, next)))
    }

    /// A scan that has ended stays as it ended.
    pub async fn cancel_duplicate_scan(
        &self,
        ctx: &Ctx,
        id: Uuid,
        once: Option<Once>,
    ) -> Result<DuplicateScan> {
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let ended = store::cancel(tx, &tenant, id, now).await?;
                let row = store::find(tx.conn(), &tenant, id).await?;
                let row = row.ok_or(Error::NoDuplicateScan(id))?;
                let fields: &[&str] = if ended { &["state"] } else { &[] };
                tx.touch(crate::domain::duplicate::scan_name(id), fields.to_vec());
                Ok(row)
            })
        });
        work.await?.value.into_scan()
    }
}
