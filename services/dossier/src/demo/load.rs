//! Brings the purchases into a suite through its public streams.

use std::time::{Duration, Instant};

use dossier_proto::interaction::v1::IngestInteractionsRequest;
use dossier_proto::interaction::v1::ingest_result::Outcome;
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::import_customers_request::Part as Ask;
use dossier_proto::profile::v1::import_customers_response::Part as Answer;
use dossier_proto::profile::v1::{ImportCustomersRequest, ImportFormat, ImportHeader, ImportRows};
use dossier_proto::segmentation::v1::AwaitProgressRequest;
use dossier_proto::segmentation::v1::progress_service_client::ProgressServiceClient;
use futures::stream;
use tonic::Request;

use crate::connect::Wire;
use crate::demo::cdnow::{self, Line};
use crate::failure::{Failure, Result};

/// Customers in one message of the import.
const ROWS: usize = 500;
/// Longest wait for segmentation to see what was loaded.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);

/// What a step brought in, and how fast.
pub(crate) struct Loaded {
    pub count: i64,
    pub took: Duration,
    /// Where the feed of the service stands after it.
    pub cursor: String,
}

pub(crate) async fn customers(wire: &Wire, lines: &[Line]) -> Result<Loaded> {
    let begun = Instant::now();
    let header = ImportHeader {
        format: ImportFormat::Rows.into(),
        ..ImportHeader::default()
    };
    let mut parts = vec![Ask::Header(header)];
    for ids in cdnow::ids(lines).chunks(ROWS) {
        let customers = ids.iter().map(|id| cdnow::customer(id)).collect();
        parts.push(Ask::Rows(ImportRows { customers }));
    }
    let requests = stream::iter(
        parts
            .into_iter()
            .map(|part| ImportCustomersRequest { part: Some(part) }),
    );
    let mut client = CustomerServiceClient::new(wire.clone());
    let mut answers = client.import_customers(requests).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        match answer.part {
            Some(Answer::RowError(error)) => {
                return Err(unexpected(format!(
                    "Row {} was refused: {}",
                    error.row, error.message
                )));
            }
            Some(Answer::Summary(summary)) => {
                let took = begun.elapsed();
                return Ok(Loaded {
                    count: summary.row_count,
                    took,
                    cursor: summary.cursor,
                });
            }
            Some(Answer::Columns(_) | Answer::Progress(_)) | None => {}
        }
    }
    Err(unexpected("The import ended without a summary."))
}

pub(crate) async fn purchases(wire: &Wire, lines: &[Line]) -> Result<Loaded> {
    let begun = Instant::now();
    let requests: Vec<_> = lines
        .iter()
        .zip(0..)
        .map(|(line, position)| IngestInteractionsRequest {
            position,
            interaction: Some(cdnow::purchase(line)),
            customer_key: Some(cdnow::key(&line.id)),
        })
        .collect();
    let mut client = InteractionServiceClient::new(wire.clone());
    let mut answers = client
        .ingest_interactions(stream::iter(requests))
        .await?
        .into_inner();
    let mut count = 0;
    let mut cursor = String::new();
    while let Some(answer) = answers.message().await? {
        for result in answer.results {
            match result.outcome {
                Some(Outcome::Name(_)) => count += 1,
                Some(Outcome::Error(error)) => return Err(unexpected(error.message)),
                None => return Err(unexpected("A purchase was answered without an outcome.")),
            }
        }
        if !answer.cursor.is_empty() {
            cursor = answer.cursor;
        }
    }
    Ok(Loaded {
        count,
        took: begun.elapsed(),
        cursor,
    })
}

/// Waits until segmentation has followed the feeds as far as `cursors` and every segment is
/// complete; says how long that took.
pub(crate) async fn caught_up(wire: &Wire, cursors: &[(&str, &str)]) -> Result<Duration> {
    let begun = Instant::now();
    let cursors = cursors
        .iter()
        .map(|(feed, cursor)| ((*feed).to_owned(), (*cursor).to_owned()))
        .collect();
    let mut request = Request::new(AwaitProgressRequest { cursors });
    request.set_timeout(CATCH_UP_TIMEOUT);
    ProgressServiceClient::new(wire.clone())
        .await_progress(request)
        .await?;
    Ok(begun.elapsed())
}

fn unexpected(message: impl Into<String>) -> Failure {
    Failure::Refused(dossier_kernel::Error::new(
        dossier_kernel::Reason::FailedPrecondition,
        message,
    ))
}
