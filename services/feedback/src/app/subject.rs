//! Everything of one customer, page by page, and how long a customer that was asked for is believed
//! to be there.

use std::time::Duration;

use dossier_db::speaker;
use dossier_kernel::id::{InvitationId, ResponseId};
use dossier_kernel::{Ctx, CustomerId, Result};

use super::App;
use crate::domain::{Invitation, Response};
use crate::store::{Invitations, Responses};

const PAGE: u64 = 500;

/// How long after profile said who a customer is something may still be written: less than the
/// minute that who erases a customer waits before erasing again.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

impl App {
    /// The responses of the customer, and of who is one with it, after the one given; none at the end.
    pub async fn responses_of(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        after: Option<ResponseId>,
    ) -> Result<Vec<Response>> {
        let (reader, tenant) = (&self.db.reader_of(&ctx.tenant), &ctx.tenant);
        let all = speaker::together(reader, tenant, customer).await?;
        let rows = Responses::of_customers(reader, tenant, &all, after, PAGE).await?;
        let sight = self.sight(ctx)?;
        let responses = Responses::open(&self.vault, &self.db, tenant, rows, sight).await?;
        self.saw_responses(ctx, &responses).await?;
        Ok(responses)
    }

    /// The invitations of the customer, and of who is one with it, after the one given; none at the end.
    pub async fn invitations_of(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        after: Option<InvitationId>,
    ) -> Result<Vec<Invitation>> {
        let (reader, tenant) = (&self.db.reader_of(&ctx.tenant), &ctx.tenant);
        let all = speaker::together(reader, tenant, customer).await?;
        Invitations::of_customers(reader, tenant, &all, after, PAGE).await
    }
}

/// The context in which what was just asked about is written.
pub(super) fn soon(ctx: &Ctx) -> Ctx {
    ctx.clone().with_timeout(WRITTEN_WITHIN)
}
