//! MergeService.

use dossier_proto::profile::v1::merge_service_server::MergeService;
use dossier_proto::profile::v1::{
    GetMergeRecordRequest, ListMergeRecordsRequest, ListMergeRecordsResponse,
    MergeCustomersRequest, MergeRecord, PlanMergeRequest, PlanMergeResponse,
    UnmergeCustomerRequest,
};
use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use super::{Api, merge};
use crate::app::MergeDone;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MergeService for Api {
    async fn plan_merge(&self, call: Request<PlanMergeRequest>) -> Answer<PlanMergeResponse> {
        let ctx = ctx(&call)?;
        let spec = merge::plan(call.into_inner()).map_err(status)?;
        let plan = self.profile.plan_merge(&ctx, spec).await.map_err(status)?;
        Ok(Response::new(merge::encode_plan(plan)))
    }

    async fn merge_customers(&self, call: Request<MergeCustomersRequest>) -> Answer<MergeRecord> {
        let ctx = ctx(&call)?;
        let (spec, hash, once) = merge::merge(call.into_inner()).map_err(status)?;
        let done = self.profile.merge_customers(&ctx, spec, hash, once).await;
        done.map(answer).map_err(status)
    }

    async fn get_merge_record(&self, call: Request<GetMergeRecordRequest>) -> Answer<MergeRecord> {
        let ctx = ctx(&call)?;
        let id = merge::name(&call.get_ref().name).map_err(status)?;
        let found = self.profile.get_merge_record(&ctx, id).await;
        Ok(Response::new(merge::encode(found.map_err(status)?)))
    }

    async fn list_merge_records(
        &self,
        call: Request<ListMergeRecordsRequest>,
    ) -> Answer<ListMergeRecordsResponse> {
        let ctx = ctx(&call)?;
        let (customer, page_size, page_token) = merge::list(call.into_inner()).map_err(status)?;
        let page = self
            .profile
            .list_merge_records(&ctx, customer, page_size, &page_token)
            .await;
        let (records, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListMergeRecordsResponse {
            merge_records: records.into_iter().map(merge::encode).collect(),
            next_page_token,
        }))
    }

    async fn unmerge_customer(&self, call: Request<UnmergeCustomerRequest>) -> Answer<MergeRecord> {
        let ctx = ctx(&call)?;
        let (id, once) = merge::unmerge(call.into_inner()).map_err(status)?;
        let done = self.profile.unmerge_customer(&ctx, id, once).await;
        done.map(answer).map_err(status)
    }
}

fn answer(done: MergeDone) -> Response<MergeRecord> {
    let MergeDone { record, cursor } = done;
    with_cursor(merge::encode(record), cursor)
}
