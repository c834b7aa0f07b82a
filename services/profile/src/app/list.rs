//! Lists of customers.

use dossier_filter::{Filter, OrderBy};
use dossier_kernel::{Ctx, PageSize, PageToken, Result};

use super::{Profile, Seen};
use crate::store::list::{self, CustomerSchema, ORDERS};

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
        let page = list::Page {
            filter: &filter,
            definitions: &definitions,
            order: &order,
            show_deleted: list.show_deleted,
            after: token.as_ref().map(|token| token.after.as_slice()),
            size: list.page_size.get(),
        };
        let reader = &db.reader_of(&ctx.tenant);
        // Rows that the caller may not see do not fill a page.
        let see = |row| self.visible_one(ctx, row);
        let (visible, next) = list::page(reader, db.backend(), &ctx.tenant, page, see).await?;
        let customers = self.open(&ctx.tenant, visible).await?;
        self.tell_audit(ctx, &customers).await?;
        Ok((customers, PageToken::next(&query, next)))
    }
}
