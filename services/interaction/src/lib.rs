#![doc = include_str!("../README.md")]

mod api;
mod app;
mod domain;
mod error;
mod peers;
mod store;

use dossier_proto::interaction::v1::interaction_service_server::InteractionServiceServer;
use dossier_rpc::configured;
use dossier_runtime::{Deps, Recipe, Service};
use futures::FutureExt;
use tonic::service::Routes;

/// How the service is made.
pub fn recipe() -> Recipe {
    Recipe {
        name: "interaction",
        grpc_services: &[api::SERVICE],
        migrations: store::migrations,
        build: |deps| async move { Ok(build(deps)) }.boxed(),
    }
}

fn build(deps: Deps) -> Service {
    let Deps {
        db,
        feed,
        vault,
        cache: _,
        clock,
        peers,
        stop: _,
    } = deps;
    let profile = peers::Profile::new(peers.profile);
    let interactions = app::Interactions::new(db, feed, vault, clock, profile);
    let server = configured!(InteractionServiceServer::new(api::Api::new(interactions)));
    Service {
        routes: Routes::new(server),
        jobs: Vec::new(),
    }
}
