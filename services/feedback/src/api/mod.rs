//! The wire: handlers decode, call once and encode. With `peers/` the only place that names
//! generated types.

mod case;
mod case_service;
mod decode;
mod feedback_service;
mod subject;
mod survey;
mod survey_service;

use dossier_proto::feedback::v1::case_service_server::CaseServiceServer;
use dossier_proto::feedback::v1::feedback_service_server::FeedbackServiceServer;
use dossier_proto::feedback::v1::survey_service_server::SurveyServiceServer;
use dossier_rpc::configured;
use tonic::service::Routes;

use crate::app::App;

pub use subject::Subjects;

/// What the tests ask of messages.
#[cfg(test)]
pub use case::encode_case;

pub fn routes(app: &App) -> Routes {
    Routes::new(configured!(SurveyServiceServer::new(survey_service::Api(
        app.clone()
    ))))
    .add_service(configured!(CaseServiceServer::new(case_service::Api(
        app.clone()
    ))))
    .add_service(configured!(FeedbackServiceServer::new(
        feedback_service::Api(app.clone())
    )))
}
