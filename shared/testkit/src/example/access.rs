//! Requests about who may do what.

use serde_json::{Value, json};

pub(super) fn bodies(method: &str) -> Option<Vec<Value>> {
    let method = method.trim_start_matches("dossier.access.v1.");
    let body = match method {
        "AccessService/ExplainAccess" => json!({
            "subject": {"principal": "person:amy", "roles": ["viewer"]},
            "method": "dossier.profile.v1.CustomerService/GetCustomer",
        }),
        _ => return None,
    };
    Some(vec![body])
}
