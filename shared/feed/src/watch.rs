//! The stream behind every `Watch*` RPC.

use std::collections::VecDeque;
use std::time::Duration;

use dossier_db::failpoint;
use dossier_kernel::{Result, TenantId, Timestamp};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::feed::Feed;
use crate::read::{self, EVENTS_MAX};
use crate::{Cursor, Options};

/// What a watcher receives. Each carries the cursor to resume from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Event {
        cursor: Cursor,
        tenant: TenantId,
        subject: Uuid,
        time: Timestamp,
        body: Vec<u8>,
    },
    /// Everything up to the cursor was seen. Comes once the watcher has caught up, and then
    /// whenever nothing else came for a while.
    Heartbeat { cursor: Cursor },
    /// The last item: the service is stopping. Reconnect with the cursor.
    End { cursor: Cursor },
}

impl Item {
    pub fn cursor(&self) -> &Cursor {
        match self {
            Self::Event { cursor, .. } | Self::Heartbeat { cursor } | Self::End { cursor } => {
                cursor
            }
        }
    }
}

/// The stream ends after an error or [`Item::End`]. It reads only when it is polled: a reader that
/// stops slows nobody.
pub(crate) fn watch(
    feed: &Feed,
    tenant: TenantId,
    after: Option<Cursor>,
    stop: CancellationToken,
) -> BoxStream<'static, Result<Item>> {
    let state = Watch {
        signal: feed.db().committed(),
        feed: feed.clone(),
        tenant,
        stop,
        at: after.map_or(At::Beginning, At::Unchecked),
        ready: VecDeque::new(),
        caught_up: false,
        ended: false,
        pause: feed.options().poll_min,
        last_item: Instant::now(),
    };
    stream::unfold(state, |mut state| async move {
        let item = state.next().await?;
        Some((item, state))
    })
    .boxed()
}

struct Watch {
    feed: Feed,
    tenant: TenantId,
    stop: CancellationToken,
    /// Says that something was committed in this process.
    signal: watch::Receiver<u64>,
    at: At,
    ready: VecDeque<Item>,
    /// The heartbeat that says so was sent.
    caught_up: bool,
    ended: bool,
    /// How long to wait before looking again for what other processes wrote.
    pause: Duration,
    last_item: Instant,
}

enum At {
    /// At the oldest event kept.
    Beginning,
    /// At a cursor of the client's, which may be of another history.
    Unchecked(Cursor),
    Here(Cursor),
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Item>> {
        if self.ended {
            return None;
        }
        let item = self.find().await;
        self.ended = !matches!(item, Ok(Item::Event { .. } | Item::Heartbeat { .. }));
        self.last_item = Instant::now();
        Some(item)
    }

    async fn find(&mut self) -> Result<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            // Before the read: a commit after it must wake us.
            self.signal.mark_unchanged();
            let cursor = self.position().await?;
            if self.stop.is_cancelled() {
                return Ok(Item::End { cursor });
            }
            let Options {
                heartbeat,
                poll_min,
                poll_max,
            } = *self.feed.options();
            let cursor = self.read(cursor).await?;
            if !self.ready.is_empty() {
                self.pause = poll_min;
                continue;
            }
            if !self.caught_up || self.last_item.elapsed() >= heartbeat {
                self.caught_up = true;
                return Ok(Item::Heartbeat { cursor });
            }
            let wake = (Instant::now() + self.pause).min(self.last_item + heartbeat);
            self.pause = (self.pause * 2).min(poll_max);
            tokio::select! {
                () = self.stop.cancelled() => {}
                _ = self.signal.changed() => self.pause = poll_min,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    async fn position(&mut self) -> Result<Cursor> {
        let cursor = match &self.at {
            At::Here(cursor) => return Ok(cursor.clone()),
            At::Beginning => read::cursor_at_floor(
                &read::heads(&self.feed.db().reader_of(&TenantId::all())).await?,
            ),
            At::Unchecked(cursor) => {
                read::check(
                    cursor,
                    &read::heads(&self.feed.db().reader_of(&TenantId::all())).await?,
                )?;
                cursor.clone()
            }
        };
        self.at = At::Here(cursor.clone());
        Ok(cursor)
    }

    /// Fills `ready` from every shard that moved; returns where the last of it lies.
    async fn read(&mut self, mut cursor: Cursor) -> Result<Cursor> {
        let db = self.feed.db().clone();
        let moved: Vec<i16> = match self.feed.shards() {
            1 => vec![0],
            _ => {
                let heads = read::heads(&db.reader_of(&TenantId::all())).await?;
                read::check(&cursor, &heads)?;
                let moved = heads
                    .iter()
                    .filter(|head| head.seq > cursor.seq(head.shard));
                moved.map(|head| head.shard).collect()
            }
        };
        for shard in moved {
            let (head, events) = read::events(&db, &self.tenant, shard, cursor.seq(shard)).await?;
            if head.epoch != cursor.epoch()
                || head.floor > cursor.seq(shard)
                || head.seq < cursor.seq(shard)
            {
                // Fails and names the floor of all shards.
                read::check(
                    &cursor,
                    &read::heads(&db.reader_of(&TenantId::all())).await?,
                )?;
            }
            let all = events.len() < EVENTS_MAX;
            for event in events {
                cursor.set(shard, event.seq);
                if failpoint::planted("feed::forget_event") {
                    continue;
                }
                self.ready.push_back(Item::Event {
                    cursor: cursor.clone(),
                    tenant: event.tenant,
                    subject: event.subject,
                    time: event.time,
                    body: event.body,
                });
            }
            if all {
                cursor.set(shard, head.seq);
            }
        }
        self.at = At::Here(cursor.clone());
        Ok(cursor)
    }
}
