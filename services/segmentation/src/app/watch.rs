//! Following who enters and leaves.

use std::time::Duration;

use dossier_feed::{Cursor, Item};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, Error, Result, TenantId, Violation};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::store::{Member, MembershipEvent, Snapshot};

/// Members read in one step of a snapshot.
const SNAPSHOT_PAGE: u64 = 1_000;
/// A snapshot holds a transaction open, which keeps the database from cleaning up behind it.
const SNAPSHOT_MAX: Duration = Duration::from_secs(600);
/// How long a page waits for a follower to take the one before it.
const STALLED_MAX: Duration = Duration::from_secs(30);
/// Snapshots read at the same time: each takes one of the few connections away from everybody.
pub const SNAPSHOTS_MAX: usize = 2;

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

    /// The members, then the changes since. A task of its own reads ahead of the follower, so that
    /// one who stops reading holds a page in memory and no connection.
    fn snapshot(
        &self,
        tenant: TenantId,
        only: Option<SegmentId>,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Watched>> {
        let (parts, received) = mpsc::channel(1);
        let (app, of, stopped) = (self.clone(), tenant.clone(), stop.clone());
        tokio::spawn(async move {
            let told = tokio::select! {
                told = app.tell_members(&parts, &of, only) => told,
                () = stopped.cancelled() => Err(cut_off()),
                () = parts.closed() => return,
            };
            if let Err(error) = told {
                // Whoever does not listen any more need not hear it.
                let _ = parts.send(Err(error)).await;
            }
        });
        let app = self.clone();
        let parts = stream::unfold(received, |mut received| async move {
            Some((received.recv().await?, received))
        });
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

    /// Waits for its turn, then hands on page by page.
    async fn tell_members(
        &self,
        parts: &mpsc::Sender<Result<Part>>,
        tenant: &TenantId,
        only: Option<SegmentId>,
    ) -> Result<()> {
        let _turn = self.0.snapshots.acquire().await.map_err(Error::internal)?;
        let until = Instant::now() + SNAPSHOT_MAX;
        let snapshot = Snapshot::begin(&self.0.db, tenant).await?;
        let mut after = None;
        loop {
            let page = snapshot.page(tenant, only, after, SNAPSHOT_PAGE).await?;
            after = page.last().copied();
            let part = match after {
                Some(_) => Part::Members(page),
                None => Part::Whole(snapshot.cursor().clone()),
            };
            let patience = until.min(Instant::now() + STALLED_MAX);
            let sent = tokio::time::timeout_at(patience, parts.send(Ok(part))).await;
            if sent.map_err(|_| cut_off())?.is_err() || after.is_none() {
                return Ok(());
            }
        }
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

fn cut_off() -> Error {
    Error::unavailable("The snapshot was cut off; begin it again.")
}
