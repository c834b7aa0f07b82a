//! Everything that all services hold about the person of a request.

use dossier_access::Sight;
use dossier_kernel::{Ctx, CustomerId, Result};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{Profile, Seen};
use crate::domain::{PrivacyRequestState, PrivacyRequestType};
use crate::error::Error;
use crate::peers::{Neighbour, Told};
use crate::store;
use crate::store::privacy_request::End;

/// A record of the export.
pub enum Line {
    /// The file that profile keeps.
    Customer(Box<Seen>),
    /// What a neighbour holds.
    Told { service: &'static str, told: Told },
}

/// A person is told everything about themselves.
const WHOLE: Sight = Sight {
    direct: true,
    sensitive: true,
};

impl Profile {
    /// The request is done when the last record was read.
    pub async fn export_privacy_request(
        &self,
        ctx: &Ctx,
        id: Uuid,
    ) -> Result<BoxStream<'static, Result<Line>>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::privacy_request::find(&reader, &ctx.tenant, id).await?;
        let request = row.ok_or(Error::NoPrivacyRequest(id))?.into_request()?;
        let exportable = request.kind != PrivacyRequestType::Erase
            && request.state != PrivacyRequestState::Cancelled;
        if !exportable {
            return Err(Error::NotExportable(id).into());
        }
        let customer = request.customer;
        let row = store::customer::find(&reader, &ctx.tenant, customer).await?;
        let row = row.filter(|row| row.erase_time.is_none());
        let row = row.ok_or(Error::NoCustomer(customer))?;
        let seen = self.open(&ctx.tenant, vec![(row, WHOLE)]).await?;
        self.tell_audit(ctx, &seen).await?;
        let own = seen
            .into_iter()
            .map(|seen| Ok(Line::Customer(Box::new(seen))));
        let asking = ctx.clone();
        let theirs = stream::iter(self.0.neighbours.clone())
            .then(move |neighbour| told(neighbour, asking.clone(), customer))
            .try_flatten();
        let (profile, ctx) = (self.clone(), ctx.clone());
        let end = stream::once(async move { profile.exported(&ctx, id).await });
        let end = end.try_filter_map(|()| std::future::ready(Ok(None)));
        Ok(stream::iter(own).chain(theirs).chain(end).boxed())
    }

    /// Notes that the request was answered, the first time.
    async fn exported(&self, ctx: &Ctx, id: Uuid) -> Result<()> {
        let (tenant, now) = (ctx.tenant.clone(), self.0.clock.now());
        let own = Ctx::service("profile", tenant.clone());
        let work = self.0.db.write(&own, move |tx| {
            Box::pin(async move {
                let row = store::privacy_request::lock(tx, &tenant, id).await?;
                let request = row.ok_or(Error::NoPrivacyRequest(id))?.into_request()?;
                if request.state != PrivacyRequestState::Pending {
                    return Ok(());
                }
                let end = End {
                    state: PrivacyRequestState::Done,
                    time: now,
                    cancel_reason: None,
                    certificate: None,
                };
                store::privacy_request::end(tx, &tenant, id, end).await
            })
        });
        work.await?;
        Ok(())
    }
}

async fn told(
    neighbour: Neighbour,
    ctx: Ctx,
    customer: CustomerId,
) -> Result<BoxStream<'static, Result<Line>>> {
    let records = neighbour.export(&ctx, customer).await?;
    let service = neighbour.service;
    let lines = records.map_ok(move |told| Line::Told { service, told });
    Ok(lines.boxed())
}
