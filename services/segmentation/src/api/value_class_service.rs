//! The RPCs of ValueClassService, a handler each.

use dossier_kernel::{Ctx, Result as Outcome};
use dossier_proto::segmentation::v1 as wire;
use dossier_proto::segmentation::v1::value_class_service_server::ValueClassService;
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::decode::{self, customer_name, once};
use super::encode;
use crate::app::App;

pub struct Api(pub App);

#[tonic::async_trait]
impl ValueClassService for Api {
    async fn get_value_scheme(
        &self,
        request: Request<wire::GetValueSchemeRequest>,
    ) -> Result<Response<wire::ValueScheme>, Status> {
        let scheme = self
            .0
            .get_value_scheme(&ctx(&request)?)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::value_scheme(scheme)))
    }

    async fn update_value_scheme(
        &self,
        request: Request<wire::UpdateValueSchemeRequest>,
    ) -> Result<Response<wire::ValueScheme>, Status> {
        let ctx = ctx(&request)?;
        self.update(&ctx, request.into_inner())
            .await
            .map(Response::new)
            .map_err(status)
    }

    async fn get_customer_classes(
        &self,
        request: Request<wire::GetCustomerClassesRequest>,
    ) -> Result<Response<wire::CustomerClasses>, Status> {
        let ctx = ctx(&request)?;
        let name = request.into_inner().customer;
        let customer = customer_name("customer", &name).map_err(status)?;
        let classes = self
            .0
            .get_customer_classes(&ctx, customer)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::customer_classes(name, classes)))
    }

    async fn get_value_matrix(
        &self,
        request: Request<wire::GetValueMatrixRequest>,
    ) -> Result<Response<wire::ValueMatrix>, Status> {
        let matrix = self
            .0
            .get_value_matrix(&ctx(&request)?)
            .await
            .map_err(status)?;
        let (scheme, cells) = matrix;
        Ok(Response::new(encode::value_matrix(scheme, cells)))
    }

    async fn get_rfm_report(
        &self,
        request: Request<wire::GetRfmReportRequest>,
    ) -> Result<Response<wire::RfmReport>, Status> {
        let report = self
            .0
            .get_rfm_report(&ctx(&request)?)
            .await
            .map_err(status)?;
        let (scheme, buyer_count, cells) = report;
        Ok(Response::new(encode::rfm_report(
            scheme,
            buyer_count,
            cells,
        )))
    }

    async fn get_purchase_report(
        &self,
        request: Request<wire::GetPurchaseReportRequest>,
    ) -> Result<Response<wire::PurchaseReport>, Status> {
        let report = self
            .0
            .get_purchase_report(&ctx(&request)?)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::purchase_report(report)))
    }
}

impl Api {
    async fn update(
        &self,
        ctx: &Ctx,
        request: wire::UpdateValueSchemeRequest,
    ) -> Outcome<wire::ValueScheme> {
        let once = once(
            "ValueClassService/UpdateValueScheme",
            &request.request_id,
            &request,
        )?;
        let (etag, patch) = decode::update_value_scheme(request)?;
        let scheme = self.0.update_value_scheme(ctx, etag, patch, once).await?;
        Ok(encode::value_scheme(scheme))
    }
}
