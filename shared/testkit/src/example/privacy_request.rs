//! Requests about what people ask for.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::Scene;

const CREATE_CUSTOMER: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const CREATE: &str = "dossier.profile.v1.PrivacyRequestService/CreatePrivacyRequest";
const GET: &str = "dossier.profile.v1.PrivacyRequestService/GetPrivacyRequest";
const HOLD: &str = "dossier.profile.v1.PrivacyRequestService/SetLegalHold";

const ERASE_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn body(scene: &Scene, method: &str) -> anyhow::Result<Option<Value>> {
    Ok(Some(match method {
        "CreatePrivacyRequest" => asked(scene, "ACCESS").await?,
        "GetPrivacyRequest" | "ExportPrivacyRequest" => json!({"name": scene.made(CREATE).await?}),
        "ListPrivacyRequests" => {
            scene.made(CREATE).await?;
            scene.made(CREATE).await?;
            json!({"page_size": 5})
        }
        "CancelPrivacyRequest" => {
            json!({"name": scene.made(CREATE).await?, "reason": "withdrawn"})
        }
        "GetErasureCertificate" => json!({"name": erased(scene).await?}),
        "SetLegalHold" => {
            json!({"customer": scene.made(CREATE_CUSTOMER).await?, "reason": "case 4711"})
        }
        "GetLegalHold" | "ReleaseLegalHold" => {
            let customer = scene.made(CREATE_CUSTOMER).await?;
            scene
                .call(HOLD, json!({"customer": customer, "reason": "case 4712"}))
                .await?;
            json!({"customer": customer})
        }
        _ => return Ok(None),
    }))
}

async fn asked(scene: &Scene, kind: &str) -> anyhow::Result<Value> {
    let customer = scene.made(CREATE_CUSTOMER).await?;
    let kind = format!("PRIVACY_REQUEST_TYPE_{kind}");
    Ok(json!({"privacy_request": {"customer": customer, "type": kind}}))
}

/// An ERASE that is done.
async fn erased(scene: &Scene) -> anyhow::Result<String> {
    let request = scene.call(CREATE, asked(scene, "ERASE").await?).await?;
    let name = super::name(&request).unwrap_or_default();
    let until = tokio::time::Instant::now() + ERASE_TIMEOUT;
    loop {
        let request = scene.call(GET, json!({"name": name})).await?;
        let state = request.get_field_by_name("state");
        if state.and_then(|state| state.as_enum_number()) == Some(3) {
            return Ok(name);
        }
        ensure!(tokio::time::Instant::now() < until, "{name} is never done");
        // A job takes the next step every second.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
