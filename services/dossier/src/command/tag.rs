//! `dossier tag`.

use clap::{Args, Subcommand};
use dossier_proto::profile::v1::tag_service_client::TagServiceClient;
use dossier_proto::profile::v1::{
    ListTagsRequest, MergeTagsRequest, RenameTagRequest, Tag as Counted,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::Result;
use crate::format::{Sheet, count};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Subcommand)]
pub(crate) enum Tag {
    /// List tags with how many customers have them
    List(List),
    /// Give a tag another name
    Rename(Rename),
    /// Put one tag in the place of others
    Merge(Merge),
}

impl Tag {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::List(list) => list.run(output).await,
            Self::Rename(rename) => rename.run(output).await,
            Self::Merge(merge) => merge.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier tag list\n  \
    dossier tag list --prefix vi --json")]
pub(crate) struct List {
    /// Only tags that begin so
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,

    #[command(flatten)]
    connect: Connect,
}

impl List {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = TagServiceClient::new(self.connect.wire().await?);
        let mut tags: Vec<Counted> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListTagsRequest {
                prefix: self.prefix.clone(),
                page_size: PAGE,
                page_token,
            };
            let page = client.list_tags(request).await?.into_inner();
            tags.extend(page.tags);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |tag| json::of("dossier.profile.v1.Tag", tag);
        let documents: Vec<_> = tags.iter().map(document).collect();
        output.answer(&documents, || {
            let mut sheet = Sheet::new(&["tag", "customers"], 1);
            for tag in &tags {
                sheet.row(vec![tag.tag.clone(), count(tag.customer_count)]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier tag rename vip 'key account'\n\n\
    A call that breaks off goes on with the same --request-id.")]
pub(crate) struct Rename {
    /// The tag
    tag: String,

    /// What it is called from now on
    new_tag: String,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Rename {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = TagServiceClient::new(self.connect.wire().await?);
        let request = RenameTagRequest {
            tag: self.tag,
            new_tag: self.new_tag,
            request_id: self.request_id.unwrap_or_else(named),
        };
        let done = client.rename_tag(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.RenameTagResponse", &done);
        output.answer(&document, || changed(done.customer_count))
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier tag merge 'key account' VIP v.i.p.\n\n\
    A call that breaks off goes on with the same --request-id.")]
pub(crate) struct Merge {
    /// The tag in whose favour
    into: String,

    /// The tags that go
    #[arg(required = true, value_name = "TAG")]
    tags: Vec<String>,

    /// A UUID that names this call, so that it can be repeated
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Merge {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = TagServiceClient::new(self.connect.wire().await?);
        let request = MergeTagsRequest {
            tags: self.tags,
            into_tag: self.into,
            request_id: self.request_id.unwrap_or_else(named),
        };
        let done = client.merge_tags(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.MergeTagsResponse", &done);
        output.answer(&document, || changed(done.customer_count))
    }
}

fn named() -> String {
    Uuid::now_v7().to_string()
}

fn changed(customers: i64) -> String {
    format!("{} customers changed", count(customers))
}
