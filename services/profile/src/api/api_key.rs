//! API keys as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{Result, Timestamp};
use dossier_proto::access::v1 as wire;
use uuid::Uuid;

use super::request;
use super::value::encode_time;
use crate::app::Made;
use crate::domain::{ApiKey, NewApiKey, Violations};

pub fn encode(key: ApiKey) -> wire::ApiKey {
    let name = key.to_name();
    let ApiKey {
        id: _,
        display_name,
        roles,
        teams,
        create_time,
        expire_time,
        last_use_time,
        revoke_time,
        creator,
    } = key;
    wire::ApiKey {
        name,
        display_name,
        roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
        teams,
        create_time: Some(encode_time(create_time)),
        expire_time: Some(encode_time(expire_time)),
        last_use_time: last_use_time.map(encode_time),
        revoke_time: revoke_time.map(encode_time),
        creator,
    }
}

pub fn encode_made(made: Made) -> wire::CreateApiKeyResponse {
    let Made { key, text } = made;
    wire::CreateApiKeyResponse {
        api_key: Some(encode(key)),
        key_text: text.map_or_else(String::new, |text| text.as_str().to_owned()),
    }
}

pub fn create(asked: wire::CreateApiKeyRequest) -> Result<(NewApiKey, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ApiKeyService/CreateApiKey";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::CreateApiKeyRequest {
        api_key,
        request_id: _,
    } = asked;
    problems.into_result()?;
    let wire::ApiKey {
        name,
        display_name,
        roles,
        teams,
        create_time: _,
        expire_time,
        last_use_time: _,
        revoke_time: _,
        creator: _,
    } = api_key.ok_or_else(|| request::invalid("api_key", "is required"))?;
    if !name.is_empty() {
        return Err(request::invalid(
            "api_key.name",
            "must be empty; it is assigned",
        ));
    }
    let expire_time = expire_time.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
    let new = NewApiKey {
        display_name,
        roles,
        teams,
        expire_time,
    };
    Ok((new, once))
}

pub fn revoke(asked: wire::RevokeApiKeyRequest) -> Result<(Uuid, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ApiKeyService/RevokeApiKey";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(&asked.name)?;
    problems.into_result()?;
    Ok((id, once))
}

pub fn name(name: &str) -> Result<Uuid> {
    let id = name.strip_prefix("apiKeys/");
    // Names have one spelling: with hyphens, in lower case.
    id.and_then(|id| {
        Uuid::try_parse(id)
            .ok()
            .filter(|uuid| uuid.to_string() == id)
    })
    .ok_or_else(|| request::invalid("name", "must be apiKeys/{api_key}"))
}
