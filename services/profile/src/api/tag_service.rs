//! TagService.

use dossier_proto::profile::v1::tag_service_server::TagService;
use dossier_proto::profile::v1::{
    ListTagsRequest, ListTagsResponse, MergeTagsRequest, MergeTagsResponse, RenameTagRequest,
    RenameTagResponse, Tag,
};
use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use super::value::encode_count;
use super::{Api, tag};
use crate::app::Retagged;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TagService for Api {
    async fn list_tags(&self, call: Request<ListTagsRequest>) -> Answer<ListTagsResponse> {
        let ctx = ctx(&call)?;
        let (prefix, size, token) = tag::list(call.into_inner()).map_err(status)?;
        let page = self.profile.list_tags(&ctx, &prefix, size, &token).await;
        let (tags, next_page_token) = page.map_err(status)?;
        let tags = tags.into_iter().map(|counted| Tag {
            tag: counted.tag,
            customer_count: counted.customer_count,
        });
        Ok(Response::new(ListTagsResponse {
            tags: tags.collect(),
            next_page_token,
        }))
    }

    async fn rename_tag(&self, call: Request<RenameTagRequest>) -> Answer<RenameTagResponse> {
        let ctx = ctx(&call)?;
        let (retag, once) = tag::rename(call.into_inner()).map_err(status)?;
        let done = self.profile.retag(&ctx, retag, once).await;
        let Retagged {
            customer_count,
            cursor,
        } = done.map_err(status)?;
        let customer_count = encode_count(customer_count);
        Ok(with_cursor(RenameTagResponse { customer_count }, cursor))
    }

    async fn merge_tags(&self, call: Request<MergeTagsRequest>) -> Answer<MergeTagsResponse> {
        let ctx = ctx(&call)?;
        let (retag, once) = tag::merge(call.into_inner()).map_err(status)?;
        let done = self.profile.retag(&ctx, retag, once).await;
        let Retagged {
            customer_count,
            cursor,
        } = done.map_err(status)?;
        let customer_count = encode_count(customer_count);
        Ok(with_cursor(MergeTagsResponse { customer_count }, cursor))
    }
}
