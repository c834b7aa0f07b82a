//! Pairs of customers that may be one: listed, dismissed, opened again. Whoever may not see both
//! customers sees no pair.

use dossier_db::Once;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result};
use uuid::Uuid;

use super::Profile;
use crate::domain::{DuplicatePair, DuplicatePairState};
use crate::error::Error;
use crate::store;
use crate::store::duplicate_pair::{Model, Which};

/// Reads for one page, of which a caller may be allowed to see little.
const READS_MAX: usize = 10;

impl Profile {
    /// A page, the most alike first, and the token of the next one.
    pub async fn list_duplicate_pairs(
        &self,
        ctx: &Ctx,
        which: Which,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<DuplicatePair>, String)> {
        let customer = which.customer.map_or_else(String::new, CustomerId::to_name);
        let state = which.state.map_or("", DuplicatePairState::as_str);
        let score_min = which.score_min.to_string();
        let collection = DuplicatePair::COLLECTION;
        let query = [
            ctx.tenant.as_str(),
            collection,
            &customer,
            state,
            &score_min,
        ];
        let token = PageToken::decode(page_token, &query)?;
        if let Some(customer) = which.customer {
            self.find_visible(ctx, customer).await?;
        }
        let reader = self.0.db.reader_of(&ctx.tenant);
        let mut after = token.map(|token| token.after);
        let mut pairs = Vec::new();
        for _ in 0..READS_MAX {
            let room = page_size.get() - pairs.len() as u64;
            let page =
                store::duplicate_pair::page(&reader, &ctx.tenant, which, after.as_deref(), room);
            let (rows, next) = page.await?;
            let customers: Vec<CustomerId> = rows.iter().flat_map(Model::customers).collect();
            let shown = self.live_and_visible(ctx, &customers).await?;
            // Who became a part of another is nobody's duplicate any more.
            let own = |id: &CustomerId| shown.get(id) == Some(id);
            let rows = rows
                .into_iter()
                .filter(|row| row.customers().iter().all(own));
            for row in rows {
                pairs.push(row.into_pair()?);
            }
            after = next;
            if after.is_none() || pairs.len() as u64 == page_size.get() {
                break;
            }
        }
        Ok((pairs, PageToken::next(&query, after)))
    }

    /// Says what is decided about a pair; once it says so, saying it again changes nothing.
    pub async fn decide_duplicate_pair(
        &self,
        ctx: &Ctx,
        id: Uuid,
        state: DuplicatePairState,
        once: Option<Once>,
    ) -> Result<DuplicatePair> {
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let (now, tenant) = (profile.0.clock.now(), &inside.tenant);
                let missing = || Error::NoDuplicatePair(id);
                // Customers before what hangs on them, as whoever erases locks them.
                let found = store::duplicate_pair::find(tx, tenant, id).await?;
                let both = found.ok_or_else(missing)?.customers();
                let rows = store::customer::lock(tx.conn(), tenant, &both).await?;
                let seen = profile.visible(&inside, rows)?.into_iter();
                let live = seen.filter(|(row, _)| row.delete_time.is_none()).count();
                let row = store::duplicate_pair::lock(tx, tenant, id).await?;
                let mut row = row.filter(|_| live == both.len()).ok_or_else(missing)?;
                let name = dossier_kernel::id::resource_name(DuplicatePair::COLLECTION, id);
                if row.state == state.as_str() {
                    tx.touch(name, [""; 0]);
                    return Ok(row);
                }
                tx.touch(name, ["state"]);
                row.state = state.as_str().to_owned();
                row.decider = Some(inside.principal.to_string());
                row.decide_time = Some(now.micros());
                row.update_time = now.micros();
                store::duplicate_pair::decide(tx, tenant, &row).await?;
                Ok(row)
            })
        });
        work.await?.value.into_pair()
    }
}
