//! `dossier migrate`.

use clap::Args;
use dossier_runtime::{Config, Flags};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier migrate --data-dir /var/lib/dossier\n  \
    DOSSIER_DATABASE_URL=postgres://dossier@db/dossier dossier migrate\n\n\
    Safe to run by several processes at once and again: one of them works, the others find nothing \
    left to do. Needed before a newer version serves from PostgreSQL; SQLite files are brought up \
    to date by `dossier serve` itself.")]
pub(crate) struct Migrate {
    #[command(flatten)]
    flags: Flags,
}

impl Migrate {
    pub async fn run(self, output: &Output) -> Result<()> {
        let config = Config::load(&self.flags).map_err(Failure::Usage)?;
        let done = dossier_runtime::migrate(&config, crate::recipes())
            .await
            .map_err(Failure::Local)?;
        let document = json!(
            done.iter()
                .map(|(name, applied)| { json!({ "service": name, "applied_count": applied }) })
                .collect::<Vec<_>>()
        );
        output.answer(&document, || {
            let line = |(name, applied): &(&str, u32)| match applied {
                0 => format!("{name}: nothing to do\n"),
                n => format!("{name}: {n} applied\n"),
            };
            done.iter().map(line).collect()
        })
    }
}
