//! `dossier demo`: the suite at work on real purchases.

mod cdnow;
mod load;
mod segments;
mod story;
mod survey;

use std::net::SocketAddr;

use clap::Args;
use dossier_runtime::{Config, LogLevel, Running};

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::output::Output;
use story::Story;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier demo --once\n  \
    dossier demo --once --json | jq .value_matrix\n  \
    dossier demo                 then, elsewhere: dossier customer list --limit 5\n\n\
    Starts a suite in a temporary directory, loads the CDNOW purchases (Fader, Hardie & Lee 2005) \
    through the public gRPC streams and prints what the services make of them. Nothing is kept.")]
pub(crate) struct Demo {
    /// Stop after the report instead of serving on
    #[arg(long)]
    once: bool,

    /// Where to serve [default: 127.0.0.1:50050, with --once any free port]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
}

impl Demo {
    pub async fn run(self, output: &Output) -> Result<()> {
        let directory = tempfile::Builder::new()
            .prefix("dossier-demo-")
            .tempdir()
            .map_err(|error| Failure::io("the temporary directory", error))?;
        let mut config = Config::embedded(directory.path()).map_err(Failure::Usage)?;
        config.log_level = LogLevel::Warn;
        match self.listen {
            Some(listen) => config.listen = listen,
            None if self.once => {}
            None => config.listen = SocketAddr::from(([127, 0, 0, 1], 50_050)),
        }
        let telemetry = dossier_runtime::telemetry(&config, "dossier").map_err(Failure::Local)?;
        let running = dossier_runtime::start(config, crate::recipes())
            .await
            .map_err(Failure::Local)?;
        let told = self.tell(output, &running).await;
        running.stop().await;
        telemetry.finish().await;
        told
    }

    async fn tell(&self, output: &Output, running: &Running) -> Result<()> {
        let address = format!("http://{}", running.addr());
        let wire = Connect {
            address: address.clone(),
            token: None,
            ca_file: None,
        }
        .wire()
        .await?;
        let story = Story::live(&wire, output).await?;
        output.answer(&story.to_json(), || story.to_text())?;
        if self.once {
            return Ok(());
        }
        output.say(&format!(
            "\nThe suite keeps serving on {address} without a token; Ctrl-C ends it and deletes its \
             data. Try elsewhere:\n  \
             dossier customer get --external-id cdnow:{} --timeline 5 --address {address}\n  \
             dossier segment preview 'count(purchase) >= 5' --address {address}\n  \
             dossier report --address {address}",
            story::PORTRAIT
        ));
        dossier_runtime::stop_signal().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
