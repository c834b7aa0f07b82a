//! Lists of customers.

use dossier_filter::{Filter, OrderBy};
use dossier_kernel::{Ctx, PageSize, PageToken, Result};

use super::{Profile, Seen};
use crate::store::list::{self, CustomerSchema, ORDERS};

/// How many pages are read for one that the caller may see little of; then it stays short, and its
/// token goes on.
const READS_MAX: usize = 20;

/// Which customers, in which order.
pub struct List {
    pub filter: String,
    pub order_by: String,
    pub show_deleted: bool,
    pub page_size: PageSize,
    pub page_token: String,
}

impl Profile {
    /// A page of what the caller may see, and the token of the next one; an empty token is the end.
    pub async fn list_customers(&self, ctx: &Ctx, list: List) -> Result<(Vec<Seen>, String)> {
        let needed = !list.filter.is_empty();
        let definitions = self.definitions(&ctx.tenant, needed).await?;
        let filter = Filter::parse(
            &list.filter,
            &CustomerSchema {
                definitions: &definitions,
            },
        )?;
        let order = OrderBy::parse(&list.order_by, &ORDERS)?;
        let deleted = if list.show_deleted { "deleted" } else { "" };
        let query = [ctx.tenant.as_str(), &list.filter, &list.order_by, deleted];
        let token = PageToken::decode(&list.page_token, &query)?;
        let db = &self.0.db;
        let size = list.page_size.get();
        let mut after = token.map(|token| token.after);
        let mut visible = Vec::new();
        let mut next = None;
        // Rows that the caller may not see do not fill a page; but a page is not filled at any price.
        for _ in 0..READS_MAX {
            let page = list::Page {
                filter: &filter,
                definitions: &definitions,
                order: &order,
                show_deleted: list.show_deleted,
                after: after.as_deref(),
                size: size - visible.len() as u64,
            };
            let reader = db.reader_of(&ctx.tenant);
            let (rows, more) = list::page(&reader, db.backend(), &ctx.tenant, page).await?;
            visible.append(&mut self.visible(ctx, rows)?);
            next = more;
            if next.is_none() || visible.len() as u64 >= size {
                break;
            }
            after.clone_from(&next);
        }
        let customers = self.open(&ctx.tenant, visible).await?;
        self.tell_audit(ctx, &customers).await?;
        let next = next.map_or_else(String::new, |after| PageToken::new(&query, after).encode());
        Ok((customers, next))
    }
}
