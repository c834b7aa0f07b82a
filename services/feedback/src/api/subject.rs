//! Feedback's part in the rights of customers.

use dossier_db::Tx;
use dossier_kernel::{Ctx, CustomerId, Error, PageSize, Result, TenantId};
use dossier_runtime::{Participant, Record, Remapped};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;

use super::case::encode_case;
use super::survey::{encode_invitation, encode_response};
use crate::app::App;

pub struct Subjects(pub App);

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

    /// Nothing of customers is kept in memory.
    fn forget(&self, _: &TenantId, _: &[CustomerId]) {}

    fn export(&self, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
        let invitations = invitations(self.0.clone(), ctx.clone(), customer);
        let responses = responses(self.0.clone(), ctx.clone(), customer);
        let cases = cases(self.0.clone(), ctx, customer);
        invitations.chain(responses).chain(cases).boxed()
    }
}

fn invitations(app: App, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
    let pages = stream::try_unfold(None, move |after| {
        let (app, ctx) = (app.clone(), ctx.clone());
        async move {
            let page = app.invitations_of(&ctx, customer, after).await?;
            let last = page.last().map(|invitation| invitation.id);
            let records = page.into_iter().map(|invitation| {
                let message = encode_invitation(invitation);
                Record {
                    collection: "invitations",
                    name: message.name.clone(),
                    message_type: "dossier.feedback.v1.Invitation",
                    message: message.encode_to_vec(),
                }
            });
            let records: Vec<_> = records.map(Ok).collect();
            Ok::<_, Error>(last.map(|last| (stream::iter(records), Some(last))))
        }
    });
    pages.try_flatten().boxed()
}

fn responses(app: App, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
    let pages = stream::try_unfold(None, move |after| {
        let (app, ctx) = (app.clone(), ctx.clone());
        async move {
            let page = app.responses_of(&ctx, customer, after).await?;
            let last = page.last().map(|response| response.id);
            let records = page.into_iter().map(|response| {
                let message = encode_response(response);
                Record {
                    collection: "responses",
                    name: message.name.clone(),
                    message_type: "dossier.feedback.v1.Response",
                    message: message.encode_to_vec(),
                }
            });
            let records: Vec<_> = records.map(Ok).collect();
            Ok::<_, Error>(last.map(|last| (stream::iter(records), Some(last))))
        }
    });
    pages.try_flatten().boxed()
}

fn cases(app: App, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>> {
    let filter = format!("customer = \"{}\"", customer.uuid());
    let pages = stream::try_unfold(Some(String::new()), move |token| {
        let (app, ctx, filter) = (app.clone(), ctx.clone(), filter.clone());
        async move {
            let Some(token) = token else {
                return Ok(None);
            };
            let size = PageSize(PageSize::MAX);
            let (cases, next) = app.list_cases(&ctx, &filter, size, &token).await?;
            let records = cases.into_iter().map(|case| {
                let message = encode_case(case);
                Record {
                    collection: "cases",
                    name: message.name.clone(),
                    message_type: "dossier.feedback.v1.Case",
                    message: message.encode_to_vec(),
                }
            });
            let records: Vec<_> = records.map(Ok).collect();
            let next = Some(next).filter(|token| !token.is_empty());
            Ok::<_, Error>(Some((stream::iter(records), next)))
        }
    });
    pages.try_flatten().boxed()
}
