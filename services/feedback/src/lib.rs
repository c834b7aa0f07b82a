#![doc = include_str!("../README.md")]

mod api;
mod app;
mod domain;
mod peers;
mod store;

use std::sync::Arc;

use dossier_runtime::{Deps, Recipe, Service};
use futures::FutureExt;

/// Everything a process needs to know to run feedback.
pub fn recipe() -> Recipe {
    Recipe {
        name: "feedback",
        grpc_services: &[
            "dossier.feedback.v1.SurveyService",
            "dossier.feedback.v1.CaseService",
            "dossier.feedback.v1.FeedbackService",
        ],
        migrations: store::migration::all,
        sealed: store::REGISTRY,
        held: store::HELD,
        replay: None,
        compaction: Some("feedback.compact-feed"),
        build: |deps: Deps| {
            async move {
                let app = app::App::new(deps);
                Ok(Service {
                    routes: api::routes(&app),
                    jobs: Vec::new(),
                    participant: Some(Arc::new(api::Subjects(app))),
                })
            }
            .boxed()
        },
    }
}
