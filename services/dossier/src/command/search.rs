//! `dossier customer search`.

use clap::Args;
use dossier_proto::profile::v1::search_service_client::SearchServiceClient;
use dossier_proto::profile::v1::{SearchCustomersRequest, SearchCustomersResult, SearchMatch};

use crate::connect::Connect;
use crate::failure::Result;
use crate::format::Sheet;
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 200;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier customer search 王小\n  \
    dossier customer search wangxm\n  \
    dossier customer search jon smith --filter 'region_code = \"GB\"'\n  \
    dossier customer search 0000 --json | jq -r '.results[].customer.name'")]
pub(crate) struct Search {
    /// Words of a name or their beginnings, pinyin, initials, an e-mail address, the end of a phone number
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,

    /// AIP-160, as in `dossier customer list`
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    connect: Connect,
}

impl Search {
    pub async fn run(self, output: &Output) -> Result<()> {
        let mut client = SearchServiceClient::new(self.connect.wire().await?);
        let mut results: Vec<SearchCustomersResult> = Vec::new();
        let mut page_token = String::new();
        let mut truncated = false;
        while results.len() < self.limit {
            let missing = i32::try_from(self.limit - results.len()).unwrap_or(PAGE);
            let request = SearchCustomersRequest {
                query: self.words.join(" "),
                filter: self.filter.clone(),
                page_size: missing.min(PAGE),
                page_token,
            };
            let page = client.search_customers(request).await?.into_inner();
            results.extend(page.results);
            truncated = page.truncated;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |result| json::of("dossier.profile.v1.SearchCustomersResult", result);
        let documents: Vec<_> = results.iter().map(document).collect();
        let document = serde_json::json!({ "results": documents, "truncated": truncated });
        output.answer(&document, || {
            let mut sheet = Sheet::new(&["name", "display name", "match", "by"], 4);
            for result in &results {
                let customer = result.customer.clone().unwrap_or_default();
                sheet.row(vec![
                    customer.name,
                    customer.display_name,
                    word(result.r#match()).to_owned(),
                    result.matched_fields.join(" "),
                ]);
            }
            let more = "\nMore may match: type more, or give a --filter.";
            format!("{sheet}{}", if truncated { more } else { "" })
        })
    }
}

fn word(found: SearchMatch) -> &'static str {
    match found {
        SearchMatch::Unspecified => "",
        SearchMatch::Whole => "whole",
        SearchMatch::Word => "word",
        SearchMatch::Part => "part",
        SearchMatch::Pinyin => "pinyin",
        SearchMatch::Initials => "initials",
        SearchMatch::Similar => "similar",
    }
}
