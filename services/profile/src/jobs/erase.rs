//! Erases customers: those whose retention has ended, and those of whom somebody asked it.

use std::time::Duration;

use dossier_runtime::Job;

use crate::app::Profile;

/// How soon the next step of an erasure is taken.
const EVERY: Duration = Duration::from_secs(1);

pub fn job(profile: Profile) -> Job {
    Job::new("profile.erase", move || {
        let profile = profile.clone();
        async move {
            while !profile.stop().is_cancelled() {
                let erased = profile.erase_customers().await?;
                if erased > 0 {
                    tracing::info!(customers = erased, "customers were erased");
                }
                let _ = tokio::time::timeout(EVERY, profile.stop().cancelled()).await;
            }
            Ok(())
        }
    })
}
