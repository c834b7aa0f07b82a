//! ImportCustomers: the stream's parts to rows, rows to batches, reports to messages.
//!
//! One future reads and checks while another waits for the store, so that both cores work; the
//! channel between them holds one batch, so that memory stays flat whatever the file's size.

mod columns;
mod csv;
mod ndjson;
mod origin;
mod report;

use dossier_kernel::{Ctx, Error, Reason, Result, Violation};
use dossier_proto::profile::v1::import_customers_request::Part;
use dossier_proto::profile::v1::{
    ImportCustomersRequest, ImportCustomersResponse, ImportFormat, ImportHeader, ImportRows,
};
use dossier_rpc::status;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use self::csv::CsvRows;
use self::ndjson::NdjsonRows;
use self::origin::Origin;
use self::report::Tally;
use super::draft;
use super::mask::Mask;
use crate::app::{BATCH_ROWS_MAX, Batch, ImportRow, Profile};
use crate::domain::{Draft, normalize};

/// Messages that wait for a slow caller.
const ANSWERS_WAITING: usize = 64;
/// The most rows of one message.
const MESSAGE_ROWS_MAX: usize = 1_000;
/// The longest row of a file, in bytes.
const ROW_BYTES_MAX: usize = 1024 * 1024;
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
    let dry_run = header.dry_run;
    let region = region(&header).map_err(status)?;
    let mut source = Source::new(profile, ctx, header).await.map_err(status)?;
    let (batches, mut waiting) = mpsc::channel::<(Batch, Vec<Origin>)>(1);

    let read = async move {
        let mut rows = Vec::new();
        while let Some(part) = next(&mut parts).await? {
            for piece in pieces(&part) {
                source.read(piece, &mut rows).map_err(status)?;
                while rows.len() >= BATCH_ROWS_MAX {
                    let rest = rows.split_off(BATCH_ROWS_MAX);
                    let batch = std::mem::replace(&mut rows, rest);
                    prepare(profile, ctx, batch, region.as_deref(), &batches).await?;
                }
            }
        }
        source.finish(&mut rows).map_err(status)?;
        prepare(profile, ctx, rows, region.as_deref(), &batches).await
    };
    let write = async move {
        let mut tally = Tally::default();
        while let Some((batch, origins)) = waiting.recv().await {
            let report = profile
                .import_batch(ctx, batch, dry_run)
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
    let (read, written) = futures::join!(read, write);
    let tally = written?;
    read?;
    let _ = answers.send(Ok(tally.summary())).await;
    Ok(())
}

/// Checks a batch and hands it to the writer.
async fn prepare(
    profile: &Profile,
    ctx: &Ctx,
    rows: Vec<Row>,
    region: Option<&str>,
    batches: &mpsc::Sender<(Batch, Vec<Origin>)>,
) -> Result<(), Status> {
    if rows.is_empty() {
        return Ok(());
    }
    let (rows, origins): (Vec<ImportRow>, Vec<Origin>) = rows.into_iter().unzip();
    let batch = profile
        .prepare_import(ctx, rows, region)
        .await
        .map_err(status)?;
    // The writer ends first only when it failed, and says why itself.
    let _ = batches.send((batch, origins)).await;
    Ok(())
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

/// What the parts after the header are.
enum Source {
    Csv(Box<CsvRows>),
    Ndjson(NdjsonRows),
    Rows { count: u64 },
}

impl Source {
    async fn new(profile: &Profile, ctx: &Ctx, header: ImportHeader) -> Result<Self> {
        let ImportHeader {
            format,
            dry_run: _,
            column_mapping,
            default_region_code: _,
        } = header;
        match ImportFormat::try_from(format) {
            Ok(ImportFormat::Csv) => {
                // Cells are text; the definitions say what text it is.
                let definitions = profile.attribute_definitions(ctx).await?;
                Ok(Self::Csv(Box::new(CsvRows::new(
                    column_mapping,
                    definitions,
                ))))
            }
            Ok(ImportFormat::Ndjson) => Ok(Self::Ndjson(NdjsonRows::new()?)),
            Ok(ImportFormat::Rows) => Ok(Self::Rows { count: 0 }),
            Ok(ImportFormat::Unspecified) | Err(_) => {
                Err(invalid("header.format", "is required: CSV, NDJSON or ROWS"))
            }
        }
    }

    fn read(&mut self, piece: Piece<'_>, rows: &mut Vec<Row>) -> Result<()> {
        match (self, piece) {
            (_, Piece::Header) => Err(invalid("header", "may come once, at the beginning")),
            (Self::Csv(csv), Piece::Bytes(bytes)) => csv.read(bytes, rows),
            (Self::Ndjson(lines), Piece::Bytes(bytes)) => lines.read(bytes, rows),
            (Self::Rows { count }, Piece::Rows(ImportRows { customers })) => {
                if customers.len() > MESSAGE_ROWS_MAX {
                    return Err(too_large("rows of one message", MESSAGE_ROWS_MAX));
                }
                for customer in customers {
                    *count += 1;
                    rows.push((row(*count, message(customer.clone())), Origin::default()));
                }
                Ok(())
            }
            (Self::Rows { .. }, Piece::Bytes(_)) => Err(invalid(
                "chunk",
                "belongs to CSV and NDJSON; the header says ROWS",
            )),
            (Self::Csv(_) | Self::Ndjson(_), Piece::Rows(_)) => Err(invalid(
                "rows",
                "belong to ROWS; the header says another format",
            )),
        }
    }

    /// The stream has ended: so has a last row without a line break.
    fn finish(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        match self {
            Self::Csv(csv) => csv.finish(rows),
            Self::Ndjson(lines) => lines.finish(rows),
            Self::Rows { .. } => Ok(()),
        }
    }
}

fn row(number: u64, draft: Draft) -> ImportRow {
    ImportRow {
        number,
        draft,
        kind_default: None,
    }
}

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
