//! Tells the other services which customers are one.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// How soon they are told.
const EVERY: Duration = Duration::from_secs(1);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.merge", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                let told = profile.tell_merges().await?;
                if told > 0 {
                    tracing::info!(merges = told, "the other services know of merges");
                }
                let _ = tokio::time::timeout(EVERY, profile.stop().cancelled()).await;
            }
            Ok(())
        }
    })
}
