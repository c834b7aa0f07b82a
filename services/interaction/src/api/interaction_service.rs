//! The RPCs of `dossier.interaction.v1.InteractionService`.

use dossier_db::Once;
use dossier_feed::Cursor;
use dossier_kernel::{Error, Reason, Result, Timestamp, Violation};
use dossier_proto::interaction::v1 as wire;
use dossier_proto::interaction::v1::interaction_service_server::InteractionService;
use dossier_rpc::{ctx, status, stop, with_cursor};
use futures::stream::{BoxStream, StreamExt};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::{decode, encode, ingest};
use crate::app::{Interactions, ListQuery, Record, Start};
use crate::domain::Violations;

/// How many interactions one batch may hold.
const BATCH_MAX: usize = 500;

pub struct Api {
    interactions: Interactions,
}

impl Api {
    pub const fn new(interactions: Interactions) -> Self {
        Self { interactions }
    }
}

#[tonic::async_trait]
impl InteractionService for Api {
    async fn record_interaction(
        &self,
        request: Request<wire::RecordInteractionRequest>,
    ) -> Result<Response<wire::RecordInteractionResponse>, Status> {
        let ctx = ctx(&request)?;
        let (once, record) =
            record_request(request.into_inner(), self.interactions.now()).map_err(status)?;
        let (answer, cursor) = self
            .interactions
            .record_interaction(&ctx, once, record)
            .await
            .map_err(status)?;
        Ok(answered(encode::answer(answer), cursor))
    }

    async fn batch_record_interactions(
        &self,
        request: Request<wire::BatchRecordInteractionsRequest>,
    ) -> Result<Response<wire::BatchRecordInteractionsResponse>, Status> {
        let ctx = ctx(&request)?;
        let (once, records) =
            batch_request(request.into_inner(), self.interactions.now()).map_err(status)?;
        let (answers, cursor) = self
            .interactions
            .batch_record_interactions(&ctx, once, records)
            .await
            .map_err(status)?;
        let responses = answers.into_iter().map(encode::answer).collect();
        Ok(answered(
            wire::BatchRecordInteractionsResponse { responses },
            cursor,
        ))
    }

    type IngestInteractionsStream =
        BoxStream<'static, Result<wire::IngestInteractionsResponse, Status>>;

    async fn ingest_interactions(
        &self,
        request: Request<Streaming<wire::IngestInteractionsRequest>>,
    ) -> Result<Response<Self::IngestInteractionsStream>, Status> {
        let (ctx, stop) = (ctx(&request)?, stop(&request));
        Ok(Response::new(ingest::ingest(
            &self.interactions,
            &ctx,
            request.into_inner(),
            stop,
        )))
    }

    async fn get_interaction(
        &self,
        request: Request<wire::GetInteractionRequest>,
    ) -> Result<Response<wire::Interaction>, Status> {
        let ctx = ctx(&request)?;
        let wire::GetInteractionRequest { name } = request.into_inner();
        let id = decode::interaction("name", &name).map_err(status)?;
        let interaction = self
            .interactions
            .get_interaction(&ctx, id)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::interaction(interaction)))
    }

    async fn list_interactions(
        &self,
        request: Request<wire::ListInteractionsRequest>,
    ) -> Result<Response<wire::ListInteractionsResponse>, Status> {
        let ctx = ctx(&request)?;
        let query = list_request(request.into_inner()).map_err(status)?;
        let listed = self
            .interactions
            .list_interactions(&ctx, query)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::listed(listed)))
    }

    async fn get_activity_summary(
        &self,
        request: Request<wire::GetActivitySummaryRequest>,
    ) -> Result<Response<wire::ActivitySummary>, Status> {
        let ctx = ctx(&request)?;
        let wire::GetActivitySummaryRequest {
            customer,
            window_days,
        } = request.into_inner();
        let customer = decode::customer("customer", &customer).map_err(status)?;
        let summary = self
            .interactions
            .get_activity_summary(&ctx, customer, window_days)
            .await
            .map_err(status)?;
        Ok(Response::new(encode::summary(customer, summary)))
    }

    type WatchInteractionsStream =
        BoxStream<'static, Result<wire::WatchInteractionsResponse, Status>>;

    async fn watch_interactions(
        &self,
        request: Request<wire::WatchInteractionsRequest>,
    ) -> Result<Response<Self::WatchInteractionsStream>, Status> {
        let (ctx, stop) = (ctx(&request)?, stop(&request));
        let start = watch_request(request.into_inner()).map_err(status)?;
        let changes = self
            .interactions
            .watch_interactions(&ctx, start, stop)
            .await
            .map_err(status)?;
        let answers = changes.map(|change| change.map(encode::change).map_err(status));
        Ok(Response::new(answers.boxed()))
    }
}

