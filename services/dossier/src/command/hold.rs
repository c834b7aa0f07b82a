//! `dossier hold`.

use clap::{Args, Subcommand};
use dossier_proto::profile::v1::privacy_request_service_client::PrivacyRequestServiceClient;
use dossier_proto::profile::v1::{
    GetLegalHoldRequest, LegalHold, ReleaseLegalHoldRequest, SetLegalHoldRequest,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::Result;
use crate::format::time;
use crate::json;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Hold {
    /// Keep a customer from being erased
    Set(Set),
    /// Show why a customer is kept
    Show(Show),
    /// Let a customer be erased again
    Lift(Lift),
}

impl Hold {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Set(set) => set.run(output).await,
            Self::Show(show) => show.run(output).await,
            Self::Lift(lift) => lift.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier hold set customers/0199… --reason 'case 4711'")]
pub(crate) struct Set {
    /// `customers/{customer}`
    customer: String,

    /// Why; no personal data
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    connect: Connect,
}

impl Set {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let request = SetLegalHoldRequest {
            customer: self.customer,
            reason: self.reason,
            request_id: Uuid::now_v7().to_string(),
        };
        let hold = client.set_legal_hold(request).await?.into_inner();
        answer(output, &hold, "kept")
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier hold show customers/0199…")]
pub(crate) struct Show {
    /// `customers/{customer}`
    customer: String,

    #[command(flatten)]
    connect: Connect,
}

impl Show {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let request = GetLegalHoldRequest {
            customer: self.customer,
        };
        let hold = client.get_legal_hold(request).await?.into_inner();
        answer(output, &hold, "kept")
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier hold lift customers/0199…")]
pub(crate) struct Lift {
    /// `customers/{customer}`
    customer: String,

    #[command(flatten)]
    connect: Connect,
}

impl Lift {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let request = ReleaseLegalHoldRequest {
            customer: self.customer,
            request_id: Uuid::now_v7().to_string(),
        };
        let hold = client.release_legal_hold(request).await?.into_inner();
        answer(output, &hold, "not kept any more")
    }
}

fn answer(output: &Output, hold: &LegalHold, what: &str) -> Result<()> {
    let document = json::of("dossier.profile.v1.LegalHold", hold);
    output.answer(&document, || {
        let since = time(hold.create_time.as_ref());
        format!("{}: {what} (since {since}: {})", hold.customer, hold.reason)
    })
}
