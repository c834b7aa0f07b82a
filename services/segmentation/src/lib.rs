#![doc = include_str!("../README.md")]

mod api;
mod app;
mod domain;
mod error;
mod jobs;
mod peers;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use dossier_runtime::{Deps, Recipe, Registry, Service};
use futures::FutureExt;

/// How the service is made.
pub fn recipe() -> Recipe {
    Recipe {
        name: "segmentation",
        grpc_services: api::SERVICES,
        migrations: store::migrations,
        sealed: Registry::NOTHING,
        held: store::HELD,
        replay: None,
        compaction: Some("segmentation.compact-feed"),
        build: |deps| async move { Ok(build(deps)) }.boxed(),
    }
}

fn build(deps: Deps) -> Service {
    let Deps {
        db,
        feed,
        vault: _,
        cache: _,
        clock,
        access: _,
        audit: _,
        peers,
        erasing: _,
        stop,
    } = deps;
    let peers = peers::Peers {
        profile: peers::Profile::new(peers.profile),
        interaction: peers::Interaction::new(peers.interaction),
        feedback: peers::Feedback::new(peers.feedback),
    };
    let app = app::App::new(db, feed, clock, peers);
    Service {
        routes: api::routes(&app),
        jobs: jobs::jobs(&app, &stop),
        participant: Some(Arc::new(api::Subjects(app))),
    }
}
