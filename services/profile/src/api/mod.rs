//! The gRPC face: decode, one call, encode. The only place that names generated types.
//!
//! | file | holds |
//! |---|---|
//! | `customer_service`, `import_service`, `revision_service`, `attribute_definition_service`, `consent_service`, `relationship_service`, `merge_service`, `tag_service`, `search_service`, `privacy_request_service`, `duplicate_service`, `api_key_service` | the handlers; each reads as a table of contents |
//! | `request`, `tag` | requests to commands |
//! | `draft`, `mask` | what a message and its mask say about a customer |
//! | `customer`, `revision`, `value`, `enums`, `attribute_definition`, `consent`, `consent_notice`, `relationship`, `merge`, `api_key` | the domain's values to messages and back |
//! | `watch` | changes to messages |
//! | `entry`, `attribute_text` | what files say of customers, to drafts and from messages |
//! | `privacy_request` | privacy requests and legal holds, to messages and back |
//! | `duplicate` | scans for duplicates and what they found, to messages, and requests to commands |
//! | `export`, `privacy_export`, `protobuf_json` | customers to files |
//! | `import` | files and rows to drafts, reports to messages |
//! | `import_job` | imports that were begun, to messages |

mod api_key;
mod api_key_service;
mod attribute_definition;
mod attribute_definition_service;
mod attribute_text;
mod consent;
mod consent_notice;
mod consent_service;
mod customer;
mod customer_service;
mod draft;
mod duplicate;
mod duplicate_service;
mod entry;
mod enums;
mod export;
mod import;
mod import_job;
mod import_service;
mod mask;
mod merge;
mod merge_service;
mod privacy_export;
mod privacy_request;
mod privacy_request_service;
mod protobuf_json;
mod relationship;
mod relationship_service;
mod request;
mod revision;
mod revision_service;
mod search_service;
mod tag;
mod tag_service;
mod value;
mod watch;

use dossier_proto::access::v1::api_key_service_server::ApiKeyServiceServer;
use dossier_proto::profile::v1::attribute_definition_service_server::AttributeDefinitionServiceServer;
use dossier_proto::profile::v1::consent_service_server::ConsentServiceServer;
use dossier_proto::profile::v1::customer_service_server::CustomerServiceServer;
use dossier_proto::profile::v1::duplicate_service_server::DuplicateServiceServer;
use dossier_proto::profile::v1::import_service_server::ImportServiceServer;
use dossier_proto::profile::v1::merge_service_server::MergeServiceServer;
use dossier_proto::profile::v1::privacy_request_service_server::PrivacyRequestServiceServer;
use dossier_proto::profile::v1::relationship_service_server::RelationshipServiceServer;
use dossier_proto::profile::v1::revision_service_server::RevisionServiceServer;
use dossier_proto::profile::v1::search_service_server::SearchServiceServer;
use dossier_proto::profile::v1::tag_service_server::TagServiceServer;
use dossier_rpc::configured;
use tonic::service::Routes;

use crate::app::Profile;

/// The services of profile.
#[derive(Clone)]
struct Api {
    profile: Profile,
}

pub fn routes(profile: Profile) -> Routes {
    let api = Api { profile };
    Routes::new(configured!(CustomerServiceServer::new(api.clone())))
        .add_service(configured!(ImportServiceServer::new(api.clone())))
        .add_service(configured!(RevisionServiceServer::new(api.clone())))
        .add_service(configured!(AttributeDefinitionServiceServer::new(
            api.clone()
        )))
        .add_service(configured!(ConsentServiceServer::new(api.clone())))
        .add_service(configured!(RelationshipServiceServer::new(api.clone())))
        .add_service(configured!(MergeServiceServer::new(api.clone())))
        .add_service(configured!(TagServiceServer::new(api.clone())))
        .add_service(configured!(SearchServiceServer::new(api.clone())))
        .add_service(configured!(PrivacyRequestServiceServer::new(api.clone())))
        .add_service(configured!(DuplicateServiceServer::new(api.clone())))
        .add_service(configured!(ApiKeyServiceServer::new(api)))
}

/// What the laws ask of messages.
#[cfg(test)]
pub use customer::{encode, encode_outline};

#[cfg(test)]
pub fn read(customer: dossier_proto::profile::v1::Customer) -> crate::domain::Draft {
    draft::decode(customer, &mask::Mask::Set)
}
