//! PrivacyRequestService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1::privacy_request_service_server::PrivacyRequestService;
use dossier_proto::profile::v1::{
    CancelPrivacyRequestRequest, CreatePrivacyRequestRequest, ErasureCertificate,
    ExportPrivacyRequestRequest, ExportPrivacyRequestResponse, GetErasureCertificateRequest,
    GetLegalHoldRequest, GetPrivacyRequestRequest, LegalHold, ListPrivacyRequestsRequest,
    ListPrivacyRequestsResponse, PrivacyRequest, ReleaseLegalHoldRequest, SetLegalHoldRequest,
};
use dossier_rpc::{ctx, status};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::request::customer_name;
use super::{Api, privacy_export, privacy_request};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl PrivacyRequestService for Api {
    async fn create_privacy_request(
        &self,
        call: Request<CreatePrivacyRequestRequest>,
    ) -> Answer<PrivacyRequest> {
        let ctx = ctx(&call)?;
        let asked = privacy_request::create(call.into_inner()).map_err(status)?;
        let (customer, kind, once) = asked;
        let made = self
            .profile
            .create_privacy_request(&ctx, customer, kind, once)
            .await;
        made.map(answer).map_err(status)
    }

    async fn get_privacy_request(
        &self,
        call: Request<GetPrivacyRequestRequest>,
    ) -> Answer<PrivacyRequest> {
        let ctx = ctx(&call)?;
        let id = privacy_request::name(&call.get_ref().name).map_err(status)?;
        let found = self.profile.get_privacy_request(&ctx, id).await;
        found.map(answer).map_err(status)
    }

    async fn list_privacy_requests(
        &self,
        call: Request<ListPrivacyRequestsRequest>,
    ) -> Answer<ListPrivacyRequestsResponse> {
        let ctx = ctx(&call)?;
        let ListPrivacyRequestsRequest {
            page_size,
            page_token,
            filter,
        } = call.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self
            .profile
            .list_privacy_requests(&ctx, &filter, size, &page_token)
            .await;
        let (requests, next_page_token) = page.map_err(status)?;
        let privacy_requests = requests.into_iter().map(privacy_request::encode).collect();
        Ok(Response::new(ListPrivacyRequestsResponse {
            privacy_requests,
            next_page_token,
        }))
    }

    async fn cancel_privacy_request(
        &self,
        call: Request<CancelPrivacyRequestRequest>,
    ) -> Answer<PrivacyRequest> {
        let ctx = ctx(&call)?;
        let (id, reason, once) = privacy_request::cancel(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .cancel_privacy_request(&ctx, id, reason, once)
            .await;
        done.map(answer).map_err(status)
    }

    type ExportPrivacyRequestStream =
        BoxStream<'static, Result<ExportPrivacyRequestResponse, Status>>;

    async fn export_privacy_request(
        &self,
        call: Request<ExportPrivacyRequestRequest>,
    ) -> Answer<Self::ExportPrivacyRequestStream> {
        let ctx = ctx(&call)?;
        let id = privacy_request::name(&call.get_ref().name).map_err(status)?;
        let chunks = privacy_export::run(&self.profile, &ctx, id).await;
        chunks.map(Response::new).map_err(status)
    }

    async fn get_erasure_certificate(
        &self,
        call: Request<GetErasureCertificateRequest>,
    ) -> Answer<ErasureCertificate> {
        let ctx = ctx(&call)?;
        let id = privacy_request::name(&call.get_ref().name).map_err(status)?;
        let found = self.profile.get_erasure_certificate(&ctx, id).await;
        let (certificate, verifier_key) = found.map_err(status)?;
        Ok(Response::new(ErasureCertificate {
            certificate,
            verifier_key,
        }))
    }

    async fn set_legal_hold(&self, call: Request<SetLegalHoldRequest>) -> Answer<LegalHold> {
        let ctx = ctx(&call)?;
        let asked = privacy_request::set_hold(call.into_inner()).map_err(status)?;
        let (customer, reason, once) = asked;
        let hold = self
            .profile
            .set_legal_hold(&ctx, customer, reason, once)
            .await;
        hold.map(held).map_err(status)
    }

    async fn get_legal_hold(&self, call: Request<GetLegalHoldRequest>) -> Answer<LegalHold> {
        let ctx = ctx(&call)?;
        let customer = customer_name("customer", &call.get_ref().customer).map_err(status)?;
        let hold = self.profile.get_legal_hold(&ctx, customer).await;
        hold.map(held).map_err(status)
    }

    async fn release_legal_hold(
        &self,
        call: Request<ReleaseLegalHoldRequest>,
    ) -> Answer<LegalHold> {
        let ctx = ctx(&call)?;
        let (customer, once) = privacy_request::release_hold(call.into_inner()).map_err(status)?;
        let hold = self.profile.release_legal_hold(&ctx, customer, once).await;
        hold.map(held).map_err(status)
    }
}

fn answer(shown: crate::app::Shown) -> Response<PrivacyRequest> {
    Response::new(privacy_request::encode(shown))
}

fn held(hold: crate::domain::LegalHold) -> Response<LegalHold> {
    Response::new(privacy_request::encode_hold(hold))
}
