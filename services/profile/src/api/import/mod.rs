//! ImportCustomers: the stream's parts to rows (`source`), rows to batches, reports to messages.
//!
//! One future reads and checks while another waits for the store, so that both cores work; the
//! channel between them holds one batch, so that memory stays flat whatever the file's size.

mod columns;
mod ndjson;
mod report;
mod sheet;
mod source;

use dossier_kernel::{Ctx, Error, Reason, Result, Violation};
use dossier_proto::profile::v1::import_customers_request::Part;
use dossier_proto::profile::v1::{
    ImportCustomersRequest, ImportCustomersResponse, ImportHeader, ImportRows,
};
use dossier_rpc::status;
use dossier_tabular::Origin;
use futures::FutureExt as _;
use futures::stream::{BoxStream, StreamExt};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use uuid::Uuid;

use self::report::Tally;
use self::sheet::Said;
use self::source::{Rest, Source};
use super::draft;
use super::mask::Mask;
use crate::app::{Batch, ImportRow, Profile};
use crate::domain::{Draft, normalize};

/// Messages that wait for a slow caller.
const ANSWERS_WAITING: usize = 64;
/// How much of a chunk is read before its rows go on: memory holds the rows of this, not of a
/// whole chunk.
const PIECE_BYTES: usize = 32 * 1024;

type Answer = Result<ImportCustomersResponse, Status>;

/// Runs the import in a task of its own, which ends when the caller goes away: what was committed
/// stays.
pub fn run(
    profile: Profile,
    ctx: Ctx,
    parts: Streaming<ImportCustomersRequest>,
) -> BoxStream<'static, Answer> {
    let (answers, receiver) = mpsc::channel(ANSWERS_WAITING);
    tokio::spawn(async move {
        if let Err(error) = import(&profile, &ctx, parts, &answers).await {
            // Nobody may be there to read it.
            let _ = answers.send(Err(error)).await;
        }
    });
    ReceiverStream::new(receiver).boxed()
}

async fn import(
    profile: &Profile,
    ctx: &Ctx,
    mut parts: Streaming<ImportCustomersRequest>,
    answers: &mpsc::Sender<Answer>,
) -> Result<(), Status> {
    let Some(Part::Header(header)) = next(&mut parts).await? else {
        return Err(status(invalid(
            "header",
            "must be the first message of the stream",
        )));
    };
    let (import, fingerprint) = identity(&header).map_err(status)?;
    let region = region(&header).map_err(status)?;
    let source = Source::new(profile, ctx, header, region.clone());
    let mut source = source.await.map_err(status)?;
    if let Some(id) = import {
        let begun = profile.begin_import(ctx, id, fingerprint).await;
        begun.map_err(status)?;
    }
    let (batches, mut waiting) = mpsc::channel::<(Batch, Vec<Origin>)>(1);

    let read = async move {
        let mut pending = Pending {
            profile,
            ctx,
            region,
            batches,
            rows: Vec::new(),
        };
        let mut told = false;
        while let Some(part) = next(&mut parts).await? {
            for piece in pieces(&part) {
                let read = source.read(piece, &mut pending.rows).await;
                read.map_err(status)?;
                if !told && let Some(columns) = source.columns() {
                    told = true;
                    // The writer notices when nobody listens.
                    let _ = answers.send(Ok(report::columns(columns))).await;
                }
                pending.hand_on_full().await?;
            }
        }
        match source.finish(&mut pending.rows).map_err(status)? {
            Rest::Columns(columns) if !told => {
                let _ = answers.send(Ok(report::columns(columns))).await;
            }
            Rest::Columns(_) | Rest::Nothing => {}
            Rest::Sheet(mut sheet) => {
                while let Some(said) = sheet.next().await {
                    match said.map_err(status)? {
                        Said::Columns(columns) => {
                            let _ = answers.send(Ok(report::columns(columns))).await;
                        }
                        Said::Rows(mut rows) => {
                            pending.rows.append(&mut rows);
                            pending.hand_on_full().await?;
                        }
                    }
                }
            }
        }
        pending.hand_on_full().await?;
        let last = std::mem::take(&mut pending.rows);
        pending.hand_on(last).await
    };
    let write = async move {
        let mut tally = Tally::default();
        while let Some((batch, origins)) = waiting.recv().await {
            let report = profile
                .import_batch(ctx, batch, import)
                .await
                .map_err(status)?;
            for answer in tally.add(report, &origins) {
                if answers.send(Ok(answer)).await.is_err() {
                    return Err(status(Error::new(
                        Reason::Cancelled,
                        "The caller went away.",
                    )));
                }
            }
        }
        Ok(tally)
    };
    // A writer that failed ends the reading, whatever the caller still has to send. What could not be
    // read ends no writing: batches before it are kept, and told.
    let (read, tally) = futures::try_join!(read.map(Ok), write)?;
    read?;
    let summary = match import {
        None => tally.rehearsed(),
        Some(id) => {
            let cursor = profile.finish_import(ctx, id).await.map_err(status)?;
            tally.done(id, cursor)
        }
    };
    let _ = answers.send(Ok(summary)).await;
    Ok(())
}

