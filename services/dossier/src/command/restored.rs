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
    take new changes for those that were lost. Customers who were erased since the backup, as the \
    erasure journal says, are hidden at once and erased again. Without the journal's file \
    (erasure_journal_file) they would come back, so it is refused unless --without-journal says that \
    nobody was erased.")]
pub(crate) struct Restored {
    #[command(flatten)]
    flags: Flags,

    /// Go on without the erasure journal: nobody was erased since the backup
    #[arg(long)]
    without_journal: bool,
}

fn line(done: &dossier_runtime::Restored) -> String {
    let dossier_runtime::Restored {
        service,
        erased_count,
    } = done;
    match erased_count {
        0 => format!("{service}: a new history begins\n"),
        _ => format!(
            "{service}: a new history begins; {erased_count} customers who were erased are hidden, \
             and erased again once it serves\n"
        ),
    }
}

impl Restored {
    pub async fn run(self, output: &Output) -> Result<()> {
        let config = Config::load(&self.flags).map_err(Failure::Usage)?;
        let done = dossier_runtime::restored(&config, crate::recipes(), self.without_journal)
            .await
            .map_err(Failure::Local)?;
        let document = json!(
            done.iter()
                .map(|one| json!({
                    "service": one.service,
                    "erased_customer_count": one.erased_count,
                }))
                .collect::<Vec<_>>()
        );
        output.answer(&document, || done.iter().map(line).collect())
    }
}
