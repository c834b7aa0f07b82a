//! Requests about who may do what.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dossier_access::KeyText;
use dossier_kernel::Clock;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use super::Scene;

const CREATE: &str = "dossier.access.v1.ApiKeyService/CreateApiKey";

pub(super) async fn bodies(scene: &Scene, method: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let method = method.trim_start_matches("dossier.access.v1.");
    let body = match method {
        "AccessService/ExplainAccess" => json!({
            "subject": {"principal": "person:amy", "roles": ["viewer"]},
            "method": "dossier.profile.v1.CustomerService/GetCustomer",
        }),
        "ApiKeyService/CreateApiKey" => json!({"api_key": api_key(scene)}),
        "ApiKeyService/ListApiKeys" => json!({"page_size": 5}),
        "ApiKeyService/RevokeApiKey" => json!({"name": scene.made(CREATE).await?}),
        "ApiKeyService/ResolveApiKey" => {
            let made = scene
                .call(CREATE, json!({"api_key": api_key(scene)}))
                .await?;
            let text = text_of(&made).context("a new key has a text")?;
            json!({
                "name": format!("apiKeys/{}", text.id),
                "secret_hash": STANDARD.encode(text.secret_hash()),
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![body]))
}

fn api_key(scene: &Scene) -> Value {
    let week = Duration::from_secs(7 * 86_400);
    let in_a_week = Clock::system().now().plus(week).to_rfc3339();
    json!({
        "display_name": format!("till {}", scene.number()),
        "roles": ["viewer"],
        "expire_time": in_a_week,
    })
}

fn text_of(made: &DynamicMessage) -> Option<KeyText> {
    KeyText::parse(made.get_field_by_name("key_text")?.as_str()?)
}
