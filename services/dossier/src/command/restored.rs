//! `dossier restored`.

use clap::Args;
use dossier_runtime::{Config, Flags};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier restored --data-dir /var/lib/dossier\n  \
    DOSSIER_DATABASE_URL=postgres://dossier@db/dossier dossier restored --only profile\n\n\
    Run once after putting a backup back and before serving: whoever followed the feeds beyond the \
    backup is told so (EPOCH_CHANGED) and begins again with the snapshot. Without it they could \
    take new changes for those that were lost.")]
pub(crate) struct Restored {
    #[command(flatten)]
    flags: Flags,
}

impl Restored {
    pub async fn run(self, output: &Output) -> Result<()> {
        let config = Config::load(&self.flags).map_err(Failure::Usage)?;
        let done = dossier_runtime::restored(&config, crate::recipes())
            .await
            .map_err(Failure::Local)?;
        let document = json!(
            done.iter()
                .map(|name| json!({ "service": name }))
                .collect::<Vec<_>>()
        );
        output.answer(&document, || {
            let line = |name: &&str| format!("{name}: a new history begins\n");
            done.iter().map(line).collect()
        })
    }
}
