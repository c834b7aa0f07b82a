//! Whom an API key speaks for: asked of profile, which keeps the keys.

use std::sync::Arc;
use std::time::Duration;

use dossier_access::{ApiKeys, Claims, TEAMS_MAX};
use dossier_kernel::{
    Ctx, Error, Principal, PrincipalKind, Reason, Result, Role, Strength, TenantId, Timestamp,
};
use dossier_proto::access::v1::api_key_service_client::ApiKeyServiceClient;
use dossier_proto::access::v1::{ResolveApiKeyRequest, ResolveApiKeyResponse};
use dossier_rpc::Channel;
use futures::FutureExt;
use uuid::Uuid;

/// The caller with the key waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// `name` is the service that asks.
pub(crate) fn register(profile: Channel, name: &'static str) -> ApiKeys {
    ApiKeys::new(Arc::new(move |id, secret_hash| {
        resolve(profile.clone(), name, id, secret_hash).boxed()
    }))
}

async fn resolve(
    profile: Channel,
    name: &'static str,
    id: Uuid,
    secret_hash: [u8; 32],
) -> Result<Claims> {
    let ctx = Ctx::service(name, TenantId::all()).with_timeout(ANSWER_TIMEOUT);
    let request = ResolveApiKeyRequest {
        name: format!("apiKeys/{id}"),
        secret_hash: secret_hash.to_vec(),
    };
    let asked = profile.ask(&ctx, |peer| {
        let request = request.clone();
        async move {
            ApiKeyServiceClient::new(peer)
                .resolve_api_key(request)
                .await
        }
    });
    read(id, asked.await?)
}

fn read(id: Uuid, answer: ResolveApiKeyResponse) -> Result<Claims> {
    let ResolveApiKeyResponse {
        tenant,
        roles,
        teams,
        expire_time,
    } = answer;
    let expiry = expire_time
        .and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos))
        .ok_or_else(|| Error::internal("profile answered an API key without an expiry"))?;
    let tenant = TenantId::parse(&tenant)?;
    // A role that this process does not know yet grants nothing here; that of a service is no key's.
    let roles: Vec<Role> = Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Service && roles.iter().any(|word| word == role.as_str()))
        .collect();
    if teams.len() > TEAMS_MAX {
        return Err(Error::new(
            Reason::Internal,
            "An API key has too many teams.",
        ));
    }
    Ok(Claims {
        tenant,
        principal: Principal {
            kind: PrincipalKind::ApiKey,
            id: id.to_string(),
        },
        roles,
        teams,
        strength: Strength::ApiKey,
        on_behalf_of: None,
        expiry,
    })
}
