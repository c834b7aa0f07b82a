//! `dossier health`.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::output::Output;

const RETRY_EVERY: Duration = Duration::from_millis(50);

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier health\n  \
    dossier health --address http://10.0.0.7:50050 --service dossier.profile.v1.CustomerService\n  \
    dossier health --wait 30        for scripts that have just started a suite\n\n\
    Exits with 0 when it is serving, 1 when it answers but is not, 69 when nobody answers.")]
pub(crate) struct Health {
    /// A gRPC service by its full name [default: the process as a whole]
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    service: String,

    /// Keep asking for so many seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        hide_default_value = true
    )]
    wait: u64,

    #[command(flatten)]
    connect: Connect,
}

impl Health {
    pub async fn run(self, output: &Output) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(self.wait);
        loop {
            match self.ask().await {
                Ok(()) => break,
                Err(failure @ Failure::Usage(_)) => return Err(failure),
                Err(failure) if Instant::now() >= until => return Err(failure),
                Err(_) => tokio::time::sleep(RETRY_EVERY).await,
            }
        }
        let document = json!({ "address": self.connect.address, "status": "SERVING" });
        output.answer(&document, || "serving".to_owned())
    }

    async fn ask(&self) -> Result<()> {
        let mut client = HealthClient::new(self.connect.wire().await?);
        let request = HealthCheckRequest {
            service: self.service.clone(),
        };
        let what = if self.service.is_empty() {
            &self.connect.address
        } else {
            &self.service
        };
        match client.check(request).await {
            Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => Ok(()),
            Ok(_) => Err(Failure::NotServing { what: what.clone() }),
            Err(status) if status.code() == Code::NotFound => {
                Err(Failure::NotServing { what: what.clone() })
            }
            Err(status) => Err(status.into()),
        }
    }
}
