//! `dossier segment`.

use clap::{Args, Subcommand};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Error, Reason};
use dossier_proto::segmentation::v1::segment_service_client::SegmentServiceClient;
use dossier_proto::segmentation::v1::{
    ListMembersRequest, ListSegmentsRequest, Membership, PreviewSegmentRequest,
};

use crate::connect::{Connect, Wire};
use crate::failure::{Failure, Result};
use crate::format::{Sheet, count, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Segment {
    /// Count who would be a member; saves nothing
    Preview(Preview),
    /// List who is a member
    Members(Members),
}

impl Segment {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Preview(preview) => preview.run(output).await,
            Self::Members(members) => members.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier segment preview 'count(purchase) >= 3 AND sum(purchase.amount) >= 100'\n  \
    dossier segment preview 'region_code = \"CN\" AND count(purchase, 30d) >= 2' --sample 3")]
pub(crate) struct Preview {
    /// The rule, AIP-160 over customer fields and purchase aggregates
    rule: String,

    /// Name so many members, at most 100
    #[arg(long, value_name = "N", default_value_t = 10)]
    sample: i32,

    #[command(flatten)]
    connect: Connect,
}

impl Preview {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = SegmentServiceClient::new(self.connect.wire().await?);
        let request = PreviewSegmentRequest {
            rule: self.rule,
            sample_size: self.sample,
        };
        let preview = client.preview_segment(request).await?.into_inner();
        let document = json::of("dossier.segmentation.v1.PreviewSegmentResponse", &preview);
        output.answer(&document, || {
            let members = count(preview.member_count);
            let customers = count(preview.customer_count);
            let mut text = format!("{members} of {customers} customers\n");
            for name in &preview.sample_customers {
                text.push_str(name);
                text.push('\n');
            }
            text
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier segment members 'Loyal buyers' --limit 20\n  \
    dossier segment members segments/0199a3c2-7f10-7000-8000-00000000002a --json")]
pub(crate) struct Members {
    /// `segments/{segment}` or the segment's display name
    segment: String,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    #[command(flatten)]
    connect: Connect,
}

impl Members {
    async fn run(self, output: &Output) -> Result<()> {
        let wire = self.connect.wire().await?;
        let segment = resolve(&self.segment, &wire).await?;
        let mut client = SegmentServiceClient::new(wire);
        let mut members: Vec<Membership> = Vec::new();
        let mut page_token = String::new();
        while members.len() < self.limit {
            let missing = i32::try_from(self.limit - members.len()).unwrap_or(PAGE);
            let request = ListMembersRequest {
                segment: segment.clone(),
                page_size: missing.min(PAGE),
                page_token,
            };
            let page = client.list_members(request).await?.into_inner();
            members.extend(page.memberships);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let documents: Vec<_> = members
            .iter()
            .map(|member| json::of("dossier.segmentation.v1.Membership", member))
            .collect();
        output.answer(&documents, || {
            let mut sheet = Sheet::new(&["customer", "since"], 2);
            for member in &members {
                sheet.row(vec![
                    member.customer.clone(),
                    time(member.enter_time.as_ref()),
                ]);
            }
            sheet.to_string()
        })
    }
}

async fn resolve(segment: &str, wire: &Wire) -> Result<String> {
    if SegmentId::from_name(segment).is_some() {
        return Ok(segment.to_owned());
    }
    let mut client = SegmentServiceClient::new(wire.clone());
    let mut page_token = String::new();
    loop {
        let request = ListSegmentsRequest {
            page_size: PAGE,
            page_token,
        };
        let page = client.list_segments(request).await?.into_inner();
        if let Some(found) = page
            .segments
            .into_iter()
            .find(|found| found.display_name == segment)
        {
            return Ok(found.name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            let message = format!("No segment of this tenant is called `{segment}`.");
            return Err(Failure::Refused(Error::new(Reason::NotFound, message)));
        }
    }
}
