//! A stream of interactions in, acknowledgements out.
//!
//! ```text
//! items ─ gather what is ready ─ check, ask for customers (tasks) ─ write (in order) ─ acknowledge
//! ```
//! While one gather is being written the next ones are made ready; when several wait, no more is
//! read, and HTTP/2 holds the client back.

use dossier_kernel::{Ctx, Error, Result};
use dossier_proto::interaction::v1 as wire;
use dossier_rpc::status;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wire::ingest_result::Outcome;

use super::{decode, encode};
use crate::app::{Gather, Interactions};
use crate::domain::Violations;
use crate::store::Recorded;

/// Items of one transaction at most.
const GATHER_MAX: usize = 500;
/// How many gathers are made ready at the same time.
const PREPARED_AT_ONCE: usize = 4;
/// How many are on their way to the disk: those that one transaction holds, and those that wait for
/// the next.
const WRITTEN_AT_ONCE: usize = 16;

type Item = Result<wire::IngestInteractionsRequest, Status>;
type Acknowledged = Result<wire::IngestInteractionsResponse, Status>;

/// Items whose customers are known, and the callers' numbers for them.
struct Ready {
    positions: Vec<u64>,
    gather: Gather,
    /// Why the items ended there, if not in peace.
    broken: Option<Status>,
}

pub fn ingest(
    interactions: &Interactions,
    ctx: &Ctx,
    items: impl Stream<Item = Item> + Send + 'static,
    stop: CancellationToken,
) -> BoxStream<'static, Acknowledged> {
    let of_prepare = (interactions.clone(), ctx.clone());
    let of_write = interactions.clone();
    let draining = stop.clone().cancelled_owned();
    let goodbye =
        stream::once(async move { stop.is_cancelled() }).filter_map(|stopped| async move {
            stopped.then(|| {
                let words = "The service is stopping; send again what was not acknowledged.";
                Err(status(Error::unavailable(words)))
            })
        });
    items
        .take_until(draining)
        .ready_chunks(GATHER_MAX)
        .map(move |items| {
            // A task, so that another core can work on it.
            let task = prepare(of_prepare.0.clone(), of_prepare.1.clone(), items);
            let task = tokio::spawn(task);
            async move {
                task.await
                    .unwrap_or_else(|panic| Err(Error::internal(panic)))
            }
        })
        .buffered(PREPARED_AT_ONCE)
        .map(move |ready| write(of_write.clone(), ready))
        .buffered(WRITTEN_AT_ONCE)
        .flat_map(stream::iter)
        .chain(goodbye)
        .boxed()
}

async fn prepare(interactions: Interactions, ctx: Ctx, items: Vec<Item>) -> Result<Ready> {
    let now = interactions.now();
    let mut positions = Vec::with_capacity(items.len());
    let mut records = Vec::with_capacity(items.len());
    let mut broken = None;
    for item in items {
        match item {
            Ok(wire::IngestInteractionsRequest {
                position,
                interaction,
                customer_key,
            }) => {
                positions.push(position);
                let record = decode::record(interaction, customer_key, now);
                records.push(record.map_err(Violations::into_error));
            }
            Err(status) => {
                broken = Some(status);
                break;
            }
        }
    }
    let gather = interactions.gather(&ctx, records).await?;
    Ok(Ready {
        positions,
        gather,
        broken,
    })
}

/// The acknowledgement, and the end of the stream where something larger than an item failed.
async fn write(interactions: Interactions, ready: Result<Ready>) -> Vec<Acknowledged> {
    let Ready {
        positions,
        gather,
        broken,
    } = match ready {
        Ok(ready) => ready,
        Err(error) => return vec![Err(status(error))],
    };
    let mut answers = Vec::with_capacity(2);
    if !positions.is_empty() {
        match interactions.ingest_interactions(gather).await {
            Ok((outcomes, cursor)) => {
                let results = positions
                    .into_iter()
                    .zip(outcomes)
                    .map(|(at, of)| result(at, of));
                answers.push(Ok(wire::IngestInteractionsResponse {
                    results: results.collect(),
                    cursor: cursor.map(|cursor| cursor.to_string()).unwrap_or_default(),
                }));
            }
            Err(error) => answers.push(Err(status(error))),
        }
    }
    answers.extend(broken.map(Err));
    answers
}

fn result(position: u64, outcome: Result<Recorded>) -> wire::IngestResult {
    let (outcome, duplicate) = match outcome {
        Ok(Recorded { id, duplicate }) => (Outcome::Name(id.to_name()), duplicate),
        Err(error) => (Outcome::Error(encode::item_error(error)), false),
    };
    wire::IngestResult {
        position,
        outcome: Some(outcome),
        duplicate,
    }
}
