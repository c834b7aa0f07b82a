//! Lists of customers.

use dossier_filter::{Filter, OrderBy};
use dossier_kernel::{Ctx, PageSize, PageToken, Result};

use super::Profile;
use crate::domain::Customer;
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
    /// A page, and the token of the next one; an empty token is the end.
    pub async fn list_customers(&self, ctx: &Ctx, list: List) -> Result<(Vec<Customer>, String)> {
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
        let page = list::Page {
            filter: &filter,
            definitions: &definitions,
            order: &order,
            show_deleted: list.show_deleted,
            after: token.as_ref().map(|token| token.after.as_slice()),
            size: list.page_size.get(),
        };
        let db = &self.0.db;
        let (rows, next) = list::page(&db.reader_of(&ctx.tenant), db.backend(), &ctx.tenant, page).await?;
        let customers = self.open_all(&ctx.tenant, rows).await?;
        let next = next.map_or_else(String::new, |after| PageToken::new(&query, after).encode());
        Ok((customers, next))
    }
}
