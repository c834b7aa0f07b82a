//! Interaction's part in the rights of customers.

use dossier_db::Tx;
use dossier_kernel::{Ctx, CustomerId, Error, Result, TenantId};
use dossier_runtime::{Participant, Record, Remapped};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;

use super::encode;
use crate::app::{Interactions, ListQuery};
use crate::domain::Interaction;

/// The largest page there is.
const PAGE_SIZE: i32 = 1_000;

pub struct Subjects(pub Interactions);

impl Participant for Subjects {
    /// The rows are all there is.
    fn leave<'t>(
        &'t self,
        _: &'t Tx,
        _: &'t TenantId,
        _: &'t [CustomerId],
    ) -> BoxFuture<'t, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// They are read together; nothing else follows of it.
    fn remap<'t>(
        &'t self,
        _: &'t Tx,
        _: &'t TenantId,
        _: &'t [Remapped],
    ) -> BoxFuture<'t, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn forget(&self, tenant: &TenantId, customers: &[CustomerId]) {
        self.0.forget_subjects(tenant, customers);
    }

    fn export(&self, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
        let interactions = self.0.clone();
        let pages = stream::try_unfold(Some(String::new()), move |token| {
            let (interactions, ctx) = (interactions.clone(), ctx.clone());
            async move {
                let Some(page_token) = token else {
                    return Ok(None);
                };
                let query = ListQuery {
                    customer: Some(customer),
                    page_size: PAGE_SIZE,
                    page_token,
                    filter: String::new(),
                    order_by: "occur_time".to_owned(),
                };
                let page = interactions.list_interactions(&ctx, query).await?;
                let next = Some(page.next_page_token).filter(|token| !token.is_empty());
                let records = page.interactions.into_iter().map(|one| Ok(record(one)));
                Ok::<_, Error>(Some((stream::iter(records.collect::<Vec<_>>()), next)))
            }
        });
        pages.try_flatten().boxed()
    }
}

fn record(interaction: Interaction) -> Record {
    let message = encode::interaction(interaction);
    Record {
        collection: "interactions",
        name: message.name.clone(),
        message_type: "dossier.interaction.v1.Interaction",
        message: message.encode_to_vec(),
    }
}
