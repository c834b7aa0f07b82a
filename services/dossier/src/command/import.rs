//! `dossier import`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use dossier_proto::common::v1::ErrorReason;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::import_customers_request::Part as Ask;
use dossier_proto::profile::v1::import_customers_response::Part as Answer;
use dossier_proto::profile::v1::{
    ImportColumns, ImportCustomersRequest, ImportFormat, ImportHeader, ImportRowError,
    ImportSummary,
};
use futures::{Stream, StreamExt, stream};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::connect::{Connect, Wire};
use crate::failure::{Failure, Result};
use crate::format::count;
use crate::output::Output;

/// One request's share of the file: large enough to be cheap, small enough for a live bar.
const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that may wait for the suite, so that memory stays flat.
const CHUNKS_AHEAD: usize = 4;

const BAR: &str =
    "{spinner} {bar:30} {percent:>3} %  {human_pos}/{human_len} rows  {msg}  {eta} left";

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier import customers.csv\n  \
    dossier import customers.csv --dry-run --map '姓名=display_name' --map '手机=phone' --region CN\n  \
    dossier import contacts.xlsx --ignore-unknown\n  \
    dossier import 客户.csv --encoding GB18030\n  \
    dossier import crm.ndjson --errors refused.csv\n  \
    dossier import customers.csv --resume 0199f0a0-0000-7000-8000-000000000007\n\n\
    Columns of CSV and XLSX: type, display_name, given_name, family_name, legal_name, gender, birth_date, \
    region_code, language_code, time_zone, owner, team, industry, email, phone, tags (a;b), \
    external_id.NAMESPACE, address.locality and so on, attributes.ID; those of exports from Google \
    Contacts, HubSpot, Salesforce and Zoho CRM are recognised, and common ones in English and Chinese; \
    --map gives other names. NDJSON: one Customer in protobuf JSON a line. VCF: vCards 3.0 and 4.0. Rows are \
    updated by their external id, so that the same file can be imported again. Exits with 65 when \
    rows were left out.")]
pub(crate) struct Import {
    /// The file
    file: PathBuf,

    /// What the file is [default: by its name]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Check every row, change nothing
    #[arg(long)]
    dry_run: bool,

    /// Read a column of the file as a field; an empty field ignores the column
    #[arg(long = "map", value_name = "COLUMN=FIELD")]
    mapping: Vec<String>,

    /// Region of phone numbers in national form, such as CN
    #[arg(
        long,
        value_name = "REGION",
        default_value = "",
        hide_default_value = true
    )]
    region: String,

    /// Leave out columns that mean nothing, instead of refusing the file
    #[arg(long)]
    ignore_unknown: bool,

    /// UTF-8, UTF-16LE, UTF-16BE or GB18030 [default: by the byte order mark, else UTF-8]
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    encoding: String,

    /// Comma, semicolon or tab between the cells of CSV [default: by the header row]
    #[arg(
        long,
        value_name = "CHARACTER",
        default_value = "",
        hide_default_value = true
    )]
    delimiter: String,

    /// Go on with an import that broke off: its id, which the failure told
    #[arg(long, value_name = "UUID")]
    resume: Option<Uuid>,

    /// Where refused rows are listed [default: FILE.errors.csv]
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Ndjson,
    Xlsx,
    Vcard,
}

impl Import {
    pub async fn run(self, output: &Output) -> Result<()> {
        let header = self.header()?;
        let import_id = header.import_id.clone();
        let unreadable = |error| Failure::io(self.file.display().to_string(), error);
        let file = File::open(&self.file).map_err(unreadable)?;
        let rows = match ImportFormat::try_from(header.format) {
            Ok(ImportFormat::Csv | ImportFormat::Ndjson) => count_rows(&self.file),
            // Their lines are no rows.
            _ => Ok(0),
        };
        let rows = rows.map_err(unreadable)?;
        let client = CustomerServiceClient::new(self.connect.wire().await?);

        let bar = output.progress(rows, BAR);
        let (requests, queue) = mpsc::channel(CHUNKS_AHEAD);
        let (whole, read) = oneshot::channel();
        let reader = tokio::task::spawn_blocking(move || send(file, header, &requests, whole));
        let begun = Instant::now();
        let mut refused = Refused::new(self.errors_path());
        let told = tokio::select! {
            told = listen(client, until_read(queue, read), &mut refused, &bar, output, begun) => told,
            error = broken(reader) => Err(unreadable(error)),
        };
        bar.finish_and_clear();
        refused.finish()?;
        if told.is_err() && !self.dry_run && bar.position() > 0 {
            output.say(&format!(
                "What was read is kept; say the same with --resume {import_id} to go on, or \
                 dossier imports undo {import_id} to take it back."
            ));
        }
        let summary = told?;
        self.answer(output, &summary, begun, &refused)?;
        if summary.error_count == 0 {
            return Ok(());
        }
        let errors_file = refused.path.display().to_string();
        Err(Failure::RowsLeftOut {
            error_count: summary.error_count,
            errors_file,
        })
    }

