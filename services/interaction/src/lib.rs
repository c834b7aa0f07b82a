#![doc = include_str!("../README.md")]

mod api;
mod app;
mod domain;
mod error;
mod peers;
mod store;

use std::sync::Arc;

use dossier_runtime::{Deps, Recipe, Service};
use futures::FutureExt;

/// How the service is made.
pub fn recipe() -> Recipe {
    Recipe {
        name: "interaction",
        grpc_services: &[api::SERVICE],
        migrations: store::migrations,
        sealed: store::REGISTRY,
        held: store::HELD,
        replay: None,
        compaction: None,
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
        access,
        audit,
        peers,
        erasing: _,
        stop: _,
    } = deps;
    let profile = peers::Profile::new(peers.profile);
    let interactions = app::Interactions::new(app::Parts {
        db,
        feed,
        vault,
        clock,
        access,
        audit,
        profile,
    });
    Service {
        routes: api::routes(interactions.clone()),
        jobs: Vec::new(),
        participant: Some(Arc::new(api::Subjects(interactions))),
    }
}
