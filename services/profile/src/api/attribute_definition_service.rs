//! AttributeDefinitionService.

use dossier_kernel::PageSize;
use dossier_proto::profile::v1::attribute_definition_service_server::AttributeDefinitionService;
use dossier_proto::profile::v1::{
    AttributeDefinition, CreateAttributeDefinitionRequest, DeprecateAttributeDefinitionRequest,
    GetAttributeDefinitionRequest, ListAttributeDefinitionsRequest,
    ListAttributeDefinitionsResponse, UpdateAttributeDefinitionRequest,
};
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::{Api, attribute_definition};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AttributeDefinitionService for Api {
    async fn create_attribute_definition(
        &self,
        call: Request<CreateAttributeDefinitionRequest>,
    ) -> Answer<AttributeDefinition> {
        let ctx = ctx(&call)?;
        let (new, once) = attribute_definition::create(call.into_inner()).map_err(status)?;
        let made = self
            .profile
            .create_attribute_definition(&ctx, new, once)
            .await;
        made.map(answer).map_err(status)
    }

    async fn get_attribute_definition(
        &self,
        call: Request<GetAttributeDefinitionRequest>,
    ) -> Answer<AttributeDefinition> {
        let ctx = ctx(&call)?;
        let id = attribute_definition::name(&call.get_ref().name).map_err(status)?;
        let found = self.profile.get_attribute_definition(&ctx, &id).await;
        found.map(answer).map_err(status)
    }

    async fn list_attribute_definitions(
        &self,
        call: Request<ListAttributeDefinitionsRequest>,
    ) -> Answer<ListAttributeDefinitionsResponse> {
        let ctx = ctx(&call)?;
        let ListAttributeDefinitionsRequest {
            page_size,
            page_token,
        } = call.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self
            .profile
            .list_attribute_definitions(&ctx, size, &page_token)
            .await;
        let (rows, next_page_token) = page.map_err(status)?;
        let attribute_definitions = rows.into_iter().map(attribute_definition::encode).collect();
        Ok(Response::new(ListAttributeDefinitionsResponse {
            attribute_definitions,
            next_page_token,
        }))
    }

    async fn update_attribute_definition(
        &self,
        call: Request<UpdateAttributeDefinitionRequest>,
    ) -> Answer<AttributeDefinition> {
        let ctx = ctx(&call)?;
        let (change, once) = attribute_definition::update(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .update_attribute_definition(&ctx, change, once)
            .await;
        done.map(answer).map_err(status)
    }

    async fn deprecate_attribute_definition(
        &self,
        call: Request<DeprecateAttributeDefinitionRequest>,
    ) -> Answer<AttributeDefinition> {
        let ctx = ctx(&call)?;
        let (id, once) = attribute_definition::deprecate(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .deprecate_attribute_definition(&ctx, id, once)
            .await;
        done.map(answer).map_err(status)
    }
}

fn answer(definition: crate::domain::AttributeDefinition) -> Response<AttributeDefinition> {
    Response::new(attribute_definition::encode(definition))
}
