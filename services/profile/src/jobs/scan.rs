//! Looks for customers that are in the files twice, where somebody asked for it.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// How soon a scan begins.
const EVERY: Duration = Duration::from_secs(1);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.scan-duplicates", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                profile.scan_duplicates().await?;
                let _ = tokio::time::timeout(EVERY, profile.stop().cancelled()).await;
            }
            Ok(())
        }
    })
}
