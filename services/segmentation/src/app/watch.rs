//! Following who enters and leaves.

use dossier_feed::{Cursor, Feed, Item};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, Error, Result, TenantId, Violation};
use futures::stream::{self, BoxStream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::store::memberships::snapshot_page;
use crate::store::{Member, MembershipEvent};

/// Members read in one step of a snapshot.
const SNAPSHOT_PAGE: u64 = 1_000;

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

/// A piece of a snapshot.
enum Part {
    Members(Vec<Member>),
    /// That was all; the changes since come after the cursor.
    Whole(Cursor),
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
                let words = "must be false where all tenants are watched: a snapshot is of one";
                let violation = Violation::new("include_snapshot", words);
                return Err(Error::invalid(vec![violation]));
            }
            Start::Snapshot => return Ok(self.snapshot(ctx.tenant.clone(), only, stop)),
        };
        Ok(self.tail(ctx.tenant.clone(), after, only, stop))
    }

    /// The members, then the changes since.
    fn snapshot(
        &self,
        tenant: TenantId,
        only: Option<SegmentId>,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let of = tenant.clone();
        let parts = self.0.db.snapshot(&tenant, stop.clone(), move |tx, parts| {
            Box::pin(async move {
                let cursor = Feed::head_in(tx).await?;
                let mut after = None;
                loop {
                    let page = snapshot_page(tx, &of, only, after, SNAPSHOT_PAGE).await?;
                    after = page.last().copied();
                    if after.is_none() {
                        return parts.give(Part::Whole(cursor)).await;
                    }
                    parts.give(Part::Members(page)).await?;
                }
            })
        });
        let app = self.clone();
        let items = parts.flat_map(move |part| match part {
            Ok(Part::Members(page)) => {
                stream::iter(page.into_iter().map(|member| Ok(Watched::Member(member)))).boxed()
            }
            Ok(Part::Whole(cursor)) => {
                let tail = app.tail(tenant.clone(), cursor.clone(), only, stop.clone());
                let caught_up = stream::iter([Ok(Watched::Heartbeat { cursor })]);
                caught_up.chain(tail).boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        items.boxed()
    }

    fn tail(
        &self,
        tenant: TenantId,
        after: Cursor,
        only: Option<SegmentId>,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let items = self.0.feed.watch(tenant, Some(after), stop);
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