    fn header(&self) -> Result<ImportHeader> {
        let format = match self.format.or_else(|| by_name(&self.file)) {
            Some(Format::Csv) => ImportFormat::Csv,
            Some(Format::Ndjson) => ImportFormat::Ndjson,
            Some(Format::Xlsx) => ImportFormat::Xlsx,
            Some(Format::Vcard) => ImportFormat::Vcard,
            None => {
                let message = "The file's name does not say what it is; say --format csv, ndjson, \
                               xlsx or vcard.";
                return Err(Failure::usage(message));
            }
        };
        let mut column_mapping = BTreeMap::new();
        for pair in &self.mapping {
            let (column, field) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--map {pair} is not COLUMN=FIELD.")))?;
            column_mapping.insert(column.to_owned(), field.to_owned());
        }
        Ok(ImportHeader {
            format: format.into(),
            dry_run: self.dry_run,
            column_mapping,
            default_region_code: self.region.clone(),
            encoding: self.encoding.clone(),
            delimiter: self.delimiter.clone(),
            ignore_unknown_columns: self.ignore_unknown,
            import_id: self.resume.unwrap_or_else(Uuid::now_v7).to_string(),
        })
    }

    fn errors_path(&self) -> PathBuf {
        self.errors.clone().unwrap_or_else(|| {
            let mut name = self.file.clone().into_os_string();
            name.push(".errors.csv");
            name.into()
        })
    }

    fn answer(
        &self,
        output: &Output,
        summary: &ImportSummary,
        begun: Instant,
        refused: &Refused,
    ) -> Result<()> {
        let ImportSummary {
            row_count,
            created_count,
            updated_count,
            unchanged_count,
            error_count,
            cursor,
            import_id,
        } = summary;
        let document = json!({
            "dry_run": self.dry_run,
            "row_count": row_count,
            "created_count": created_count,
            "updated_count": updated_count,
            "unchanged_count": unchanged_count,
            "error_count": error_count,
            "errors_file": (*error_count > 0).then(|| refused.path.display().to_string()),
            "cursor": cursor,
            "import_id": import_id,
            "rows_per_second": rate(*row_count, begun),
        });
        output.answer(&document, || {
            let would = if self.dry_run { "would be " } else { "" };
            format!(
                "{} rows: {} {would}created, {} {would}updated, {} unchanged, {} refused ({}/s)",
                count(*row_count),
                count(*created_count),
                count(*updated_count),
                count(*unchanged_count),
                count(*error_count),
                rate(*row_count, begun),
            )
        })
    }
}

/// Sends the requests and hears the answers to the last.
async fn listen(
    mut client: CustomerServiceClient<Wire>,
    requests: impl Stream<Item = ImportCustomersRequest> + Send + 'static,
    refused: &mut Refused,
    bar: &ProgressBar,
    output: &Output,
    begun: Instant,
) -> Result<ImportSummary> {
    let mut answers = client.import_customers(requests).await?.into_inner();
    let mut summary = None;
    while let Some(answer) = answers.message().await? {
        match answer.part {
            Some(Answer::Progress(progress)) => {
                bar.set_position(u64::try_from(progress.row_count).unwrap_or(0));
                bar.set_message(format!("{}/s", count(rate(progress.row_count, begun))));
            }
            Some(Answer::RowError(error)) => refused.write(&error)?,
            Some(Answer::Summary(last)) => summary = Some(last),
            Some(Answer::Columns(columns)) => bar.suspend(|| say_left_out(output, &columns)),
            None => {}
        }
    }
    summary.ok_or_else(|| Failure::NotServing {
        what: "The import".to_owned(),
    })
}

/// Why the file cannot be read any further; never, where it was read to its end.
async fn broken(reader: JoinHandle<io::Result<()>>) -> io::Error {
    match reader.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(error) => io::Error::other(error),
    }
}

