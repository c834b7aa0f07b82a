//! Lists of interactions, page by page.

use dossier_db::speaker;
use dossier_filter::Filter;
use dossier_kernel::paging::{PageSize, PageToken};
use dossier_kernel::{Ctx, CustomerId, Result};

use super::Interactions;
use crate::domain::Interaction;
use crate::domain::timeline::{Fields, Order};
use crate::store;

/// What a caller asks for, as it was said.
#[derive(Debug)]
pub struct ListQuery {
    /// `None`: of all customers.
    pub customer: Option<CustomerId>,
    pub page_size: i32,
    pub page_token: String,
    pub filter: String,
    pub order_by: String,
}

/// A page.
#[derive(Debug)]
pub struct Listed {
    pub interactions: Vec<Interaction>,
    /// Empty on the last page.
    pub next_page_token: String,
}

impl Interactions {
    pub async fn list_interactions(&self, ctx: &Ctx, query: ListQuery) -> Result<Listed> {
        let ListQuery {
            customer,
            page_size,
            page_token,
            filter,
            order_by,
        } = query;
        let size = PageSize::from_request(page_size)?.get();
        let filter = Filter::parse(&filter, &Fields)?;
        let order = Order::parse(&order_by)?;
        let asked = [
            "interactions",
            ctx.tenant.as_str(),
            &customer.map(CustomerId::to_name).unwrap_or_default(),
            &filter.to_string(),
            order.as_str(),
        ];
        let after = PageToken::decode(&page_token, &asked)?;
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let customers = match customer {
            Some(customer) => Some(speaker::together(reader, &ctx.tenant, customer).await?),
            None => None,
        };
        let page = store::Page {
            customers: customers.as_deref(),
            filter: &filter,
            order,
            after: after.as_ref().map(|token| token.after.as_slice()),
            size,
        };
        let (models, next) = store::list(reader, &ctx.tenant, page).await?;
        Ok(Listed {
            interactions: self.read(ctx, models).await?,
            next_page_token: PageToken::next(&asked, next),
        })
    }
}
