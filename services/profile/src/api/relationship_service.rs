//! RelationshipService.

use dossier_proto::profile::v1::relationship_service_server::RelationshipService;
use dossier_proto::profile::v1::{
    CreateRelationshipRequest, EndRelationshipRequest, GetHouseholdRequest,
    GetOrganizationTreeRequest, Household, ListRelationshipsRequest, ListRelationshipsResponse,
    OrganizationTree, Relationship,
};
use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use super::relationship::Listed;
use super::{Api, relationship};
use crate::app::Related;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RelationshipService for Api {
    async fn create_relationship(
        &self,
        call: Request<CreateRelationshipRequest>,
    ) -> Answer<Relationship> {
        let ctx = ctx(&call)?;
        let (new, once) = relationship::create(call.into_inner()).map_err(status)?;
        let related = self.profile.create_relationship(&ctx, new, once).await;
        related.map(answer).map_err(status)
    }

    async fn end_relationship(
        &self,
        call: Request<EndRelationshipRequest>,
    ) -> Answer<Relationship> {
        let ctx = ctx(&call)?;
        let (id, at, once) = relationship::end(call.into_inner()).map_err(status)?;
        let related = self.profile.end_relationship(&ctx, id, at, once).await;
        related.map(answer).map_err(status)
    }

    async fn list_relationships(
        &self,
        call: Request<ListRelationshipsRequest>,
    ) -> Answer<ListRelationshipsResponse> {
        let ctx = ctx(&call)?;
        let Listed {
            customer,
            at,
            page_size,
            page_token,
        } = relationship::list(call.into_inner()).map_err(status)?;
        let page = self
            .profile
            .list_relationships(&ctx, customer, at, page_size, &page_token)
            .await;
        let (relationships, next_page_token) = page.map_err(status)?;
        Ok(Response::new(ListRelationshipsResponse {
            relationships: relationships
                .into_iter()
                .map(relationship::encode)
                .collect(),
            next_page_token,
        }))
    }

    async fn get_household(&self, call: Request<GetHouseholdRequest>) -> Answer<Household> {
        let ctx = ctx(&call)?;
        let (customer, at) = relationship::household(call.into_inner()).map_err(status)?;
        let found = self.profile.get_household(&ctx, customer, at).await;
        let household = found.map_err(status)?;
        Ok(Response::new(relationship::encode_household(household)))
    }

    async fn get_organization_tree(
        &self,
        call: Request<GetOrganizationTreeRequest>,
    ) -> Answer<OrganizationTree> {
        let ctx = ctx(&call)?;
        let (customer, at, extent) = relationship::tree(call.into_inner()).map_err(status)?;
        let found = self
            .profile
            .get_organization_tree(&ctx, customer, at, extent)
            .await;
        let tree = found.map_err(status)?;
        Ok(Response::new(relationship::encode_tree(tree)))
    }
}

fn answer(related: Related) -> Response<Relationship> {
    let Related {
        relationship,
        cursor,
    } = related;
    with_cursor(relationship::encode(relationship), cursor)
}
