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

use dossier_runtime::{Deps, Erasing, Recipe, Service};
use futures::FutureExt;

use crate::app::{Parts, Profile};
use crate::peers::Neighbour;

/// How this service is made.
pub fn recipe() -> Recipe {
    Recipe {
        name: "profile",
        grpc_services: &[
            "dossier.profile.v1.CustomerService",
            "dossier.profile.v1.ImportService",
            "dossier.profile.v1.RevisionService",
            "dossier.profile.v1.AttributeDefinitionService",
            "dossier.profile.v1.ConsentService",
            "dossier.profile.v1.RelationshipService",
            "dossier.profile.v1.MergeService",
            "dossier.profile.v1.TagService",
            "dossier.profile.v1.SearchService",
            "dossier.profile.v1.PrivacyRequestService",
            "dossier.profile.v1.DuplicateService",
            "dossier.access.v1.ApiKeyService",
        ],
        migrations: store::migrations,
        sealed: store::REGISTRY,
        held: store::HELD,
        replay: Some(app::replay),
        compaction: Some("profile.compact-feed"),
        build: |deps| async move { Ok(build(deps)) }.boxed(),
    }
}

fn build(deps: Deps) -> Service {
    // Who a customer is profile asks nobody: it is the truth. Neighbours are asked to forget.
    let Deps {
        db,
        feed,
        vault,
        cache,
        clock,
        access,
        audit,
        peers,
        erasing,
        stop,
    } = deps;
    let neighbours = vec![
        Neighbour::new("interaction", peers.interaction),
        Neighbour::new("segmentation", peers.segmentation),
        Neighbour::new("feedback", peers.feedback),
    ];
    let Erasing { journal, settle } = erasing;
    let profile = Profile::new(Parts {
        db,
        feed,
        vault,
        cache,
        clock,
        access,
        audit,
        neighbours,
        journal,
        settle,
        stop,
    });
    let jobs = jobs::jobs(&profile);
    Service {
        routes: api::routes(profile),
        jobs,
        participant: None,
    }
}
