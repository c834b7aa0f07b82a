//! SearchService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::search_service_server::SearchService;
use dossier_proto::profile::v1::{SearchCustomersRequest, SearchCustomersResponse};
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::{Api, customer};
use crate::app::{Hit, Search, Searched};
use crate::domain::Violations;
use crate::domain::search::{Match, Query, Rank};

/// What one search finds fits a page.
const PAGE_SIZE_MAX: u32 = 200;

#[tonic::async_trait]
impl SearchService for Api {
    async fn search_customers(
        &self,
        call: Request<SearchCustomersRequest>,
    ) -> Result<Response<SearchCustomersResponse>, Status> {
        let ctx = ctx(&call)?;
        let search = decode(call.into_inner()).map_err(status)?;
        let searched = self.profile.search_customers(&ctx, search).await;
        let Searched {
            hits,
            next_page_token,
            truncated,
        } = searched.map_err(status)?;
        Ok(Response::new(SearchCustomersResponse {
            results: hits.into_iter().map(encode).collect(),
            next_page_token,
            truncated,
        }))
    }
}

fn decode(request: SearchCustomersRequest) -> dossier_kernel::Result<Search> {
    let SearchCustomersRequest {
        query: text,
        filter,
        page_size,
        page_token,
    } = request;
    let PageSize(size) = PageSize::from_request(page_size)?;
    let mut problems = Violations::default();
    let query = Query::parse(&text, &mut problems);
    problems.into_result()?;
    let query =
        query.ok_or_else(|| dossier_kernel::Error::internal("a query without objection"))?;
    Ok(Search {
        query,
        text,
        filter,
        page_size: PageSize(size.min(PAGE_SIZE_MAX)),
        page_token,
    })
}

fn encode(hit: Hit) -> wire::SearchCustomersResult {
    let Hit {
        seen,
        found: Match { rank, fields },
    } = hit;
    let found = match rank {
        Rank::Whole => wire::SearchMatch::Whole,
        Rank::Word => wire::SearchMatch::Word,
        Rank::Part => wire::SearchMatch::Part,
        Rank::Pinyin => wire::SearchMatch::Pinyin,
        Rank::Initials => wire::SearchMatch::Initials,
        Rank::Similar => wire::SearchMatch::Similar,
    };
    wire::SearchCustomersResult {
        customer: Some(customer::encode(seen)),
        r#match: found.into(),
        matched_fields: fields.into_iter().map(str::to_owned).collect(),
    }
}