fn answered<T>(answer: T, cursor: Cursor) -> Response<T> {
    with_cursor(answer, Some(cursor.to_string()))
}

fn record_request(
    request: wire::RecordInteractionRequest,
    now: Timestamp,
) -> Result<(Option<Once>, Record)> {
    const METHOD: &str = "dossier.interaction.v1.InteractionService/RecordInteraction";
    let once = once(METHOD, &request.request_id, &request)?;
    let wire::RecordInteractionRequest {
        interaction,
        customer_key,
        request_id: _,
    } = request;
    let record = decode::record(interaction, customer_key, now);
    Ok((once, record.map_err(Violations::into_error)?))
}

fn batch_request(
    request: wire::BatchRecordInteractionsRequest,
    now: Timestamp,
) -> Result<(Option<Once>, Vec<Record>)> {
    const METHOD: &str = "dossier.interaction.v1.InteractionService/BatchRecordInteractions";
    let once = once(METHOD, &request.request_id, &request)?;
    let wire::BatchRecordInteractionsRequest {
        requests,
        request_id: _,
    } = request;
    if requests.len() > BATCH_MAX {
        let words = "A batch holds at most 500 interactions; send several batches, or a stream.";
        return Err(Error::new(Reason::LimitExceeded, words)
            .with("limit", BATCH_MAX.to_string())
            .with_violations(vec![Violation::new("requests", "must be at most 500")]));
    }
    let mut violations = Violations::default();
    let mut records = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let wire::RecordInteractionRequest {
            interaction,
            customer_key,
            request_id,
        } = request;
        let at = || format!("requests[{index}]");
        if !request_id.is_empty() {
            violations.add(at() + ".request_id", "must be empty; the batch has one");
        }
        match decode::record(interaction, customer_key, now) {
            Ok(record) => records.push(record),
            Err(found) => violations.append(found.under(&at())),
        }
    }
    violations.into_result()?;
    Ok((once, records))
}

fn list_request(request: wire::ListInteractionsRequest) -> Result<ListQuery> {
    let wire::ListInteractionsRequest {
        customer,
        page_size,
        page_token,
        filter,
        order_by,
    } = request;
    let customer = match customer.as_str() {
        "" => None,
        name => Some(decode::customer("customer", name)?),
    };
    Ok(ListQuery {
        customer,
        page_size,
        page_token,
        filter,
        order_by,
    })
}

fn watch_request(request: wire::WatchInteractionsRequest) -> Result<Start> {
    let wire::WatchInteractionsRequest {
        cursor,
        include_snapshot,
    } = request;
    Ok(match (cursor.as_str(), include_snapshot) {
        ("", false) => Start::Now,
        ("", true) => Start::Beginning,
        (cursor, _) => Start::After(Cursor::parse(cursor)?),
    })
}

/// Without an id nothing is promised, so nothing need be encoded to be compared.
fn once(method: &'static str, request_id: &str, request: &impl Message) -> Result<Option<Once>> {
    if request_id.is_empty() {
        return Ok(None);
    }
    Once::new(request_id, method, &request.encode_to_vec())
}
