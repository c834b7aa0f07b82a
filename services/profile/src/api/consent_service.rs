//! ConsentService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1::consent_service_server::ConsentService;
use dossier_proto::profile::v1::{
    BatchCheckConsentRequest, BatchCheckConsentResponse, CheckConsentRequest, Consent,
    ConsentNotice, ConsentStatus, CreateConsentNoticeRequest, GetConsentNoticeRequest,
    ListConsentEntriesRequest, ListConsentEntriesResponse, ListConsentNoticesRequest,
    ListConsentNoticesResponse, ListConsentsRequest, ListConsentsResponse, RecordConsentRequest,
    WithdrawConsentRequest,
};
use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use super::consent::Listed;
use super::{Api, consent, consent_notice};
use crate::app::Recorded;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ConsentService for Api {
    async fn create_consent_notice(
        &self,
        call: Request<CreateConsentNoticeRequest>,
    ) -> Answer<ConsentNotice> {
        let ctx = ctx(&call)?;
        let (new, once) = consent_notice::create(call.into_inner()).map_err(status)?;
        let made = self.profile.create_consent_notice(&ctx, new, once).await;
        let notice = made.map_err(status)?;
        Ok(Response::new(consent_notice::encode(notice)))
    }

    async fn get_consent_notice(
        &self,
        call: Request<GetConsentNoticeRequest>,
    ) -> Answer<ConsentNotice> {
        let ctx = ctx(&call)?;
        let (id, version) = consent_notice::get(call.into_inner()).map_err(status)?;
        let found = self.profile.get_consent_notice(&ctx, &id, version).await;
        let notice = found.map_err(status)?;
        Ok(Response::new(consent_notice::encode(notice)))
    }

    async fn list_consent_notices(
        &self,
        call: Request<ListConsentNoticesRequest>,
    ) -> Answer<ListConsentNoticesResponse> {
        let ctx = ctx(&call)?;
        let ListConsentNoticesRequest {
            page_size,
            page_token,
        } = call.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self.profile.list_consent_notices(&ctx, size, &page_token);
        let (notices, next_page_token) = page.await.map_err(status)?;
        Ok(Response::new(ListConsentNoticesResponse {
            consent_notices: notices.into_iter().map(consent_notice::encode).collect(),
            next_page_token,
        }))
    }

    async fn record_consent(&self, call: Request<RecordConsentRequest>) -> Answer<Consent> {
        let ctx = ctx(&call)?;
        let (customer, new, once) = consent::record(call.into_inner()).map_err(status)?;
        let recorded = self
            .profile
            .record_consent(&ctx, customer, new, "consent.", once)
            .await;
        recorded.map(answer).map_err(status)
    }

    async fn withdraw_consent(&self, call: Request<WithdrawConsentRequest>) -> Answer<Consent> {
        let ctx = ctx(&call)?;
        let (customer, new, once) = consent::withdraw(call.into_inner()).map_err(status)?;
        let recorded = self
            .profile
            .record_consent(&ctx, customer, new, "", once)
            .await;
        recorded.map(answer).map_err(status)
    }

    async fn check_consent(&self, call: Request<CheckConsentRequest>) -> Answer<ConsentStatus> {
        let ctx = ctx(&call)?;
        let question = consent::check(call.into_inner()).map_err(status)?;
        let verdicts = self.profile.check_consents(&ctx, vec![question]).await;
        let verdict = verdicts.map_err(status)?.pop();
        let verdict = verdict.map(consent::encode_verdict);
        // One question has one answer.
        Ok(Response::new(verdict.unwrap_or_default()))
    }

    async fn batch_check_consent(
        &self,
        call: Request<BatchCheckConsentRequest>,
    ) -> Answer<BatchCheckConsentResponse> {
        let ctx = ctx(&call)?;
        let questions = consent::batch_check(call.into_inner()).map_err(status)?;
        let verdicts = self.profile.check_consents(&ctx, questions).await;
        let statuses = verdicts.map_err(status)?.into_iter();
        let statuses = statuses.map(consent::encode_verdict).collect();
        Ok(Response::new(BatchCheckConsentResponse { statuses }))
    }

    async fn list_consents(
        &self,
        call: Request<ListConsentsRequest>,
    ) -> Answer<ListConsentsResponse> {
        let ctx = ctx(&call)?;
        let Listed {
            customer,
            at,
            page_size,
            page_token,
        } = consent::list(call.into_inner()).map_err(status)?;
        let page = self
            .profile
            .list_consents(&ctx, customer, at, page_size, &page_token)
            .await;
        let (verdicts, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListConsentsResponse {
            statuses: verdicts.into_iter().map(consent::encode_verdict).collect(),
            next_page_token,
        }))
    }

    async fn list_consent_entries(
        &self,
        call: Request<ListConsentEntriesRequest>,
    ) -> Answer<ListConsentEntriesResponse> {
        let ctx = ctx(&call)?;
        let Listed {
            customer,
            at: _,
            page_size,
            page_token,
        } = consent::list_entries(call.into_inner()).map_err(status)?;
        let page = self
            .profile
            .list_consent_entries(&ctx, customer, page_size, &page_token)
            .await;
        let (consents, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListConsentEntriesResponse {
            consents: consents.into_iter().map(consent::encode).collect(),
            next_page_token,
        }))
    }
}

fn answer(recorded: Recorded) -> Response<Consent> {
    let Recorded { consent, cursor } = recorded;
    with_cursor(consent::encode(consent), cursor)
}
