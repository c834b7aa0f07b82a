//! Segmentation's part in the rights of customers.

use dossier_db::Tx;
use dossier_kernel::{Ctx, CustomerId, Error, PageSize, Reason, Result, TenantId};
use dossier_proto::segmentation::v1 as wire;
use dossier_runtime::{Participant, Record, Remapped};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;

use super::encode;
use crate::app::App;

pub struct Subjects(pub App);

impl Participant for Subjects {
    fn leave<'t>(
        &'t self,
        tx: &'t Tx,
        tenant: &'t TenantId,
        customers: &'t [CustomerId],
    ) -> BoxFuture<'t, Result<()>> {
        Box::pin(self.0.erase_subjects(tx, tenant, customers))
    }

    fn remap<'t>(
        &'t self,
        tx: &'t Tx,
        tenant: &'t TenantId,
        remapped: &'t [Remapped],
    ) -> BoxFuture<'t, Result<()>> {
        Box::pin(self.0.remap_subjects(tx, tenant, remapped))
    }

    /// Nothing of customers is kept in memory.
    fn forget(&self, _: &TenantId, _: &[CustomerId]) {}

    /// The customer's memberships and classes. What the feeds told is exported by those who told it.
    fn export(&self, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
        let app = self.0.clone();
        let records = async move {
            let mut records = memberships(&app, &ctx, customer).await?;
            records.extend(classes(&app, &ctx, customer).await?);
            Ok::<_, Error>(stream::iter(records.into_iter().map(Ok)))
        };
        stream::once(records).try_flatten().boxed()
    }
}

/// A customer is a member of no more segments than a tenant has.
async fn memberships(app: &App, ctx: &Ctx, customer: CustomerId) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut token = String::new();
    loop {
        let page = app
            .list_customer_segments(ctx, customer, PageSize(PageSize::MAX), &token)
            .await;
        let Some(page) = unless_unknown(page)? else {
            return Ok(records);
        };
        for member in page.members {
            let message = encode::membership(member);
            records.push(Record {
                collection: "memberships",
                name: message.segment.clone(),
                message_type: "dossier.segmentation.v1.Membership",
                message: message.encode_to_vec(),
            });
        }
        if page.next.is_empty() {
            return Ok(records);
        }
        token = page.next;
    }
}

async fn classes(app: &App, ctx: &Ctx, customer: CustomerId) -> Result<Option<Record>> {
    let classes = unless_unknown(app.get_customer_classes(ctx, customer).await)?;
    Ok(classes.map(|classes| {
        let message: wire::CustomerClasses = encode::customer_classes(customer.to_name(), classes);
        Record {
            collection: "customerClasses",
            name: message.customer.clone(),
            message_type: "dossier.segmentation.v1.CustomerClasses",
            message: message.encode_to_vec(),
        }
    }))
}

/// Of somebody segmentation does not count there is nothing.
fn unless_unknown<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.reason() == Reason::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
