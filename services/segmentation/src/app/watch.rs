//! Following who enters and leaves.

use std::time::Duration;

use dossier_feed::{Cursor, Item};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, Error, Reason, Result, TenantId};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::store::{Member, MembershipEvent, Snapshot};

/// Members read in one step of a snapshot.
const SNAPSHOT_PAGE: u64 = 1_000;
/// A snapshot holds a transaction open, which keeps the database from cleaning up behind it.
const SNAPSHOT_MAX: Duration = Duration::from_secs(600);

/// Where a follower begins.
#[derive(Debug)]
pub enum Start {
    Now,
    /// With every member, then the changes since: exactly those that the members do not show.
    Snapshot,
    After(Cursor),
}

/// One message to a follower.
#[derive(Debug)]
pub enum Watched {
    Member(Member),
    Event {
        cursor: Cursor,
        tenant: TenantId,
        event: MembershipEvent,
    },
    Heartbeat {
        cursor: Cursor,
    },
    /// The service is stopping.
    End {
        cursor: Cursor,
    },
}

impl App {
    /// Ends after an error or [`Watched::End`]. `only` leaves out other segments.
    pub async fn watch_memberships(
        &self,
        ctx: &Ctx,
        start: Start,
        only: Option<SegmentId>,
        stop: CancellationToken,
    ) -> Result<BoxStream<'static, Result<Watched>>> {
        let after = match start {
            Start::After(cursor) => cursor,
            Start::Now => self.0.feed.head().await?,
            Start::Snapshot if ctx.tenant.is_all() => {
                return Err(Error::new(
                    Reason::InvalidArgument,
                    "A snapshot is of one tenant; watch all tenants without include_snapshot.",
                ));
            }
            Start::Snapshot => {
                let snapshot = Snapshot::begin(&self.0.db, &ctx.tenant).await?;
                let cursor = snapshot.cursor().clone();
                let members = members(snapshot, ctx.tenant.clone(), only, stop.clone());
                let caught_up = Watched::Heartbeat {
                    cursor: cursor.clone(),
                };
                let caught_up = stream::once(async { Ok(caught_up) });
                let tail = self.tail(ctx, cursor, only, stop);
                return Ok(members.chain(caught_up).chain(tail).boxed());
            }
        };
        Ok(self.tail(ctx, after, only, stop))
    }

    fn tail(
        &self,
        ctx: &Ctx,
        after: Cursor,
        only: Option<SegmentId>,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let items = self.0.feed.watch(ctx.tenant.clone(), Some(after), stop);
        let read = move |item: Result<Item>| {
            Ok(match item? {
                Item::Event {
                    cursor,
                    tenant,
                    subject: _,
                    time: _,
                    body,
                } => {
                    let event = MembershipEvent::read(&body)?;
                    if only.is_some_and(|segment| segment != event.segment) {
                        return Ok(None);
                    }
                    Some(Watched::Event {
                        cursor,
                        tenant,
                        event,
                    })
                }
                Item::Heartbeat { cursor } => Some(Watched::Heartbeat { cursor }),
                Item::End { cursor } => Some(Watched::End { cursor }),
            })
        };
        items
            .filter_map(move |item| std::future::ready(read(item).transpose()))
            .boxed()
    }
}

/// Page by page, so that a slow reader holds one page in memory.
fn members(
    snapshot: Snapshot,
    tenant: TenantId,
    only: Option<SegmentId>,
    stop: CancellationToken,
) -> impl futures::Stream<Item = Result<Watched>> + Send + 'static {
    let until = Instant::now() + SNAPSHOT_MAX;
    let state = (snapshot, tenant, None::<Member>);
    let pages = stream::try_unfold(state, move |(snapshot, tenant, after)| {
        let stop = stop.clone();
        async move {
            if stop.is_cancelled() || Instant::now() > until {
                return Err(Error::unavailable(
                    "The snapshot was cut off; begin it again.",
                ));
            }
            let page = snapshot.page(&tenant, only, after, SNAPSHOT_PAGE).await?;
            let Some(last) = page.last().copied() else {
                return Ok(None);
            };
            let page = stream::iter(page.into_iter().map(|member| Ok(Watched::Member(member))));
            Ok(Some((page, (snapshot, tenant, Some(last)))))
        }
    });
    futures::TryStreamExt::try_flatten(pages)
}
