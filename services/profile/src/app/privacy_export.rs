//! Everything that all services hold about the person of a request.

use dossier_access::Sight;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, PageSize, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{Profile, Revised, Seen, WhichPairs};
use crate::domain::{
    Consent, DuplicatePair, PrivacyRequestState, PrivacyRequestType, Relationship,
};
use crate::error::Error;
use crate::peers::{Neighbour, Told};
use crate::store::privacy_request::End;
use crate::store::{self, Version};

/// A record of the export.
pub enum Line {
    /// The file that profile keeps.
    Customer(Box<Seen>),
    /// The ledger, as it was written.
    Consent(Box<Consent>),
    /// As seen from the person.
    Relationship(Box<Relationship>),
    /// Who else the person was taken for.
    DuplicatePair(Box<DuplicatePair>),
    /// What changed in the file, when and by whom.
    Revision(Box<Revised>),
    /// What a neighbour holds.
    Told { service: &'static str, told: Told },
}

/// Where a page begins.
type After = Option<Vec<KeyValue>>;
/// A page, and where the next one begins.
type Page = (Vec<Line>, Option<Vec<KeyValue>>);

/// Rows that are read at once.
const ROWS: PageSize = PageSize(200);

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
        let customer = row.ok_or(Error::NoCustomer(customer))?.id();
        // With those that were merged into it: a person is told what they were, too.
        let all = store::customer::with_parts(&reader, &ctx.tenant, customer).await?;
        let rows = store::customer::find_many(&reader, &ctx.tenant, &all).await?;
        let mut rows: Vec<_> = rows.into_iter().map(|row| (row, WHOLE)).collect();
        rows.sort_unstable_by_key(|(row, _)| (row.merged_into.is_some(), row.id));
        let seen = self.open(&ctx.tenant, rows).await?;
        self.tell_audit(ctx, &seen).await?;
        let file = seen
            .into_iter()
            .map(|seen| Ok(Line::Customer(Box::new(seen))));
        let profile = (self.clone(), ctx.clone());
        let hanging = stream::iter(all).flat_map(move |one| {
            let (profile, ctx) = &profile;
            let consents = profile.pages(ctx, one, Self::consents_of);
            let relationships = profile.pages(ctx, one, Self::relationships_of);
            let pairs = profile.pages(ctx, one, Self::duplicate_pairs_of);
            let revisions = profile.pages(ctx, one, Self::revisions_of);
            let own = consents.chain(relationships);
            own.chain(pairs).chain(revisions)
        });
        let own = stream::iter(file).chain(hanging);
        let asking = ctx.clone();
        let theirs = stream::iter(self.0.neighbours.clone())
            .then(move |neighbour| told(neighbour, asking.clone(), customer))
            .try_flatten();
        let (profile, ctx) = (self.clone(), ctx.clone());
        let end = stream::once(async move { profile.exported(&ctx, id).await });
        let end = end.try_filter_map(|()| std::future::ready(Ok(None)));
        Ok(own.chain(theirs).chain(end).boxed())
    }

    /// What profile holds besides the file, page by page.
    fn pages(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        read: for<'p> fn(&'p Self, &'p Ctx, CustomerId, After) -> BoxFuture<'p, Result<Page>>,
    ) -> BoxStream<'static, Result<Line>> {
        let asking = (self.clone(), ctx.clone());
        let pages = stream::try_unfold(Some(None), move |place: Option<After>| {
            let (profile, ctx) = asking.clone();
            async move {
                let Some(after) = place else {
                    return Ok::<_, Failure>(None);
                };
                let (lines, next) = read(&profile, &ctx, customer, after).await?;
                let lines = stream::iter(lines.into_iter().map(Ok));
                Ok(Some((lines, next.map(Some))))
            }
        });
        pages.try_flatten().boxed()
    }

    fn consents_of<'p>(
        &'p self,
        ctx: &'p Ctx,
        customer: CustomerId,
        after: After,
    ) -> BoxFuture<'p, Result<Page>> {
        async move {
            let (tenant, size) = (&ctx.tenant, ROWS.get());
            let reader = self.0.db.reader_of(tenant);
            let (of, after) = ([customer], after.as_deref());
            let page = store::consent_entry::page(&reader, tenant, &of, after, size);
            let (rows, next) = page.await?;
            let consents = self.open_consents(ctx, rows, WHOLE).await?;
            self.tell_audit_of_consents(ctx, &consents).await?;
            let lines = consents.into_iter().map(Box::new).map(Line::Consent);
            Ok((lines.collect(), next))
        }
        .boxed()
    }

    fn relationships_of<'p>(
        &'p self,
        ctx: &'p Ctx,
        customer: CustomerId,
        after: After,
    ) -> BoxFuture<'p, Result<Page>> {
        async move {
            let (tenant, size) = (&ctx.tenant, ROWS.get());
            let reader = self.0.db.reader_of(tenant);
            let after = after.as_deref();
            let of = [customer];
            let page = store::relationship::page(&reader, tenant, &of, None, after, size);
            let (rows, next) = page.await?;
            let lines = rows.into_iter().map(|row| {
                let relationship = row.into_relationship()?.seen_from(customer);
                Ok(Line::Relationship(Box::new(relationship)))
            });
            Ok((lines.collect::<Result<_>>()?, next))
        }
        .boxed()
    }

    fn duplicate_pairs_of<'p>(
        &'p self,
        ctx: &'p Ctx,
        customer: CustomerId,
        after: After,
    ) -> BoxFuture<'p, Result<Page>> {
        async move {
            let (tenant, size) = (&ctx.tenant, ROWS.get());
            let reader = self.0.db.reader_of(tenant);
            let which = WhichPairs {
                customer: Some(customer),
                state: None,
                score_min: 0,
            };
            let after = after.as_deref();
            let page = store::duplicate_pair::page(&reader, tenant, which, after, size);
            let (rows, next) = page.await?;
            let lines = rows.into_iter().map(|row| {
                let pair = row.into_pair()?;
                Ok(Line::DuplicatePair(Box::new(pair)))
            });
            Ok((lines.collect::<Result<_>>()?, next))
        }
        .boxed()
    }

    fn revisions_of<'p>(
        &'p self,
        ctx: &'p Ctx,
        customer: CustomerId,
        after: After,
    ) -> BoxFuture<'p, Result<Page>> {
        async move {
            let reader = self.0.db.reader_of(&ctx.tenant);
            let row = store::customer::find_own(&reader, &ctx.tenant, customer).await?;
            let row = row.filter(|row| row.erase_time.is_none());
            let row = row.ok_or(Error::NoCustomer(customer))?;
            let newest = (Version::try_from(row)?, WHOLE);
            let after = match after.as_deref() {
                Some([KeyValue::Int(revision)]) => Some(*revision),
                _ => None,
            };
            let page = self.page_of_revisions(ctx, newest, after, ROWS);
            let (revised, next) = page.await?;
            let lines = revised.into_iter().map(Box::new).map(Line::Revision);
            Ok((
                lines.collect(),
                next.map(|revision| vec![KeyValue::Int(revision)]),
            ))
        }
        .boxed()
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
