//! Requests about the audit log.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use super::Scene;

const PARENT: &str = "services/profile";
/// An event has its place within a second, unless the machine has much else to do.
const PLACE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let body = match method.trim_start_matches("dossier.audit.v1.") {
        "AuditService/ListAuditEvents" => json!({"parent": PARENT}),
        "AuditService/GetAuditProof" => json!({"name": placed(scene).await?}),
        "AuditService/GetAuditCheckpoint" => {
            placed(scene).await?;
            json!({"parent": PARENT})
        }
        "AuditService/GetConsistencyProof" => {
            placed(scene).await?;
            json!({"parent": PARENT, "from_size": 1, "to_size": 1})
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

/// The name of an event that has its place in the log.
async fn placed(scene: &Scene) -> anyhow::Result<String> {
    let method = "dossier.profile.v1.CustomerService/CreateCustomer";
    let resource = scene.made(method).await?;
    let list = "dossier.audit.v1.AuditService/ListAuditEvents";
    let body = json!({"parent": PARENT, "resource": resource, "method": method});
    let begun = Instant::now();
    loop {
        let page = scene.call(list, body.clone()).await?;
        let events = page
            .get_field_by_name("audit_events")
            .context("a page of events")?
            .into_owned();
        let event = events.as_list().and_then(|events| events.first());
        let event = event.and_then(|event| event.as_message());
        if let Some(name) = event.and_then(name_if_placed) {
            return Ok(name);
        }
        ensure!(
            begun.elapsed() < PLACE_TIMEOUT,
            "{resource} was made, and after {PLACE_TIMEOUT:?} no event of it has a place"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn name_if_placed(event: &DynamicMessage) -> Option<String> {
    let name = event.get_field_by_name("name")?.as_str()?.to_owned();
    event.has_field_by_name("position").then_some(name)
}
