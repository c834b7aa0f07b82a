//! Relationships as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{CustomerId, PageSize, Result, Timestamp};
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::RelationshipType as Wire;
use uuid::Uuid;

use super::request;
use super::value::{encode_time, time_in};
use crate::app::{Extent, Household, Tree};
use crate::domain::{LEVELS_MAX, NewRelationship, Relationship, RelationshipType, Violations};

const DEPTH_DEFAULT: usize = 10;
const NODES_DEFAULT: usize = 500;
const NODES_MAX: usize = 1_000;

pub fn encode(relationship: Relationship) -> wire::Relationship {
    let (name, etag) = (relationship.to_name(), relationship.etag());
    let Relationship {
        id,
        revision: _,
        create_time,
        update_time,
        from,
        to,
        kind,
        span,
        label,
    } = relationship;
    wire::Relationship {
        name,
        uid: id.to_string(),
        etag,
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        from: from.to_name(),
        to: to.to_name(),
        r#type: encode_type(kind).into(),
        start_time: span.known_start().map(encode_time),
        end_time: span.known_end().map(encode_time),
        label,
    }
}

pub fn encode_household(household: Household) -> wire::Household {
    let Household {
        customer,
        members,
        truncated,
    } = household;
    wire::Household {
        customer: customer.to_name(),
        members: members.into_iter().map(encode).collect(),
        truncated,
    }
}

pub fn encode_tree(tree: Tree) -> wire::OrganizationTree {
    let Tree {
        nodes,
        path,
        truncated,
    } = tree;
    let nodes = nodes.into_iter().map(|node| wire::OrganizationNode {
        customer: node.customer.to_name(),
        superior: node
            .superior
            .map_or_else(String::new, |(id, _)| id.to_name()),
        r#type: node
            .superior
            .map_or(Wire::Unspecified, |(_, kind)| encode_type(kind))
            .into(),
        depth: node.depth.try_into().unwrap_or(i32::MAX),
    });
    wire::OrganizationTree {
        nodes: nodes.collect(),
        path: path.into_iter().map(CustomerId::to_name).collect(),
        truncated,
    }
}

const fn encode_type(kind: RelationshipType) -> Wire {
    match kind {
        RelationshipType::Spouse => Wire::Spouse,
        RelationshipType::Parent => Wire::Parent,
        RelationshipType::Child => Wire::Child,
        RelationshipType::Sibling => Wire::Sibling,
        RelationshipType::Guardian => Wire::Guardian,
        RelationshipType::Ward => Wire::Ward,
        RelationshipType::Friend => Wire::Friend,
        RelationshipType::Referrer => Wire::Referrer,
        RelationshipType::Referred => Wire::Referred,
        RelationshipType::Other => Wire::Other,
        RelationshipType::Employee => Wire::Employee,
        RelationshipType::Employer => Wire::Employer,
        RelationshipType::Contact => Wire::Contact,
        RelationshipType::ContactOrganization => Wire::ContactOrganization,
        RelationshipType::Owner => Wire::Owner,
        RelationshipType::OwnedOrganization => Wire::OwnedOrganization,
        RelationshipType::LegalRepresentative => Wire::LegalRepresentative,
        RelationshipType::RepresentedOrganization => Wire::RepresentedOrganization,
        RelationshipType::Member => Wire::Member,
        RelationshipType::MemberOrganization => Wire::MemberOrganization,
        RelationshipType::HouseholdMember => Wire::HouseholdMember,
        RelationshipType::Household => Wire::Household,
        RelationshipType::ParentOrganization => Wire::ParentOrganization,
        RelationshipType::Subsidiary => Wire::Subsidiary,
        RelationshipType::HeadOffice => Wire::HeadOffice,
        RelationshipType::Branch => Wire::Branch,
        RelationshipType::Supplier => Wire::Supplier,
        RelationshipType::Buyer => Wire::Buyer,
        RelationshipType::Partner => Wire::Partner,
    }
}

/// `None` where it is not said, or says nothing.
fn decode_type(number: i32) -> Option<RelationshipType> {
    Some(match Wire::try_from(number).ok()? {
        Wire::Unspecified => return None,
        Wire::Spouse => RelationshipType::Spouse,
        Wire::Parent => RelationshipType::Parent,
        Wire::Child => RelationshipType::Child,
        Wire::Sibling => RelationshipType::Sibling,
        Wire::Guardian => RelationshipType::Guardian,
        Wire::Ward => RelationshipType::Ward,
        Wire::Friend => RelationshipType::Friend,
        Wire::Referrer => RelationshipType::Referrer,
        Wire::Referred => RelationshipType::Referred,
        Wire::Other => RelationshipType::Other,
        Wire::Employee => RelationshipType::Employee,
        Wire::Employer => RelationshipType::Employer,
        Wire::Contact => RelationshipType::Contact,
        Wire::ContactOrganization => RelationshipType::ContactOrganization,
        Wire::Owner => RelationshipType::Owner,
        Wire::OwnedOrganization => RelationshipType::OwnedOrganization,
        Wire::LegalRepresentative => RelationshipType::LegalRepresentative,
        Wire::RepresentedOrganization => RelationshipType::RepresentedOrganization,
        Wire::Member => RelationshipType::Member,
        Wire::MemberOrganization => RelationshipType::MemberOrganization,
        Wire::HouseholdMember => RelationshipType::HouseholdMember,
        Wire::Household => RelationshipType::Household,
        Wire::ParentOrganization => RelationshipType::ParentOrganization,
        Wire::Subsidiary => RelationshipType::Subsidiary,
        Wire::HeadOffice => RelationshipType::HeadOffice,
        Wire::Branch => RelationshipType::Branch,
        Wire::Supplier => RelationshipType::Supplier,
        Wire::Buyer => RelationshipType::Buyer,
        Wire::Partner => RelationshipType::Partner,
    })
}

