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
/// A process that is frozen accepts connections and says nothing.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

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

    /// Keep asking for so many seconds, at most a day
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(..=86_400)
    )]
    wait: u64,

    #[command(flatten)]
    connect: Connect,
}

impl Health {
    pub async fn run(self, output: &Output) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(self.wait);
        loop {
            let asked = tokio::time::timeout(ANSWER_TIMEOUT, self.ask()).await;
            let silent = |_| Err(self.connect.unreachable("it did not answer in time"));
            match asked.unwrap_or_else(silent) {
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_process_that_accepts_and_says_nothing_is_not_waited_for() {
        let frozen = tokio::net::TcpListener::bind("127.0.0.1:0");
        let frozen = frozen.await.expect("a port");
        let address = format!("http://{}", frozen.local_addr().expect("bound"));
        let health = Health {
            service: String::new(),
            wait: 0,
            connect: Connect {
                address,
                token: None,
                ca_file: None,
            },
        };
        let asking = tokio::spawn(async move { health.run(&Output::new(true)).await });
        let (mut accepted, _) = frozen.accept().await.expect("somebody asks");
        // The connection's first words (RFC 9113, section 3.4): from here on only answers are missing.
        let mut preface = [0; 24];
        accepted.read_exact(&mut preface).await.expect("reads");
        tokio::time::pause();
        let gives_up = tokio::time::timeout(Duration::from_secs(60), asking).await;
        let failure = gives_up.expect("gives up").expect("no panic");
        let failure = failure.expect_err("nobody answers");
        assert!(matches!(failure, Failure::Unreachable { .. }), "{failure}");
    }
}
