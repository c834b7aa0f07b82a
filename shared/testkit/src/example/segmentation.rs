//! Requests to segmentation.

use serde_json::{Value, json};

use super::Scene;

const CUSTOMER: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const CREATE: &str = "dossier.segmentation.v1.SegmentService/CreateSegment";
const RULE: &str = "region_code = \"CN\" AND count(purchase) >= 1";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let method = method.trim_start_matches("dossier.segmentation.v1.");
    let body = match method {
        "SegmentService/CreateSegment" => json!({"segment": {
            "display_name": title(),
            "description": "Who bought in China.",
            "rule": RULE,
        }}),
        "SegmentService/GetSegment" | "SegmentService/DeleteSegment" => {
            json!({"name": scene.made(CREATE).await?})
        }
        "SegmentService/ListSegments" => json!({"page_size": 5}),
        "SegmentService/UpdateSegment" => json!({
            "segment": {"name": scene.made(CREATE).await?, "display_name": title()},
            "update_mask": "displayName",
        }),
        "SegmentService/PreviewSegment" => json!({"rule": RULE, "sample_size": 5}),
        "SegmentService/ListMembers" => json!({"segment": scene.made(CREATE).await?}),
        "SegmentService/CheckMembership" => json!({
            "customer": scene.settled("profile", CUSTOMER).await?,
            "segments": [scene.made(CREATE).await?],
        }),
        "SegmentService/ListCustomerSegments" | "ValueClassService/GetCustomerClasses" => {
            json!({"customer": scene.settled("profile", CUSTOMER).await?})
        }
        "SegmentService/WatchMemberships" => json!({"include_snapshot": true}),
        "ProgressService/AwaitProgress" => json!({"cursors": {}}),
        "ValueClassService/UpdateValueScheme" => json!({
            "value_scheme": {"purchase_count_min": (2 + scene.number()).to_string()},
            "update_mask": "purchaseCountMin",
        }),
        "ProgressService/GetProgress"
        | "ProgressService/VerifyState"
        | "ValueClassService/GetValueScheme"
        | "ValueClassService/GetValueMatrix"
        | "ValueClassService/GetRfmReport"
        | "ValueClassService/GetPurchaseReport" => json!({}),
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

/// A name no segment has yet; not personal, so without the marker.
fn title() -> String {
    format!("Example {}", uuid::Uuid::now_v7().simple())
}
