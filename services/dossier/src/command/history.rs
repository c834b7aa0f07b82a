//! `dossier customer history`, `provenance` and `rollback`.

use clap::Args;
use dossier_proto::profile::v1::revision_service_client::RevisionServiceClient;
use dossier_proto::profile::v1::{
    GetProvenanceRequest, ListRevisionsRequest, Revision, RollbackCustomerRequest,
};
use uuid::Uuid;

use super::customer::Who;
use crate::connect::Connect;
use crate::failure::Result;
use crate::output::Output;
use crate::{json, view};

/// Rows asked for at a time.
const PAGE: i32 = 100;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer history --external-id crm:4711\n  \
    dossier customer history customers/0199a3c2-7f10-7000-8000-00000000002a --limit 5 --json")]
pub(crate) struct History {
    #[command(flatten)]
    who: Who,

    /// At most so many revisions, the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    connect: Connect,
}

impl History {
    pub async fn run(self, output: &Output) -> Result<()> {
        let wire = self.connect.wire().await?;
        let mut request = ListRevisionsRequest {
            parent: self.who.resolve(&wire).await?,
            ..ListRevisionsRequest::default()
        };
        let mut client = RevisionServiceClient::new(wire);
        let mut revisions: Vec<Revision> = Vec::new();
        while revisions.len() < self.limit {
            let missing = i32::try_from(self.limit - revisions.len()).unwrap_or(PAGE);
            request.page_size = missing.min(PAGE);
            let page = client.list_revisions(request.clone()).await?.into_inner();
            revisions.extend(page.revisions);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let documents = revisions.iter();
        let documents = documents.map(|one| json::of("dossier.profile.v1.Revision", one));
        output.answer(&documents.collect::<Vec<_>>(), || {
            revisions.iter().map(view::revision).collect()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer provenance --email someone@example.com")]
pub(crate) struct Provenance {
    #[command(flatten)]
    who: Who,

    #[command(flatten)]
    connect: Connect,
}

impl Provenance {
    pub async fn run(self, output: &Output) -> Result<()> {
        let wire = self.connect.wire().await?;
        let name = self.who.resolve(&wire).await?;
        let provenance = RevisionServiceClient::new(wire)
            .get_provenance(GetProvenanceRequest { name })
            .await?
            .into_inner();
        let document = json::of("dossier.profile.v1.Provenance", &provenance);
        output.answer(&document, || view::provenance(&provenance))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer rollback --external-id crm:4711 --to 3 --dry-run\n  \
    dossier customer rollback --external-id crm:4711 --to 3 --field contact_points --field tags")]
pub(crate) struct Rollback {
    #[command(flatten)]
    who: Who,

    /// The number of the revision whose values are to be the file's again
    #[arg(long, value_name = "REVISION")]
    to: i64,

    /// Only this field, such as contact_points or attributes.level; may be given several times
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,

    /// Change nothing, only show what the file would be
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    connect: Connect,
}

impl Rollback {
    pub async fn run(self, output: &Output) -> Result<()> {
        let wire = self.connect.wire().await?;
        let request = RollbackCustomerRequest {
            name: self.who.resolve(&wire).await?,
            revision: self.to,
            update_mask: (!self.fields.is_empty())
                .then_some(prost_types::FieldMask { paths: self.fields }),
            request_id: Uuid::new_v4().to_string(),
            validate_only: self.dry_run,
            ..RollbackCustomerRequest::default()
        };
        let customer = RevisionServiceClient::new(wire)
            .rollback_customer(request)
            .await?
            .into_inner();
        let document = json::of("dossier.profile.v1.Customer", &customer);
        output.answer(&document, || view::customer(&customer))
    }
}