/// What the reader sends. The suite takes the end of the stream for the end of the file and its last
/// line for a whole one, so a file that could not be read to its end has none: the call is broken
/// off instead.
fn until_read(
    queue: mpsc::Receiver<ImportCustomersRequest>,
    whole: oneshot::Receiver<()>,
) -> impl Stream<Item = ImportCustomersRequest> + Send + 'static {
    let end = async move {
        if whole.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let end = stream::once(end).filter_map(|()| std::future::ready(None));
    ReceiverStream::new(queue).chain(end)
}

/// Reads the file into requests until it ends, which is told, or the suite stops listening.
fn send(
    mut file: impl Read,
    header: ImportHeader,
    requests: &mpsc::Sender<ImportCustomersRequest>,
    whole: oneshot::Sender<()>,
) -> io::Result<()> {
    let mut part = Ask::Header(header);
    loop {
        if requests
            .blocking_send(ImportCustomersRequest { part: Some(part) })
            .is_err()
        {
            // The call has ended; its status says why.
            return Ok(());
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        let length = file.read(&mut chunk)?;
        if length == 0 {
            // Nobody wants to know when the call has ended.
            let _ = whole.send(());
            return Ok(());
        }
        chunk.truncate(length);
        part = Ask::Chunk(chunk);
    }
}

/// About how many rows there are, for the bar: lines, though a quoted field may hold several. 0
/// where the file can be read only once.
fn count_rows(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(0);
    }
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut lines = 0;
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(lines);
        }
        let ends = chunk
            .iter()
            .take(length)
            .filter(|byte| **byte == b'\n')
            .count();
        lines += u64::try_from(ends).unwrap_or(0);
    }
}

fn by_name(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "xlsx" => Some(Format::Xlsx),
        "vcf" => Some(Format::Vcard),
        _ => None,
    }
}

/// Nothing of the file is dropped in silence.
fn say_left_out(output: &Output, columns: &ImportColumns) {
    let left_out = columns.columns.iter().filter(|one| one.field.is_empty());
    let names: Vec<&str> = left_out.map(|one| one.column.as_str()).collect();
    if !columns.program.is_empty() {
        output.say(&format!("The columns are those of {}.", columns.program));
    }
    if !names.is_empty() {
        output.say(&format!("Left out: {}.", names.join(", ")));
    }
}

/// Rows a second, for people.
fn rate(rows: i64, begun: Instant) -> i64 {
    let millis = i64::try_from(begun.elapsed().as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    rows.saturating_mul(1_000) / millis
}

/// The list of refused rows; the file is made when there is one.
struct Refused {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
}

impl Refused {
    fn new(path: PathBuf) -> Self {
        Self { path, writer: None }
    }

    fn write(&mut self, error: &ImportRowError) -> Result<()> {
        let unwritable = |error: csv::Error| {
            Failure::io(self.path.display().to_string(), io::Error::other(error))
        };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let mut writer = csv::Writer::from_path(&self.path).map_err(unwritable)?;
                writer
                    .write_record(["row", "column", "reason", "message"])
                    .map_err(unwritable)?;
                self.writer.insert(writer)
            }
        };
        let reason = ErrorReason::try_from(error.reason).unwrap_or(ErrorReason::Unspecified);
        let reason = reason.as_str_name().trim_start_matches("ERROR_REASON_");
        writer
            .write_record([
                &error.row.to_string(),
                &error.column,
                reason,
                &error.message,
            ])
            .map_err(unwritable)
    }

    fn finish(&mut self) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer
            .flush()
            .map_err(|error| Failure::io(self.path.display().to_string(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    /// A disk that fails after the first bytes, or does not.
    struct Disk {
        bytes: &'static [u8],
        fails: bool,
    }

    impl Read for Disk {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.bytes {
                [] if self.fails => Err(io::Error::other("bad sector")),
                _ => self.bytes.read(into),
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_on_has_no_end() {
        for fails in [false, true] {
            let (requests, queue) = mpsc::channel(CHUNKS_AHEAD);
            let (whole, read) = oneshot::channel();
            let bytes = b"display_name\nSmi";
            let disk = Disk { bytes, fails };
            let reader = tokio::task::spawn_blocking(move || {
                send(disk, ImportHeader::default(), &requests, whole)
            });
            let read_whole = reader.await.expect("no panic").is_ok();
            assert_eq!(read_whole, !fails);
            let mut stream = pin!(until_read(queue, read));
            for part in ["header", "chunk"] {
                assert!(stream.next().await.is_some(), "{part}");
            }
            let ends = futures::poll!(stream.next()).is_ready();
            assert_eq!(ends, !fails, "`Smi` is no name when the rest is missing");
        }
    }
}
