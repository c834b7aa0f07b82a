//! How far the feeds were followed.

use std::collections::BTreeMap;
use std::time::Duration;

use dossier_feed::{Consumer, Cursor};
use dossier_kernel::{Ctx, Error, Result, TenantId, Timestamp, Violation};

use super::App;
use crate::store::{across, segments};

/// How often a wait looks whether backfills are done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How far one feed was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedProgress {
    pub feed: &'static str,
    /// Empty before the first, and while a snapshot is being read.
    pub cursor: String,
    pub update_time: Option<Timestamp>,
    /// Empty when all is well.
    pub last_error: String,
}

impl App {
    pub async fn get_progress(&self) -> Result<Vec<FeedProgress>> {
        let mut feeds = Vec::new();
        for (feed, consumer) in self.feeds() {
            let progress = consumer.progress().borrow().clone();
            let cursor = progress
                .cursor
                .filter(|cursor| Cursor::parse(cursor).is_ok());
            feeds.push(FeedProgress {
                feed,
                cursor: cursor.unwrap_or_default(),
                update_time: consumer.moved_time().await?,
                last_error: progress.last_error.unwrap_or_default(),
            });
        }
        Ok(feeds)
    }

    /// Waits until everything up to the cursors has its effect and no segment of the tenant is
    /// backfilling, at most until the deadline.
    pub async fn await_progress(
        &self,
        ctx: &Ctx,
        cursors: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut waits = Vec::new();
        let mut violations = Vec::new();
        for (feed, cursor) in cursors {
            let consumer = self.feeds().into_iter().find(|(name, _)| name == feed);
            match (consumer, Cursor::parse(cursor)) {
                // What is no feed may be anything, so it is not repeated; once says it.
                (None, _) => {
                    let words = "may name the feeds profile, interaction and feedback";
                    violations.push(Violation::new("cursors", words));
                }
                // Nothing was changed, so there is nothing to wait for.
                (Some(_), _) if cursor.is_empty() => {}
                (Some((feed, _)), Err(_)) => {
                    let words = "is not a cursor of that feed; pass the one received unchanged";
                    violations.push(Violation::new(format!("cursors[\"{feed}\"]"), words));
                }
                (Some((_, consumer)), Ok(cursor)) => waits.push((consumer, cursor)),
            }
        }
        violations.dedup();
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        for (consumer, cursor) in waits {
            consumer.wait_for(ctx, &cursor).await?;
        }
        while self.is_behind(ctx).await? {
            ctx.check_deadline()?;
            let pause = ctx
                .remaining()
                .map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Whether memberships of the tenant are behind what was learnt: a segment is being filled, or
    /// the facts of a feed are being read anew, after which all segments are.
    async fn is_behind(&self, ctx: &Ctx) -> Result<bool> {
        let everybody = self.0.db.reader_of(&TenantId::all());
        Ok(across::is_rereading(&everybody).await?
            || segments::is_backfilling(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant).await?)
    }

    fn feeds(&self) -> [(&'static str, &Consumer); 3] {
        let followers = self.followers();
        [
            ("profile", &followers.profile),
            ("interaction", &followers.interaction),
            ("feedback", &followers.feedback),
        ]
    }
}
