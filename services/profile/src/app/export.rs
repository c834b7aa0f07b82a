//! Exports: every customer that the caller may see, as all of them were at one instant.

use dossier_filter::Filter;
use dossier_kernel::{Ctx, Error, Result};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::{Profile, Seen};
use crate::store;
use crate::store::list::{self, CustomerSchema};

/// Customers that are read, opened and told to the audit log at once.
const PAGE: u64 = 500;

/// What an export has.
pub struct Export {
    /// The ids of the tenant's own fields, in their order.
    pub attributes: Vec<String>,
    /// Pages of customers in the order in which they were made; a page may be empty.
    pub pages: BoxStream<'static, Result<Vec<Seen>>>,
}

/// A piece of an export.
enum Part {
    /// Comes first.
    Attributes(Vec<String>),
    Customers(Vec<Seen>),
}

impl Profile {
    /// Reads in one transaction from beginning to end; memory holds two pages.
    pub async fn export_customers(
        &self,
        ctx: &Ctx,
        filter: String,
        stop: CancellationToken,
    ) -> Result<Export> {
        let (profile, of) = (self.clone(), ctx.clone());
        let mut parts = self.0.db.snapshot(&ctx.tenant, stop, move |tx, parts| {
            Box::pin(async move {
                let (db, ctx) = (&profile.0.db, &of);
                let definitions = store::attribute_definition::all(tx, &ctx.tenant).await?;
                let schema = CustomerSchema {
                    definitions: &definitions,
                };
                let filter = Filter::parse(&filter, &schema)?;
                let attributes = definitions.keys().cloned().collect();
                parts.give(Part::Attributes(attributes)).await?;
                let mut after = None;
                loop {
                    let page = list::Page {
                        filter: &filter,
                        definitions: &definitions,
                        order: &[],
                        show_deleted: false,
                        after: after.as_deref(),
                        size: PAGE,
                    };
                    let see = |row| profile.visible_one(ctx, row);
                    let (visible, next) =
                        list::page(tx, db.backend(), &ctx.tenant, page, see).await?;
                    let seen = profile.open_in(tx, &ctx.tenant, visible).await?;
                    profile.tell_audit(ctx, &seen).await?;
                    parts.give(Part::Customers(seen)).await?;
                    if next.is_none() {
                        return Ok(());
                    }
                    after = next;
                }
            })
        });
        // What is wrong with the request comes in its stead.
        let Some(Part::Attributes(attributes)) = parts.next().await.transpose()? else {
            return Err(Error::internal("an export began without its attributes"));
        };
        let pages = parts.try_filter_map(async |part| {
            Ok(match part {
                Part::Customers(page) => Some(page),
                Part::Attributes(_) => None,
            })
        });
        Ok(Export {
            attributes,
            pages: pages.boxed(),
        })
    }
}
