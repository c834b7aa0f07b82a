//! Exports: every customer that the caller may see, as all of them were at one instant.

use std::sync::Arc;

use dossier_filter::Filter;
use dossier_kernel::{Ctx, Error, Result};
use futures::stream::{self, BoxStream, StreamExt};

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

impl Profile {
    /// Reads in one transaction from beginning to end; memory holds a page.
    pub async fn export_customers(&self, ctx: &Ctx, filter: &str) -> Result<Export> {
        let snapshot = self.0.db.reader_of(&ctx.tenant).snapshot().await?;
        let definitions = store::attribute_definition::all(&snapshot, &ctx.tenant).await?;
        let schema = CustomerSchema {
            definitions: &definitions,
        };
        let filter = Filter::parse(filter, &schema)?;
        let attributes = definitions.keys().cloned().collect();
        let given = Arc::new((self.clone(), ctx.clone(), filter, definitions));
        let pages = stream::try_unfold(Some((snapshot, None)), move |place| {
            let given = Arc::clone(&given);
            async move {
                let (profile, ctx, filter, definitions) = &*given;
                let Some((snapshot, after)) = place else {
                    return Ok(None);
                };
                if profile.stop().is_cancelled() {
                    return Err(Error::unavailable(
                        "The server stops; begin the export anew.",
                    ));
                }
                let page = list::Page {
                    filter,
                    definitions,
                    order: &[],
                    show_deleted: false,
                    after: after.as_deref(),
                    size: PAGE,
                };
                let backend = profile.0.db.backend();
                let (rows, next) = list::page(&snapshot, backend, &ctx.tenant, page).await?;
                let visible = profile.visible(ctx, rows)?;
                let seen = profile.open_in(&snapshot, &ctx.tenant, visible).await?;
                profile.tell_audit(ctx, &seen).await?;
                let place = next.map(|after| (snapshot, Some(after)));
                Ok(Some((seen, place)))
            }
        });
        Ok(Export {
            attributes,
            pages: pages.boxed(),
        })
    }
}
