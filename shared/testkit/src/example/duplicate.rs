//! Requests about customers that are in the files twice.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::Scene;

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const START: &str = "dossier.profile.v1.DuplicateService/StartDuplicateScan";
const GET: &str = "dossier.profile.v1.DuplicateService/GetDuplicateScan";
const LIST: &str = "dossier.profile.v1.DuplicateService/ListDuplicatePairs";
const DISMISS: &str = "dossier.profile.v1.DuplicateService/DismissDuplicatePair";

const SCAN_TIMEOUT: Duration = Duration::from_secs(60);
/// `DUPLICATE_SCAN_STATE_SUCCEEDED`.
const SUCCEEDED: i32 = 3;

pub(super) async fn body(scene: &Scene, method: &str) -> anyhow::Result<Option<Value>> {
    Ok(Some(match method {
        "StartDuplicateScan" => scan(scene),
        "GetDuplicateScan" | "CancelDuplicateScan" => json!({"name": scene.made(START).await?}),
        "ListDuplicateScans" => {
            scene.made(START).await?;
            json!({"page_size": 5})
        }
        "ListDuplicatePairs" => json!({"customer": twins(scene).await?, "page_size": 5}),
        "DismissDuplicatePair" => json!({"name": pair(scene).await?}),
        "ReopenDuplicatePair" => {
            let name = pair(scene).await?;
            scene.call(DISMISS, json!({"name": name})).await?;
            json!({"name": name})
        }
        _ => return Ok(None),
    }))
}

/// No two look for the same.
fn scan(scene: &Scene) -> Value {
    json!({"duplicate_scan": {"score_min_per_mille": 1 + scene.number() % 500}})
}

/// One of two customers who are one.
async fn twins(scene: &Scene) -> anyhow::Result<String> {
    let number = scene.number();
    let (name, email) = (scene.word(), format!("{}@example.com", scene.word()));
    let twin = json!({
        "type": "CUSTOMER_TYPE_PERSON",
        "display_name": name,
        "birth_date": {"year": 1900 + number % 100, "month": 1 + number % 12, "day": 1 + number % 28},
        "contact_points": [
            {"type": "CONTACT_POINT_TYPE_EMAIL", "value": email},
            {"type": "CONTACT_POINT_TYPE_PHONE", "value": format!("+861390{number:07}")},
        ],
    });
    scene.call(CREATE, json!({"customer": twin})).await?;
    let made = scene.call(CREATE, json!({"customer": twin})).await?;
    super::name(&made).context("a customer has a name")
}

/// A pair that a scan found.
async fn pair(scene: &Scene) -> anyhow::Result<String> {
    let customer = twins(scene).await?;
    let scan = scene.made(START).await?;
    let until = tokio::time::Instant::now() + SCAN_TIMEOUT;
    loop {
        let read = scene.call(GET, json!({"name": scan})).await?;
        let state = read.get_field_by_name("state");
        if state.and_then(|state| state.as_enum_number()) == Some(SUCCEEDED) {
            break;
        }
        ensure!(tokio::time::Instant::now() < until, "{scan} is never done");
        // A job begins a scan within a second.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let page = scene.call(LIST, json!({"customer": customer})).await?;
    let pairs = page.get_field_by_name("duplicate_pairs");
    let pairs = pairs.as_deref().and_then(|pairs| pairs.as_list());
    let first = pairs.and_then(|pairs| pairs.first()?.as_message());
    let name = first.and_then(super::name);
    name.with_context(|| format!("no scan finds who {customer} is, too"))
}
