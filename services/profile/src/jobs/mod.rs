//! Work nobody asked for, idempotent and begun again when it fails.

mod erase;
mod merge;
mod purge;
mod scan;
mod search;
mod undo_imports;

use dossier_runtime::Job;

use crate::app::Profile;

pub fn jobs(profile: &Profile) -> Vec<Job> {
    vec![
        purge::job(profile.clone()),
        erase::job(profile.clone()),
        undo_imports::job(profile.clone()),
        scan::job(profile.clone()),
        search::job(profile.clone()),
        merge::job(profile.clone()),
    ]
}
