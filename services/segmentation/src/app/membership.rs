//! Who is a member of what.

use dossier_kernel::id::SegmentId;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, Timestamp};

use super::App;
use crate::domain::Standing;
use crate::error::Error;
use crate::store::{Member, customers, memberships, segments};

/// A page with the token of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub members: Vec<Member>,
    pub next: String,
}

/// Since when a customer is a member of a segment; `None` when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub segment: SegmentId,
    pub enter_time: Option<Timestamp>,
}

impl App {
    /// By customer.
    pub async fn list_members(
        &self,
        ctx: &Ctx,
        segment: SegmentId,
        size: PageSize,
        token: &str,
    ) -> Result<Page> {
        let conn = &self.0.db.reader_of(&ctx.tenant);
        if segments::get(conn, &ctx.tenant, segment).await?.is_none() {
            return Err(Error::NoSegment(segment).into());
        }
        let name = segment.to_name();
        let query = [ctx.tenant.as_str(), "members", name.as_str()];
        let token = PageToken::decode(token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let page = memberships::page(conn, &ctx.tenant, segment, after, size.get()).await?;
        Ok(paged(page, &query, |member| member.customer.uuid()))
    }

    /// All of one moment: one query answers for all segments. A segment that does not exist has no
    /// members.
    pub async fn check_membership(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        asked: &[SegmentId],
    ) -> Result<Vec<Check>> {
        let conn = &self.0.db.reader_of(&ctx.tenant);
        let customer = self.speaker(ctx, customer).await?;
        self.check_customer(ctx, customer).await?;
        let found = memberships::check(conn, &ctx.tenant, customer, asked).await?;
        let check = |segment: &SegmentId| Check {
            segment: *segment,
            enter_time: found.get(segment).copied(),
        };
        Ok(asked.iter().map(check).collect())
    }

    /// By segment.
    pub async fn list_customer_segments(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        size: PageSize,
        token: &str,
    ) -> Result<Page> {
        let name = customer.to_name();
        let query = [ctx.tenant.as_str(), "segments of", name.as_str()];
        let token = PageToken::decode(token, &query)?;
        let customer = self.speaker(ctx, customer).await?;
        self.check_customer(ctx, customer).await?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let conn = &self.0.db.reader_of(&ctx.tenant);
        let page =
            memberships::page_of_customer(conn, &ctx.tenant, customer, after, size.get()).await?;
        Ok(paged(page, &query, |member| member.segment.uuid()))
    }

    async fn check_customer(&self, ctx: &Ctx, customer: CustomerId) -> Result<()> {
        let known =
            customers::get(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, customer).await?;
        match known.map(|known| known.standing) {
            Some(Standing::Live | Standing::Deleted) => Ok(()),
            Some(Standing::Unknown | Standing::Erased | Standing::Purged) | None => {
                Err(Error::NoCustomer(customer).into())
            }
        }
    }
}

fn paged(
    (members, more): (Vec<Member>, bool),
    query: &[&str],
    key: fn(&Member) -> uuid::Uuid,
) -> Page {
    let next = match members.last() {
        Some(last) if more => PageToken::new(query, vec![KeyValue::Uuid(key(last))]).encode(),
        _ => String::new(),
    };
    Page { members, next }
}
