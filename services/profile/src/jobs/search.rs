//! Lets customers be found that are older than the search.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// Only a migration puts customers aside.
const EVERY: Duration = Duration::from_secs(3_600);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.search", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                let found = profile.work_off_search_backlog().await?;
                if found > 0 {
                    tracing::info!(customers = found, "older customers are found by name");
                }
                let _ = tokio::time::timeout(EVERY, profile.stop().cancelled()).await;
            }
            Ok(())
        }
    })
}
