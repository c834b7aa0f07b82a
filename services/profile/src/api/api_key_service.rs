//! ApiKeyService.

use dossier_kernel::PageSize;
use dossier_proto::access::v1::api_key_service_server::ApiKeyService;
use dossier_proto::access::v1::{
    ApiKey, CreateApiKeyRequest, CreateApiKeyResponse, ListApiKeysRequest, ListApiKeysResponse,
    ResolveApiKeyRequest, ResolveApiKeyResponse, RevokeApiKeyRequest,
};
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::value::encode_time;
use super::{Api, api_key};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ApiKeyService for Api {
    async fn create_api_key(
        &self,
        call: Request<CreateApiKeyRequest>,
    ) -> Answer<CreateApiKeyResponse> {
        let ctx = ctx(&call)?;
        let (new, once) = api_key::create(call.into_inner()).map_err(status)?;
        let made = self.profile.create_api_key(&ctx, new, once).await;
        made.map(|made| Response::new(api_key::encode_made(made)))
            .map_err(status)
    }

    async fn list_api_keys(
        &self,
        call: Request<ListApiKeysRequest>,
    ) -> Answer<ListApiKeysResponse> {
        let ctx = ctx(&call)?;
        let ListApiKeysRequest {
            page_size,
            page_token,
        } = call.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self.profile.list_api_keys(&ctx, size, &page_token).await;
        let (keys, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListApiKeysResponse {
            api_keys: keys.into_iter().map(api_key::encode).collect(),
            next_page_token,
        }))
    }

    async fn revoke_api_key(&self, call: Request<RevokeApiKeyRequest>) -> Answer<ApiKey> {
        let ctx = ctx(&call)?;
        let (id, once) = api_key::revoke(call.into_inner()).map_err(status)?;
        let revoked = self.profile.revoke_api_key(&ctx, id, once).await;
        revoked
            .map(|key| Response::new(api_key::encode(key)))
            .map_err(status)
    }

    async fn resolve_api_key(
        &self,
        call: Request<ResolveApiKeyRequest>,
    ) -> Answer<ResolveApiKeyResponse> {
        let ctx = ctx(&call)?;
        let ResolveApiKeyRequest { name, secret_hash } = call.into_inner();
        let id = api_key::name(&name).map_err(status)?;
        let found = self.profile.resolve_api_key(&ctx, id, &secret_hash).await;
        let (tenant, key) = found.map_err(status)?;
        Ok(Response::new(ResolveApiKeyResponse {
            tenant: tenant.as_str().to_owned(),
            roles: key
                .roles
                .iter()
                .map(|role| role.as_str().to_owned())
                .collect(),
            teams: key.teams,
            expire_time: Some(encode_time(key.expire_time)),
        }))
    }
}
