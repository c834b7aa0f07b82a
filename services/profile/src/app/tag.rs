//! The tenant's tags as a whole.

use dossier_db::{Committed, Once};
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Profile;
use super::unit::{Edit, Locked, Unit};
use crate::domain::{Retag, Source};
use crate::error::Error;
use crate::store::ChangeKind;
use crate::store::customer_tag::{self as store, TagCount};

/// Customers of one transaction.
const BATCH: u64 = 500;

/// What became of tags.
#[derive(Debug)]
pub struct Retagged {
    pub customer_count: u64,
    /// Covers the changes on the feed; `None` where there are none.
    pub cursor: Option<String>,
}

/// What one transaction did.
#[derive(Serialize, Deserialize)]
struct Part {
    /// Who was changed, and the new revisions.
    revisions: Vec<(CustomerId, i64)>,
    /// Where to go on; `None` where everybody was looked at.
    last: Option<CustomerId>,
}

impl Profile {
    /// A page by tag, and the token of the next one.
    pub async fn list_tags(
        &self,
        ctx: &Ctx,
        prefix: &str,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<TagCount>, String)> {
        let query = [ctx.tenant.as_str(), "tags", prefix];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let page = store::page(reader, &ctx.tenant, prefix, after, page_size.get());
        let (tags, next) = page.await?;
        Ok((tags, PageToken::next(&query, next)))
    }

    /// Puts one tag in the place of others, customer after customer. Each transaction is remembered
    /// under a name that follows from the request's: whoever repeats the request finds what was done
    /// and goes on from there.
    pub async fn retag(&self, ctx: &Ctx, retag: Retag, once: Option<Once>) -> Result<Retagged> {
        self.0.vault.prepare(&ctx.tenant).await?;
        let mut customer_count = 0;
        let mut after = None;
        for number in 0.. {
            let part = once.as_ref().map(|once| part_of(once, number));
            let done = self.retag_part(ctx, retag.clone(), after, part).await?;
            let Part { revisions, last } = done.value;
            customer_count += revisions.len() as u64;
            // Also of a replay: the first call may have died between its commit and this line.
            for (id, revision) in revisions {
                self.tell_cache(ctx, id, revision).await;
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        let cursor = match customer_count {
            0 => None,
            _ => Some(self.0.feed.head().await?.to_string()),
        };
        Ok(Retagged {
            customer_count,
            cursor,
        })
    }

    async fn retag_part(
        &self,
        ctx: &Ctx,
        retag: Retag,
        after: Option<CustomerId>,
        once: Option<Once>,
    ) -> Result<Committed<Part>> {
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let unit = Unit {
                    now: profile.0.clock.now(),
                    tenant: inside.tenant.clone(),
                    tx,
                    profile,
                    ctx: inside,
                    source: Source::Api,
                };
                let is_first = after.is_none();
                if is_first
                    && retag.is_renaming
                    && store::is_known(tx, &unit.tenant, &retag.into).await?
                {
                    return Err(Error::TagExists.into());
                }
                let ids = store::holders(tx, &unit.tenant, &retag.from, after, BATCH).await?;
                let is_last = (ids.len() as u64) < BATCH;
                let last = ids.last().copied().filter(|_| !is_last);
                let revisions = unit.retag(&retag, &ids).await?;
                Ok(Part { revisions, last })
            })
        });
        work.await
    }
}

impl Unit<'_> {
    /// Those of the customers that the caller may see and that have one of the tags still.
    async fn retag(&self, retag: &Retag, ids: &[CustomerId]) -> Result<Vec<(CustomerId, i64)>> {
        let mut edits = Vec::with_capacity(ids.len());
        for Locked { row, before, .. } in self.lock(ids, false).await? {
            let mut after = before.clone();
            if after.retag(retag, self.now) {
                self.permit(&after)?;
                edits.push(Edit {
                    row,
                    before,
                    after,
                    kind: ChangeKind::Updated,
                    changed: vec!["tags".to_owned()],
                });
            }
        }
        let rows = self.replace(&edits).await?;
        Ok(rows.iter().map(|row| (row.id(), row.revision)).collect())
    }
}

/// The name of one transaction of a request. The first has the request's own, so that another body
/// under the same name is refused.
fn part_of(once: &Once, number: u64) -> Once {
    match number {
        0 => once.clone(),
        number => Once {
            request_id: Uuid::new_v5(&once.request_id, &number.to_be_bytes()),
            ..once.clone()
        },
    }
}
