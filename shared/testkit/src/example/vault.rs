//! Requests about keys.

use serde_json::{Value, json};

pub(super) fn bodies(method: &str) -> Option<Vec<Value>> {
    let body = match method.trim_start_matches("dossier.vault.v1.") {
        // The one that has nothing to do where the root key did not change.
        "KeyService/StartKeyRotation" => json!({"kind": "KEY_KIND_ROOT"}),
        "KeyService/GetKeyRotation" => json!({}),
        _ => return None,
    };
    Some(vec![body])
}
