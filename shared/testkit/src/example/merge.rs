//! Requests about customers that become one.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Scene, name};

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const MERGE: &str = "dossier.profile.v1.MergeService/MergeCustomers";
const GET: &str = "dossier.profile.v1.MergeService/GetMergeRecord";

const TELL_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn body(scene: &Scene, method: &str) -> anyhow::Result<Option<Value>> {
    Ok(Some(match method {
        "PlanMerge" | "MergeCustomers" => json!({"merge": spec(scene).await?}),
        "GetMergeRecord" => json!({"name": scene.made(MERGE).await?}),
        "ListMergeRecords" => {
            let spec = spec(scene).await?;
            let customer = spec["survivor"].clone();
            scene.call(MERGE, json!({"merge": spec})).await?;
            json!({"customer": customer, "page_size": 5})
        }
        "UnmergeCustomer" => json!({"name": merged(scene).await?}),
        _ => return Ok(None),
    }))
}

async fn spec(scene: &Scene) -> anyhow::Result<Value> {
    let (survivor, other) = (bare(scene).await?, bare(scene).await?);
    Ok(json!({"survivor": survivor, "others": [other]}))
}

/// Examples of customers have the numbers of people, of which nobody has two.
async fn bare(scene: &Scene) -> anyhow::Result<String> {
    let person = json!({
        "type": "CUSTOMER_TYPE_PERSON",
        "display_name": scene.words("one of two"),
        "external_ids": [{"namespace": "crm", "value": scene.word()}],
    });
    let made = scene.call(CREATE, json!({"customer": person})).await?;
    match name(&made) {
        Some(name) => Ok(name),
        None => bail!("{CREATE} answers no name"),
    }
}

/// A merge that all services know of.
async fn merged(scene: &Scene) -> anyhow::Result<String> {
    let record = scene.made(MERGE).await?;
    let begun = std::time::Instant::now();
    loop {
        let found = scene.call(GET, json!({"name": record})).await?;
        let found = serde_json::to_value(&found)?;
        if found["state"] == "MERGE_STATE_MERGED" {
            return Ok(record);
        }
        if begun.elapsed() > TELL_TIMEOUT {
            bail!("still {found}");
        }
        // Nothing tells when it is done: a job tells the services every second.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
