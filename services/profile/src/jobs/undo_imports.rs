//! Takes back what imports did, of those that are to be undone.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// How soon an import that is to be undone is looked at.
const EVERY: Duration = Duration::from_secs(1);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.undo-imports", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                let undone = profile.undo_imports().await?;
                if undone > 0 {
                    tracing::info!(changes = undone, "changes of imports were taken back");
                }
                let _ = tokio::time::timeout(EVERY, profile.stop().cancelled()).await;
            }
            Ok(())
        }
    })
}
