//! Following changes: from a cursor, from now on, or from everything there is.

use dossier_feed::{Cursor, Item};
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Result, TenantId, Timestamp};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::Profile;
use crate::domain::Outline;
use crate::store::{self, ChangeBody, SealedCustomer};

/// One message of a watch.
#[derive(Debug)]
pub enum Watched {
    /// A customer as it is; carries no cursor, because an unfinished snapshot begins anew.
    Snapshot { tenant: String, customer: Outline },
    Change {
        cursor: String,
        tenant: TenantId,
        time: Timestamp,
        body: ChangeBody,
    },
    /// Nothing happened up to the cursor.
    Heartbeat { cursor: String },
    /// The stream ends on purpose; the cursor resumes it.
    End { cursor: String },
}

const PAGE: u64 = 500;

impl Profile {
    /// `cursor` empty: from now on, or with `include_snapshot` from everything there is. The tenant
    /// of `ctx` may be all tenants.
    pub async fn watch_customers(
        &self,
        ctx: &Ctx,
        cursor: &str,
        include_snapshot: bool,
        stop: CancellationToken,
    ) -> Result<BoxStream<'static, Result<Watched>>> {
        if !cursor.is_empty() {
            return Ok(self.tail(ctx, Cursor::parse(cursor)?, stop));
        }
        // Read before the snapshot: what changes meanwhile comes again as a change.
        let head = self.0.feed.head().await?;
        // Its first item, a heartbeat when nothing changed, says where the watch stands.
        let tail = self.tail(ctx, head, stop.clone());
        if include_snapshot {
            return Ok(self.snapshot(ctx.clone(), stop).chain(tail).boxed());
        }
        Ok(tail)
    }

    fn tail(
        &self,
        ctx: &Ctx,
        after: Cursor,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let items = self.0.feed.watch(ctx.tenant.clone(), Some(after), stop);
        let (profile, ctx) = (self.clone(), ctx.clone());
        items
            .map(move |item| profile.unless_unseen(&ctx, watched(item?)?))
            .boxed()
    }

    /// What happens to customers that the caller may not see only moves the cursor.
    fn unless_unseen(&self, ctx: &Ctx, watched: Watched) -> Result<Watched> {
        match watched {
            Watched::Change {
                cursor,
                tenant,
                body,
                ..
            } if !self.may_follow(ctx, tenant.as_str(), &body.customer)? => {
                Ok(Watched::Heartbeat { cursor })
            }
            other => Ok(other),
        }
    }

    fn snapshot(&self, ctx: Ctx, stop: CancellationToken) -> BoxStream<'static, Result<Watched>> {
        let profile = self.clone();
        let tenant = ctx.tenant.clone();
        let pages = stream::try_unfold(Some(None), move |place: Place| {
            let (profile, tenant, stop) = (profile.clone(), tenant.clone(), stop.clone());
            async move {
                let Some(after) = place else { return Ok(None) };
                if stop.is_cancelled() {
                    return Err(Failure::unavailable(
                        "The snapshot was cut off; begin it again.",
                    ));
                }
                let rows = profile.page(&tenant, &after).await?;
                let next = rows
                    .last()
                    .map(|row| (row.tenant_id.clone(), CustomerId(row.id)));
                // An empty page is the last one.
                Ok::<_, Failure>(Some((rows, next.map(Some))))
            }
        });
        let rows = pages
            .map_ok(|rows| stream::iter(rows).map(Ok))
            .try_flatten();
        let profile = self.clone();
        rows.try_filter_map(move |row| {
            let seen = profile.sight(&ctx, row.facts());
            async move {
                if seen?.is_none() {
                    return Ok(None);
                }
                let tenant = row.tenant_id.clone();
                let customer = row.outline()?;
                Ok(Some(Watched::Snapshot { tenant, customer }))
            }
        })
        .boxed()
    }

    async fn page(&self, tenant: &TenantId, after: &At) -> Result<Vec<SealedCustomer>> {
        let after = after
            .as_ref()
            .map(|(tenant, id)| (tenant.as_str(), id.uuid()));
        store::snapshot::page(&self.0.db.reader_of(tenant), tenant, after, PAGE).await
    }
}

/// After which row the next page begins.
type At = Option<(String, CustomerId)>;
/// `None` when there are no more pages.
type Place = Option<At>;

fn watched(item: Item) -> Result<Watched> {
    Ok(match item {
        Item::Event {
            cursor,
            tenant,
            subject: _,
            time,
            body,
        } => Watched::Change {
            cursor: cursor.to_string(),
            tenant,
            time,
            body: ChangeBody::from_bytes(&body)?,
        },
        Item::Heartbeat { cursor } => Watched::Heartbeat {
            cursor: cursor.to_string(),
        },
        Item::End { cursor } => Watched::End {
            cursor: cursor.to_string(),
        },
    })
}
