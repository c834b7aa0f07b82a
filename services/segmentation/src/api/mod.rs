//! The wire: handlers decode, call once and encode. With `peers/` the only place that names
//! generated types.

mod decode;
mod encode;
mod progress_service;
mod segment_service;
mod subject;
mod value_class_service;

use dossier_proto::segmentation::v1::progress_service_server::ProgressServiceServer;
use dossier_proto::segmentation::v1::segment_service_server::SegmentServiceServer;
use dossier_proto::segmentation::v1::value_class_service_server::ValueClassServiceServer;
use dossier_rpc::configured;
use tonic::service::Routes;

use crate::app::App;

pub use subject::Subjects;

pub const SERVICES: &[&str] = &[
    "dossier.segmentation.v1.SegmentService",
    "dossier.segmentation.v1.ValueClassService",
    "dossier.segmentation.v1.ProgressService",
];

pub fn routes(app: &App) -> Routes {
    let segments = SegmentServiceServer::new(segment_service::Api(app.clone()));
    let classes = ValueClassServiceServer::new(value_class_service::Api(app.clone()));
    let progress = ProgressServiceServer::new(progress_service::Api(app.clone()));
    Routes::new(configured!(segments))
        .add_service(configured!(classes))
        .add_service(configured!(progress))
}
