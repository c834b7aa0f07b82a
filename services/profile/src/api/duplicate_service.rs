//! DuplicateService.

use dossier_proto::profile::v1::duplicate_service_server::DuplicateService;
use dossier_proto::profile::v1::{
    CancelDuplicateScanRequest, DismissDuplicatePairRequest, DuplicatePair, DuplicateScan,
    GetDuplicateScanRequest, ListDuplicatePairsRequest, ListDuplicatePairsResponse,
    ListDuplicateScansRequest, ListDuplicateScansResponse, ReopenDuplicatePairRequest,
    StartDuplicateScanRequest,
};
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::{Api, duplicate};
use crate::domain::{self, DuplicatePairState};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DuplicateService for Api {
    async fn start_duplicate_scan(
        &self,
        call: Request<StartDuplicateScanRequest>,
    ) -> Answer<DuplicateScan> {
        let ctx = ctx(&call)?;
        let (score_min, once) = duplicate::start(call.into_inner()).map_err(status)?;
        let scan = self
            .profile
            .start_duplicate_scan(&ctx, score_min, once)
            .await;
        scan.map(scanned).map_err(status)
    }

    async fn get_duplicate_scan(
        &self,
        call: Request<GetDuplicateScanRequest>,
    ) -> Answer<DuplicateScan> {
        let ctx = ctx(&call)?;
        let id = duplicate::get(call.get_ref()).map_err(status)?;
        let scan = self.profile.get_duplicate_scan(&ctx, id).await;
        scan.map(scanned).map_err(status)
    }

    async fn list_duplicate_scans(
        &self,
        call: Request<ListDuplicateScansRequest>,
    ) -> Answer<ListDuplicateScansResponse> {
        let ctx = ctx(&call)?;
        let (size, token) = duplicate::list_scans(call.into_inner()).map_err(status)?;
        let page = self.profile.list_duplicate_scans(&ctx, size, &token).await;
        let (scans, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListDuplicateScansResponse {
            duplicate_scans: scans.into_iter().map(duplicate::encode_scan).collect(),
            next_page_token,
        }))
    }

    async fn cancel_duplicate_scan(
        &self,
        call: Request<CancelDuplicateScanRequest>,
    ) -> Answer<DuplicateScan> {
        let ctx = ctx(&call)?;
        let (id, once) = duplicate::cancel(call.into_inner()).map_err(status)?;
        let scan = self.profile.cancel_duplicate_scan(&ctx, id, once).await;
        scan.map(scanned).map_err(status)
    }

    async fn list_duplicate_pairs(
        &self,
        call: Request<ListDuplicatePairsRequest>,
    ) -> Answer<ListDuplicatePairsResponse> {
        let ctx = ctx(&call)?;
        let (which, size, token) = duplicate::list_pairs(call.into_inner()).map_err(status)?;
        let page = self
            .profile
            .list_duplicate_pairs(&ctx, which, size, &token)
            .await;
        let (pairs, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListDuplicatePairsResponse {
            duplicate_pairs: pairs.into_iter().map(duplicate::encode_pair).collect(),
            next_page_token,
        }))
    }

    async fn dismiss_duplicate_pair(
        &self,
        call: Request<DismissDuplicatePairRequest>,
    ) -> Answer<DuplicatePair> {
        let ctx = ctx(&call)?;
        let (id, once) = duplicate::dismiss(call.into_inner()).map_err(status)?;
        let pair = self
            .profile
            .decide_duplicate_pair(&ctx, id, DuplicatePairState::Dismissed, once)
            .await;
        pair.map(paired).map_err(status)
    }

    async fn reopen_duplicate_pair(
        &self,
        call: Request<ReopenDuplicatePairRequest>,
    ) -> Answer<DuplicatePair> {
        let ctx = ctx(&call)?;
        let (id, once) = duplicate::reopen(call.into_inner()).map_err(status)?;
        let pair = self
            .profile
            .decide_duplicate_pair(&ctx, id, DuplicatePairState::Open, once)
            .await;
        pair.map(paired).map_err(status)
    }
}

fn scanned(scan: domain::DuplicateScan) -> Response<DuplicateScan> {
    Response::new(duplicate::encode_scan(scan))
}

fn paired(pair: domain::DuplicatePair) -> Response<DuplicatePair> {
    Response::new(duplicate::encode_pair(pair))
}
