//! `dossier serve`.

use clap::Args;
use dossier_runtime::{Config, Flags};

use crate::failure::{Failure, Result};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier serve\n  \
    dossier serve --listen 127.0.0.1:6000 --data-dir /var/lib/dossier\n  \
    dossier serve --only segmentation --database-url postgres://dossier@db/dossier\n\n\
    SIGTERM or SIGINT stops it: calls in flight finish, streams end with a cursor to resume from, \
    and the process is gone within 25 s.")]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub async fn run(self) -> Result<()> {
        let config = Config::load(&self.flags).map_err(Failure::Usage)?;
        let telemetry = dossier_runtime::telemetry(&config, "dossier").map_err(Failure::Local)?;
        let served = dossier_runtime::serve(config, crate::recipes()).await;
        telemetry.finish().await;
        served.map_err(Failure::Local)
    }
}