/// Rows on their way to the writer.
struct Pending<'p> {
    profile: &'p Profile,
    ctx: &'p Ctx,
    region: Option<String>,
    batches: mpsc::Sender<(Batch, Vec<Origin>)>,
    rows: Vec<Row>,
}

impl Pending<'_> {
    /// Hands on what fills batches.
    async fn hand_on_full(&mut self) -> Result<(), Status> {
        while let Some(full) = ImportRow::filling(self.rows.iter().map(|(row, _)| row)) {
            let rest = self.rows.split_off(full);
            let batch = std::mem::replace(&mut self.rows, rest);
            self.hand_on(batch).await?;
        }
        Ok(())
    }

    /// Checks a batch and hands it to the writer.
    async fn hand_on(&self, rows: Vec<Row>) -> Result<(), Status> {
        if rows.is_empty() {
            return Ok(());
        }
        let (rows, origins): (Vec<ImportRow>, Vec<Origin>) = rows.into_iter().unzip();
        let region = self.region.as_deref();
        let batch = self.profile.prepare_import(self.ctx, rows, region).await;
        let batch = batch.map_err(status)?;
        // The writer ends first only when it failed, and says why itself; nobody reads on then.
        let _ = self.batches.send((batch, origins)).await;
        Ok(())
    }
}

/// What is read at once.
enum Piece<'a> {
    Header,
    Bytes(&'a [u8]),
    Rows(&'a ImportRows),
}

fn pieces(part: &Part) -> Vec<Piece<'_>> {
    match part {
        Part::Header(_) => vec![Piece::Header],
        Part::Chunk(chunk) => chunk.chunks(PIECE_BYTES).map(Piece::Bytes).collect(),
        Part::Rows(rows) => vec![Piece::Rows(rows)],
    }
}

async fn next(parts: &mut Streaming<ImportCustomersRequest>) -> Result<Option<Part>, Status> {
    loop {
        match parts.message().await? {
            None => return Ok(None),
            Some(ImportCustomersRequest { part: Some(part) }) => return Ok(Some(part)),
            Some(ImportCustomersRequest { part: None }) => {}
        }
    }
}

/// By what the import is known, which a dry run is not, and what its rows mean, so that nobody goes on
/// with it who means something else.
fn identity(header: &ImportHeader) -> Result<(Option<Uuid>, Vec<u8>)> {
    let id = match (header.dry_run, header.import_id.as_str()) {
        (true, _) => None,
        (false, "") => Some(Uuid::now_v7()),
        (false, text) => {
            let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
            let words = "must be a UUID other than the nil UUID, or empty";
            Some(id.ok_or_else(|| invalid("header.import_id", words))?)
        }
    };
    let meaning = ImportHeader {
        import_id: String::new(),
        ..header.clone()
    };
    Ok((id, Sha256::digest(meaning.encode_to_vec()).to_vec()))
}

fn region(header: &ImportHeader) -> Result<Option<String>> {
    let code = header.default_region_code.as_str();
    match (code.is_empty(), normalize::region_code(code)) {
        (true, _) => Ok(None),
        (false, Some(code)) => Ok(Some(code)),
        (false, None) => Err(invalid(
            "header.default_region_code",
            normalize::REGION_CODE_WORDS,
        )),
    }
}

/// A row with where its fields come from.
type Row = (ImportRow, Origin);

/// A customer that is to be found by its identifiers.
fn message(customer: dossier_proto::profile::v1::Customer) -> Draft {
    let named = !customer.name.is_empty();
    let mut draft = draft::decode(customer, &Mask::Added);
    if named {
        draft
            .problems
            .add("name", "must be empty; external ids find the customer");
    }
    draft
}

fn invalid(field: &str, words: &str) -> Error {
    Error::invalid(vec![Violation::new(field, words)])
}

fn too_large(what: &str, limit: usize) -> Error {
    let message = format!("The {what} must not be more than {limit}.");
    Error::new(Reason::LimitExceeded, message).with("limit", limit.to_string())
}
