//! The RPCs of CaseService, a handler each.

use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use dossier_kernel::id::CaseId;
use dossier_kernel::{Ctx, Error, PageSize, Pii};
use dossier_proto::feedback::v1 as wire;
use dossier_proto::feedback::v1::case_service_server::CaseService;

use super::case::{decode_draft, encode_case};
use super::decode::{invalid, name, once, who};
use crate::app::{App, Done};
use crate::domain::Case;

pub struct Api(pub App);

fn case_id(text: &str) -> Result<CaseId, Error> {
    name("name", text, "cases/{case}", CaseId::from_name)
}

fn answer(done: Result<Done<Case>, Error>) -> Result<Response<wire::Case>, Status> {
    let Done { value, cursor } = done.map_err(status)?;
    Ok(with_cursor(encode_case(value), cursor))
}

#[tonic::async_trait]
impl CaseService for Api {
    async fn open_case(
        &self,
        request: Request<wire::OpenCaseRequest>,
    ) -> Result<Response<wire::Case>, Status> {
        let ctx = ctx(&request)?;
        answer(self.open(&ctx, request.into_inner()).await)
    }

    async fn get_case(
        &self,
        request: Request<wire::GetCaseRequest>,
    ) -> Result<Response<wire::Case>, Status> {
        let ctx = ctx(&request)?;
        let id = case_id(&request.into_inner().name).map_err(status)?;
        let case = self.0.get_case(&ctx, id).await.map_err(status)?;
        Ok(Response::new(encode_case(case)))
    }

    async fn list_cases(
        &self,
        request: Request<wire::ListCasesRequest>,
    ) -> Result<Response<wire::ListCasesResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListCasesRequest {
            page_size,
            page_token,
            filter,
        } = request.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let (cases, next_page_token) = self
            .0
            .list_cases(&ctx, &filter, size, &page_token)
            .await
            .map_err(status)?;
        let cases = cases.into_iter().map(encode_case).collect();
        Ok(Response::new(wire::ListCasesResponse {
            cases,
            next_page_token,
        }))
    }

    async fn reply_to_case(
        &self,
        request: Request<wire::ReplyToCaseRequest>,
    ) -> Result<Response<wire::Case>, Status> {
        let ctx = ctx(&request)?;
        let request = request.into_inner();
        let once =
            once("CaseService/ReplyToCase", &request.request_id, &request).map_err(status)?;
        let id = case_id(&request.name).map_err(status)?;
        answer(
            self.0
                .reply_to_case(&ctx, once, id, Pii::new(request.text))
                .await,
        )
    }

    async fn resolve_case(
        &self,
        request: Request<wire::ResolveCaseRequest>,
    ) -> Result<Response<wire::Case>, Status> {
        let ctx = ctx(&request)?;
        let request = request.into_inner();
        let once =
            once("CaseService/ResolveCase", &request.request_id, &request).map_err(status)?;
        let id = case_id(&request.name).map_err(status)?;
        answer(
            self.0
                .resolve_case(&ctx, once, id, Pii::new(request.resolution))
                .await,
        )
    }

    async fn close_case(
        &self,
        request: Request<wire::CloseCaseRequest>,
    ) -> Result<Response<wire::Case>, Status> {
        let ctx = ctx(&request)?;
        let request = request.into_inner();
        let once = once("CaseService/CloseCase", &request.request_id, &request).map_err(status)?;
        let id = case_id(&request.name).map_err(status)?;
        answer(self.0.close_case(&ctx, once, id).await)
    }
}

impl Api {
    async fn open(&self, ctx: &Ctx, request: wire::OpenCaseRequest) -> Result<Done<Case>, Error> {
        let once = once("CaseService/OpenCase", &request.request_id, &request)?;
        let case = request.case.ok_or_else(|| invalid("case", "is required"))?;
        let who = who("case.customer", &case.customer, request.customer_key)?;
        self.0.open_case(ctx, once, who, decode_draft(case)?).await
    }
}
