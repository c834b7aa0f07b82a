//! Has deleted customers erased whose retention has ended.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// Retention is counted in days: a few minutes more do not matter.
const EVERY: Duration = Duration::from_secs(300);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.purge", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                let purged = profile.purge_customers().await?;
                if purged > 0 {
                    tracing::info!(customers = purged, "the retention of customers has ended");
                }
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    () = profile.stop().cancelled() => {}
                }
            }
            Ok(())
        }
    })
}
