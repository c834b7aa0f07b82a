//! The report over purchases, as the segmentation service computes it.

use dossier_proto::segmentation::v1::value_class_service_client::ValueClassServiceClient;
use dossier_proto::segmentation::v1::{
    GetPurchaseReportRequest, GetRfmReportRequest, GetValueMatrixRequest, PurchaseReport,
    RfmReport, ValueMatrix,
};
use serde_json::{Value, json};

use crate::connect::Wire;
use crate::failure::Result;
use crate::json;

pub(crate) struct Purchases {
    pub totals: PurchaseReport,
    pub rfm: RfmReport,
    pub matrix: ValueMatrix,
}

impl Purchases {
    pub async fn read(wire: &Wire) -> Result<Self> {
        let mut client = ValueClassServiceClient::new(wire.clone());
        Ok(Self {
            totals: client
                .get_purchase_report(GetPurchaseReportRequest {})
                .await?
                .into_inner(),
            rfm: client
                .get_rfm_report(GetRfmReportRequest {})
                .await?
                .into_inner(),
            matrix: client
                .get_value_matrix(GetValueMatrixRequest {})
                .await?
                .into_inner(),
        })
    }

    pub fn to_json(&self) -> Value {
        json!({
            "purchases": json::of("dossier.segmentation.v1.PurchaseReport", &self.totals),
            "rfm": json::of("dossier.segmentation.v1.RfmReport", &self.rfm),
            "value_matrix": json::of("dossier.segmentation.v1.ValueMatrix", &self.matrix),
        })
    }
}
