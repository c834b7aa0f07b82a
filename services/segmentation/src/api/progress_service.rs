//! The RPCs of ProgressService, a handler each.

use dossier_proto::segmentation::v1 as wire;
use dossier_proto::segmentation::v1::progress_service_server::ProgressService;
use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use super::encode::time;
use crate::app::{App, FeedProgress, Verification};

pub struct Api(pub App);

#[tonic::async_trait]
impl ProgressService for Api {
    async fn get_progress(
        &self,
        _: Request<wire::GetProgressRequest>,
    ) -> Result<Response<wire::GetProgressResponse>, Status> {
        let feeds = self.0.get_progress().await.map_err(status)?;
        let feeds = feeds.into_iter().map(encode).collect();
        Ok(Response::new(wire::GetProgressResponse { feeds }))
    }

    async fn await_progress(
        &self,
        request: Request<wire::AwaitProgressRequest>,
    ) -> Result<Response<wire::AwaitProgressResponse>, Status> {
        let ctx = ctx(&request)?;
        let cursors = request.into_inner().cursors.into_iter().collect();
        self.0
            .await_progress(&ctx, &cursors)
            .await
            .map_err(status)?;
        Ok(Response::new(wire::AwaitProgressResponse {}))
    }

    async fn verify_state(
        &self,
        request: Request<wire::VerifyStateRequest>,
    ) -> Result<Response<wire::VerifyStateResponse>, Status> {
        let found = self.0.verify_state(&ctx(&request)?).await.map_err(status)?;
        let Verification {
            customer_count,
            membership_count,
            difference_count,
            differences,
        } = found;
        Ok(Response::new(wire::VerifyStateResponse {
            customer_count,
            membership_count,
            difference_count,
            differences,
        }))
    }
}

fn encode(progress: FeedProgress) -> wire::FeedProgress {
    let FeedProgress {
        feed,
        cursor,
        update_time,
        last_error,
    } = progress;
    wire::FeedProgress {
        feed: feed.to_owned(),
        cursor,
        update_time: update_time.map(time),
        last_error,
    }
}
