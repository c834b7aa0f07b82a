//! The wire: decode, one call, encode.

mod decode;
mod details;
mod encode;
mod ingest;
mod interaction_service;
#[cfg(test)]
mod tests;

pub use interaction_service::Api;

/// The full name of the gRPC service.
pub const SERVICE: &str = "dossier.interaction.v1.InteractionService";
