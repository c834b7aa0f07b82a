//! `dossier privacy`.

use clap::{Args, Subcommand, ValueEnum};
use dossier_proto::profile::v1::privacy_request_service_client::PrivacyRequestServiceClient;
use dossier_proto::profile::v1::{
    CreatePrivacyRequestRequest, GetErasureCertificateRequest, GetPrivacyRequestRequest,
    ListPrivacyRequestsRequest, PrivacyRequest, PrivacyRequestType,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::Result;
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Privacy {
    /// Enter what somebody asked for: to know, to take along or to be erased
    Request(Request),
    /// List requests, newest first
    List(List),
    /// Show a request
    Show(Show),
    /// Print the certificate of an erasure that is done
    Certificate(Certificate),
}

impl Privacy {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Request(request) => request.run(output).await,
            Self::List(list) => list.run(output).await,
            Self::Show(show) => show.run(output).await,
            Self::Certificate(certificate) => certificate.run(output).await,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// To be told everything that is held
    Access,
    /// To be erased everywhere: nobody finds the customer any more from here on
    Erase,
    /// To take along what the customer gave
    Port,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier privacy request customers/0199… --type erase\n  \
    dossier privacy request customers/0199… --type access --json\n\n\
    A call that breaks off goes on with the same --request-id.")]
pub(crate) struct Request {
    /// `customers/{customer}`
    customer: String,

    /// What is asked for
    #[arg(long = "type", value_enum)]
    kind: Kind,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Request {
    async fn run(self, output: &Output) -> Result<()> {
        let kind = match self.kind {
            Kind::Access => PrivacyRequestType::Access,
            Kind::Erase => PrivacyRequestType::Erase,
            Kind::Port => PrivacyRequestType::Port,
        };
        let request = CreatePrivacyRequestRequest {
            privacy_request: Some(PrivacyRequest {
                customer: self.customer,
                r#type: kind.into(),
                ..PrivacyRequest::default()
            }),
            request_id: self.request_id.unwrap_or_else(named),
        };
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let made = client.create_privacy_request(request).await?.into_inner();
        output.answer(&document(&made), || sheet(std::slice::from_ref(&made)))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier privacy list\n  \
    dossier privacy list --filter 'state = PENDING' --json")]
pub(crate) struct List {
    /// Which, as in ListPrivacyRequests
    #[arg(long, value_name = "FILTER", default_value = "")]
    filter: String,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let mut requests: Vec<PrivacyRequest> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListPrivacyRequestsRequest {
                page_size: PAGE,
                page_token,
                filter: self.filter.clone(),
            };
            let page = client.list_privacy_requests(request).await?.into_inner();
            requests.extend(page.privacy_requests);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let documents: Vec<_> = requests.iter().map(document).collect();
        output.answer(&documents, || sheet(&requests))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier privacy show privacyRequests/0199…")]
pub(crate) struct Show {
    /// `privacyRequests/{privacy_request}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Show {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let request = GetPrivacyRequestRequest { name: self.name };
        let shown = client.get_privacy_request(request).await?.into_inner();
        output.answer(&document(&shown), || sheet(std::slice::from_ref(&shown)))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier privacy certificate privacyRequests/0199… > certificate.json\n  \
    dossier privacy certificate privacyRequests/0199… --json\n\n\
    `dossier erase verify` checks it. With --json the key that verifies it is told as well.")]
pub(crate) struct Certificate {
    /// `privacyRequests/{privacy_request}`
    name: String,

    #[command(flatten)]
    connect: Connect,
}

impl Certificate {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = PrivacyRequestServiceClient::new(self.connect.wire().await?);
        let request = GetErasureCertificateRequest { name: self.name };
        let answer = client.get_erasure_certificate(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.ErasureCertificate", &answer);
        output.answer(&document, || answer.certificate.clone())
    }
}

fn document(request: &PrivacyRequest) -> serde_json::Value {
    json::of("dossier.profile.v1.PrivacyRequest", request)
}

fn sheet(requests: &[PrivacyRequest]) -> String {
    let header = ["request", "customer", "type", "state", "due", "done"];
    let mut sheet = Sheet::new(&header, header.len());
    for request in requests {
        let word = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_lowercase();
        let mut state = word(request.state().as_str_name(), "PRIVACY_REQUEST_STATE_");
        if request.held {
            state.push_str(" (held)");
        }
        sheet.row(vec![
            request.name.clone(),
            request.customer.clone(),
            word(request.r#type().as_str_name(), "PRIVACY_REQUEST_TYPE_"),
            state,
            time(request.due_time.as_ref()),
            time(request.end_time.as_ref()),
        ]);
    }
    sheet.to_string()
}

fn named() -> String {
    Uuid::now_v7().to_string()
}
