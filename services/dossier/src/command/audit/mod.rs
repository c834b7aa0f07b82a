//! `dossier audit`.

mod list;
mod online;
mod verify;

use clap::Subcommand;

use crate::failure::Result;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Show who did what
    List(list::List),
    /// Find out whether anybody changed the log
    Verify(verify::Verify),
}

impl Audit {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::List(list) => list.run(output).await,
            Self::Verify(verify) => verify.run(output).await,
        }
    }
}
