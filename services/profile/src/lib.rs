#![doc = include_str!("../README.md")]

mod api;
mod app;
mod domain;
mod error;
mod jobs;
mod store;
#[cfg(test)]
mod tests;

use dossier_runtime::{Deps, Recipe, Service};
use futures::FutureExt;

use crate::app::{Parts, Profile};

/// How this service is made.
pub fn recipe() -> Recipe {
    Recipe {
        name: "profile",
        grpc_services: &[
            "dossier.profile.v1.CustomerService",
            "dossier.profile.v1.RevisionService",
            "dossier.profile.v1.AttributeDefinitionService",
            "dossier.profile.v1.ConsentService",
            "dossier.profile.v1.RelationshipService",
            "dossier.profile.v1.TagService",
            "dossier.access.v1.ApiKeyService",
        ],
        migrations: store::migrations,
        sealed: store::REGISTRY,
        held: store::HELD,
        compaction: Some("profile.compact-feed"),
        build: |deps| async move { Ok(build(deps)) }.boxed(),
    }
}

fn build(deps: Deps) -> Service {
    // It asks nobody: profile is the truth about who a customer is.
    let Deps {
        db,
        feed,
        vault,
        cache,
        clock,
        access,
        audit,
        peers: _,
        stop,
    } = deps;
    let profile = Profile::new(Parts {
        db,
        feed,
        vault,
        cache,
        clock,
        access,
        audit,
        stop,
    });
    let jobs = jobs::jobs(&profile);
    Service {
        routes: api::routes(profile),
        jobs,
        participant: None,
    }
}
