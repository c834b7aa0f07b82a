//! ImportService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1::import_service_server::ImportService;
use dossier_proto::profile::v1::{
    GetImportRequest, Import, ListImportsRequest, ListImportsResponse, UndoImportRequest,
};
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::{Api, import_job};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ImportService for Api {
    async fn get_import(&self, call: Request<GetImportRequest>) -> Answer<Import> {
        let ctx = ctx(&call)?;
        let id = import_job::name(&call.get_ref().name).map_err(status)?;
        let found = self.profile.get_import(&ctx, id).await.map_err(status)?;
        Ok(Response::new(import_job::encode(found)))
    }

    async fn list_imports(&self, call: Request<ListImportsRequest>) -> Answer<ListImportsResponse> {
        let ctx = ctx(&call)?;
        let ListImportsRequest {
            page_size,
            page_token,
        } = call.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self.profile.list_imports(&ctx, size, &page_token).await;
        let (imports, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListImportsResponse {
            imports: imports.into_iter().map(import_job::encode).collect(),
            next_page_token,
        }))
    }

    async fn undo_import(&self, call: Request<UndoImportRequest>) -> Answer<Import> {
        let ctx = ctx(&call)?;
        let (id, once) = import_job::undo(call.into_inner()).map_err(status)?;
        let undoing = self.profile.undo_import(&ctx, id, once).await;
        Ok(Response::new(import_job::encode(undoing.map_err(status)?)))
    }
}
