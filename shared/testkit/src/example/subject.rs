//! Requests of services about customers.

use serde_json::{Value, json};

use super::Scene;

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
/// Whose part is asked; of several processes this one is.
const SERVICE: &str = "interaction";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let body = match method.trim_start_matches("dossier.subject.v1.SubjectParticipantService/") {
        "EraseSubjects" | "AttestSubjects" => {
            json!({"service": SERVICE, "customers": [talkative(scene).await?]})
        }
        "RemapSubjects" => {
            let (customer, speaker) = (talkative(scene).await?, scene.made(CREATE).await?);
            json!({
                "service": SERVICE,
                "speakers": [{"customer": customer, "speaker": speaker}],
                "time": "2026-01-01T00:00:00Z",
            })
        }
        "ExportSubject" => json!({"service": SERVICE, "customer": talkative(scene).await?}),
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

/// A customer of whom there is something to erase.
async fn talkative(scene: &Scene) -> anyhow::Result<String> {
    let customer = scene.made(CREATE).await?;
    let record = "dossier.interaction.v1.InteractionService/RecordInteraction";
    let interaction = json!({
        "customer": customer,
        "source": "shop",
        "event_id": scene.number().to_string(),
        "occur_time": "2026-01-01T00:00:00Z",
        "call": {"notes": scene.words("said so")},
    });
    scene
        .call(record, json!({"interaction": interaction}))
        .await?;
    Ok(customer)
}
