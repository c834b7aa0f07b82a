//! A watcher that is cut at random and resumes from its last cursor, as its text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dossier_feed::testing::{Saw, Watched};
use dossier_feed::{Cursor, Item};
use dossier_kernel::TenantId;
use futures::StreamExt;

use crate::world::{Dice, World, body};

/// Keys are numbers; those of tenant `a` are even.
pub fn is_ours(key: &u64) -> bool {
    key.is_multiple_of(2)
}

pub struct Follower {
    world: Arc<World>,
    tenant: TenantId,
    /// Items between two cuts, at most; 0: it is never cut.
    stretch: u64,
    pub watched: Watched<u64>,
    pub cuts: u64,
}

impl Follower {
    pub fn new(world: Arc<World>, tenant: TenantId, stretch: u64) -> Self {
        Self {
            world,
            tenant,
            stretch,
            watched: Watched::default(),
            cuts: 0,
        }
    }

    /// Until it has caught up with the head as of when `done` was said.
    pub async fn follow(mut self, dice: Arc<Dice>, done: Arc<AtomicBool>) -> Self {
        let mut goal = None;
        loop {
            if goal.is_none() && done.load(Ordering::SeqCst) {
                goal = Some(self.world.feed.head().await.expect("reads"));
            }
            let reached = |cursor: &Cursor| goal.as_ref().is_some_and(|goal| cursor.covers(goal));
            if let Some(Saw::Heartbeat { cursor }) = self.watched.seen.last()
                && reached(cursor)
            {
                return self;
            }
            self.one_stream(&dice, &done, goal.is_some()).await;
        }
    }

    /// Reads until it is cut, or quiet after the end.
    pub async fn one_stream(&mut self, dice: &Dice, done: &AtomicBool, last: bool) {
        let after = self.watched.reopen();
        // Through its text, as a client would.
        let after = after.map(|cursor| Cursor::parse(&cursor.to_string()).expect("ours"));
        let mut stream = self.world.watch(self.tenant.clone(), after);
        let items = match self.stretch {
            0 => u64::MAX,
            stretch => dice.roll(stretch),
        };
        for _ in 0..items {
            // Some are cut while they read or wait, wherever that is.
            let item = if self.stretch > 0 && dice.roll(8) == 0 {
                let patience = Duration::from_micros(dice.roll(4_000));
                match tokio::time::timeout(patience, stream.next()).await {
                    Ok(item) => item,
                    Err(_) => break,
                }
            } else {
                stream.next().await
            };
            match item.expect("goes on").expect("goes on") {
                Item::Heartbeat { cursor } => {
                    self.watched.saw(Saw::Heartbeat { cursor });
                    if last || done.load(Ordering::SeqCst) {
                        break;
                    }
                }
                item => {
                    let key = body(&item).parse().expect("a number");
                    let cursor = item.cursor().clone();
                    self.watched.saw(Saw::Event { cursor, key });
                }
            }
        }
        self.cuts += 1;
    }
}
