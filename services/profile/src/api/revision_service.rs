//! RevisionService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1::revision_service_server::RevisionService;
use dossier_proto::profile::v1::{
    Customer, GetProvenanceRequest, ListRevisionsRequest, ListRevisionsResponse, Provenance,
    RollbackCustomerRequest,
};
use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use super::{Api, customer, request, revision};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RevisionService for Api {
    async fn list_revisions(
        &self,
        call: Request<ListRevisionsRequest>,
    ) -> Answer<ListRevisionsResponse> {
        let ctx = ctx(&call)?;
        let ListRevisionsRequest {
            parent,
            page_size,
            page_token,
        } = call.into_inner();
        let id = request::customer_name("parent", &parent).map_err(status)?;
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self.profile.list_revisions(&ctx, id, size, &page_token);
        let (rows, next_page_token) = page.await.map_err(status)?;
        let revisions = rows.into_iter().map(revision::encode).collect();
        Ok(Response::new(ListRevisionsResponse {
            revisions,
            next_page_token,
        }))
    }

    async fn get_provenance(&self, call: Request<GetProvenanceRequest>) -> Answer<Provenance> {
        let ctx = ctx(&call)?;
        let id = request::customer_name("name", &call.get_ref().name).map_err(status)?;
        let found = self
            .profile
            .get_provenance(&ctx, id)
            .await
            .map_err(status)?;
        Ok(Response::new(revision::encode_provenance(found)))
    }

    async fn rollback_customer(&self, call: Request<RollbackCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (rollback, mutation) = revision::rollback(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .rollback_customer(&ctx, rollback, mutation)
            .await
            .map_err(status)?;
        Ok(with_cursor(customer::encode(done.seen), done.cursor))
    }
}
