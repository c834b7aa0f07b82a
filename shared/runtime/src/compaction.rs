//! Drops what feeds have kept long enough.

use std::time::Duration;

use dossier_feed::Feed;
use dossier_kernel::Clock;
use tokio_util::sync::CancellationToken;

use crate::recipe::Job;

/// Retention is counted in days: a few minutes more do not matter.
const EVERY: Duration = Duration::from_secs(600);

/// Deletes events older than `keep`, at once and then every ten minutes. Of several processes on
/// one database the second finds nothing left to delete.
pub(crate) fn job(
    name: &'static str,
    feed: Feed,
    clock: Clock,
    keep: Duration,
    stop: CancellationToken,
) -> Job {
    Job::new(name, move || {
        let (feed, clock, stop) = (feed.clone(), clock.clone(), stop.clone());
        async move {
            while !stop.is_cancelled() {
                let deleted = feed.compact(clock.now().minus(keep)).await?;
                if deleted > 0 {
                    tracing::info!(job = name, events = deleted, "old events were deleted");
                }
                let _ = tokio::time::timeout(EVERY, stop.cancelled()).await;
            }
            Ok(())
        }
    })
}