pub fn create(asked: wire::CreateRelationshipRequest) -> Result<(NewRelationship, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "RelationshipService/CreateRelationship";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::CreateRelationshipRequest {
        relationship,
        request_id: _,
    } = asked;
    let wire::Relationship {
        name,
        uid: _,
        etag: _,
        create_time: _,
        update_time: _,
        from,
        to,
        r#type,
        start_time,
        end_time,
        label,
    } = relationship.unwrap_or_default();
    if !name.is_empty() {
        problems.add_to_request("relationship.name", "must be empty; it is assigned");
    }
    let new = NewRelationship {
        from: request::name_in("relationship.from", &from, &mut problems),
        to: request::name_in("relationship.to", &to, &mut problems),
        kind: decode_type(r#type),
        start: time_in("relationship.start_time", start_time, &mut problems),
        end: time_in("relationship.end_time", end_time, &mut problems),
        label,
    };
    problems.into_result()?;
    Ok((new, once))
}

/// Which one, and when it ends.
pub fn end(asked: wire::EndRelationshipRequest) -> Result<(Uuid, Option<Timestamp>, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "RelationshipService/EndRelationship";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::EndRelationshipRequest {
        name,
        end_time,
        request_id: _,
    } = asked;
    let id = name.strip_prefix("relationships/");
    let id = id.and_then(|id| Uuid::try_parse(id).ok());
    if id.is_none() {
        problems.add_to_request("name", "must be relationships/{relationship} with a UUID");
    }
    let at = time_in("end_time", end_time, &mut problems);
    problems.into_result()?;
    // Without violations there is one.
    Ok((id.unwrap_or_default(), at, once))
}

/// What to list, of whom, and as of when.
pub struct Listed {
    pub customer: CustomerId,
    pub at: Option<Timestamp>,
    pub page_size: PageSize,
    pub page_token: String,
}

pub fn list(asked: wire::ListRelationshipsRequest) -> Result<Listed> {
    let wire::ListRelationshipsRequest {
        customer,
        read_time,
        page_size,
        page_token,
    } = asked;
    let mut problems = Violations::default();
    let customer = request::name_in("customer", &customer, &mut problems);
    let at = time_in("read_time", read_time, &mut problems);
    let page_size = request::page_size(page_size, &mut problems);
    problems.into_result()?;
    Ok(Listed {
        customer,
        at,
        page_size,
        page_token,
    })
}

pub fn household(asked: wire::GetHouseholdRequest) -> Result<(CustomerId, Option<Timestamp>)> {
    let wire::GetHouseholdRequest {
        customer,
        read_time,
    } = asked;
    let mut problems = Violations::default();
    let customer = request::name_in("customer", &customer, &mut problems);
    let at = time_in("read_time", read_time, &mut problems);
    problems.into_result()?;
    Ok((customer, at))
}

pub fn tree(
    asked: wire::GetOrganizationTreeRequest,
) -> Result<(CustomerId, Option<Timestamp>, Extent)> {
    let wire::GetOrganizationTreeRequest {
        customer,
        read_time,
        depth_max,
        node_count_max,
    } = asked;
    let mut problems = Violations::default();
    let customer = request::name_in("customer", &customer, &mut problems);
    let at = time_in("read_time", read_time, &mut problems);
    let mut within = |field: &str, asked: i32, default: usize, most: usize| match asked {
        0 => default,
        asked => {
            let fits = usize::try_from(asked).ok().filter(|asked| *asked <= most);
            fits.unwrap_or_else(|| {
                let words = format!("must be 0 to {most}; 0 is {default}");
                problems.add_to_request(field, words);
                default
            })
        }
    };
    let extent = Extent {
        depth_max: within("depth_max", depth_max, DEPTH_DEFAULT, LEVELS_MAX),
        node_count_max: within("node_count_max", node_count_max, NODES_DEFAULT, NODES_MAX),
    };
    problems.into_result()?;
    Ok((customer, at, extent))
}
