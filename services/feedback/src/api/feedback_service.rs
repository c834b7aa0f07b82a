//! The RPC of FeedbackService: what customers say, as it comes.

use dossier_rpc::{ctx, status};
use tonic::{Request, Response, Status};

use dossier_kernel::{TenantId, Timestamp};
use dossier_proto::common::v1::{Heartbeat, StreamEnd};
use dossier_proto::feedback::v1 as wire;
use dossier_proto::feedback::v1::feedback_service_server::FeedbackService;
use dossier_proto::feedback::v1::watch_feedback_response::Item;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::case::{encode_state, encode_type};
use super::decode::wire_time;
use crate::app::{App, Watched};
use crate::domain::{CaseState, CaseType};
use crate::store::{CaseEvent, FeedbackEvent, ResponseEvent};

pub struct Api(pub App);

#[tonic::async_trait]
impl FeedbackService for Api {
    type WatchFeedbackStream = BoxStream<'static, Result<wire::WatchFeedbackResponse, Status>>;

    async fn watch_feedback(
        &self,
        request: Request<wire::WatchFeedbackRequest>,
    ) -> Result<Response<Self::WatchFeedbackStream>, Status> {
        let ctx = ctx(&request)?;
        let stop = dossier_rpc::stop(&request);
        let wire::WatchFeedbackRequest {
            cursor,
            include_snapshot,
        } = request.into_inner();
        let items = self
            .0
            .watch_feedback(&ctx, &cursor, include_snapshot, stop)
            .await
            .map_err(status)?;
        let items = items.map(|item| item.map(encode_item).map_err(status));
        Ok(Response::new(items.boxed()))
    }
}

fn encode_item(item: Watched) -> wire::WatchFeedbackResponse {
    let (cursor, item) = match item {
        Watched::Snapshot {
            tenant,
            time,
            event,
        } => (
            String::new(),
            Item::Change(encode_change(tenant, time, event)),
        ),
        Watched::Event {
            cursor,
            tenant,
            time,
            event,
        } => (
            cursor.to_string(),
            Item::Change(encode_change(tenant, time, event)),
        ),
        Watched::Heartbeat { cursor } => (cursor.to_string(), Item::Heartbeat(Heartbeat {})),
        Watched::End { cursor } => (
            cursor.to_string(),
            Item::End(StreamEnd {
                cause: "drain".to_owned(),
            }),
        ),
    };
    wire::WatchFeedbackResponse {
        cursor,
        item: Some(item),
    }
}

fn encode_change(tenant: TenantId, time: Timestamp, event: FeedbackEvent) -> wire::FeedbackChange {
    use wire::feedback_change::Change;
    let change = match event {
        FeedbackEvent::Response(response) => Change::Response(encode_response(response)),
        FeedbackEvent::Case(case) => Change::Case(encode_case(case)),
    };
    wire::FeedbackChange {
        tenant: tenant.to_string(),
        time: wire_time(time),
        change: Some(change),
    }
}

fn encode_response(response: ResponseEvent) -> wire::Response {
    let ResponseEvent {
        response_id,
        survey_id,
        survey_version,
        customer_id,
        invitation_id,
        create_time,
        scores,
    } = response;
    let answers = scores.into_iter().map(|(question_id, score)| wire::Answer {
        question_id,
        value: Some(wire::answer::Value::Score(score)),
    });
    wire::Response {
        name: format!("responses/{response_id}"),
        survey: format!("surveys/{survey_id}"),
        survey_version,
        customer: format!("customers/{customer_id}"),
        invitation: format!("invitations/{invitation_id}"),
        create_time: wire_time(create_time),
        answers: answers.collect(),
        masked_fields: None,
    }
}

fn encode_case(case: CaseEvent) -> wire::Case {
    let CaseEvent {
        case_id,
        revision,
        create_time,
        update_time,
        customer_id,
        case_type,
        channel,
        state,
        replies,
        resolve_time,
        close_time,
    } = case;
    let replies = replies.into_iter().map(|told| wire::Reply {
        create_time: wire_time(told.create_time),
        author: told.author,
        text: String::new(),
    });
    wire::Case {
        name: format!("cases/{case_id}"),
        uid: case_id.to_string(),
        etag: revision.to_string(),
        create_time: wire_time(create_time),
        update_time: wire_time(update_time),
        customer: format!("customers/{customer_id}"),
        r#type: CaseType::parse(&case_type).map_or(0, |word| encode_type(word).into()),
        subject: String::new(),
        description: String::new(),
        channel: channel.unwrap_or_default(),
        state: CaseState::parse(&state).map_or(0, |word| encode_state(word).into()),
        replies: replies.collect(),
        resolution: String::new(),
        resolve_time: resolve_time.and_then(wire_time),
        close_time: close_time.and_then(wire_time),
        masked_fields: None,
    }
}
