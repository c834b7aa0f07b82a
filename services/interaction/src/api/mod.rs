//! The wire: decode, one call, encode.

mod decode;
mod details;
mod encode;
mod ingest;
mod interaction_service;
mod subject;
#[cfg(test)]
mod tests;

use dossier_proto::interaction::v1::interaction_service_server::InteractionServiceServer;
use dossier_rpc::configured;
use tonic::service::Routes;

use crate::app::Interactions;

use interaction_service::Api;

pub use subject::Subjects;

/// The full name of the gRPC service.
pub const SERVICE: &str = "dossier.interaction.v1.InteractionService";

pub fn routes(interactions: Interactions) -> Routes {
    Routes::new(configured!(InteractionServiceServer::new(Api::new(
        interactions
    ))))
}
