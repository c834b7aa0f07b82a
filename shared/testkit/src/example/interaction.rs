//! Requests to interaction.

use serde_json::{Value, json};

use super::Scene;

const CUSTOMER: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const RECORD: &str = "dossier.interaction.v1.InteractionService/RecordInteraction";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let method = method.trim_start_matches("dossier.interaction.v1.InteractionService/");
    let body = match method {
        "RecordInteraction" => {
            json!({"interaction": message(scene, &scene.made(CUSTOMER).await?)})
        }
        "BatchRecordInteractions" => {
            let customer = scene.made(CUSTOMER).await?;
            json!({"requests": [
                {"interaction": purchase(scene, &customer)},
                {"interaction": message(scene, &customer)},
            ]})
        }
        "IngestInteractions" => {
            let customer = scene.made(CUSTOMER).await?;
            return Ok(Some(vec![
                json!({"position": "1", "interaction": purchase(scene, &customer)}),
                json!({"position": "2", "interaction": message(scene, &customer)}),
            ]));
        }
        "GetInteraction" => json!({"name": scene.made(RECORD).await?}),
        "ListInteractions" | "GetActivitySummary" => {
            let customer = scene.made(CUSTOMER).await?;
            let body = json!({"interaction": message(scene, &customer)});
            scene.call(RECORD, body).await?;
            json!({"customer": customer})
        }
        "WatchInteractions" => json!({"include_snapshot": true}),
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

fn message(scene: &Scene, customer: &str) -> Value {
    json!({
        "customer": customer,
        "source": "example",
        "event_id": format!("event-{}-{}", customer.trim_start_matches("customers/"), scene.number()),
        "occur_time": "2026-01-02T03:04:05Z",
        "channel": "chat",
        "direction": "DIRECTION_INBOUND",
        "message": {"medium": "sms", "text": scene.words("几点关门？")},
    })
}

fn purchase(scene: &Scene, customer: &str) -> Value {
    json!({
        "customer": customer,
        "source": "example",
        "event_id": format!("order-{}-{}", customer.trim_start_matches("customers/"), scene.number()),
        "occur_time": "2026-01-02T03:04:05Z",
        "purchase": {
            "amount": {"currency_code": "USD", "units": "29", "nanos": 330_000_000},
            "quantity": 1,
        },
    })
}
