//! `dossier export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::export_customers_response::Part;
use dossier_proto::profile::v1::{ExportCustomersRequest, ExportFormat, ExportSummary};
use serde_json::json;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::count;
use crate::output::Output;

const BAR: &str = "{spinner} {human_pos} bytes  {msg}";

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier export customers.csv\n  \
    dossier export vip.xlsx --filter 'tags:\"vip\"'\n  \
    dossier export everybody.ndjson\n\n\
    What is written can be imported again, here or elsewhere, and exported to the same bytes. What you may \
    not see is empty, and named in masked_fields. The file appears when it is whole.")]
pub(crate) struct Export {
    /// The file to write
    file: PathBuf,

    /// What to write [default: by the file's name]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Which customers, such as tags:"vip" [default: all]
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,

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

impl Export {
    pub async fn run(self, output: &Output) -> Result<()> {
        let format = match self.format.or_else(|| by_name(&self.file)) {
            Some(Format::Csv) => ExportFormat::Csv,
            Some(Format::Ndjson) => ExportFormat::Ndjson,
            Some(Format::Xlsx) => ExportFormat::Xlsx,
            Some(Format::Vcard) => ExportFormat::Vcard,
            None => {
                let message = "The file's name does not say what it is; say --format csv, ndjson, \
                               xlsx or vcard.";
                return Err(Failure::usage(message));
            }
        };
        let request = ExportCustomersRequest {
            format: format.into(),
            filter: self.filter.clone(),
        };
        let mut client = CustomerServiceClient::new(self.connect.wire().await?);
        let begun = Instant::now();
        let mut answers = client.export_customers(request).await?.into_inner();
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let unwritable = |error: io::Error| Failure::io(part.display().to_string(), error);
        let mut file = BufWriter::new(File::create(&part).map_err(unwritable)?);
        let bar = output.progress(0, BAR);
        let mut summary = None;
        while let Some(answer) = answers.message().await? {
            match answer.part {
                Some(Part::Chunk(chunk)) => {
                    file.write_all(&chunk).map_err(unwritable)?;
                    bar.inc(chunk.len() as u64);
                }
                Some(Part::Summary(last)) => summary = Some(last),
                None => {}
            }
        }
        bar.finish_and_clear();
        let summary = summary.ok_or_else(|| Failure::NotServing {
            what: "The export".to_owned(),
        })?;
        let file = file
            .into_inner()
            .map_err(|error| unwritable(error.into_error()))?;
        file.sync_all().map_err(unwritable)?;
        std::fs::rename(&part, &self.file).map_err(unwritable)?;
        self.answer(output, summary, begun)
    }

    fn answer(&self, output: &Output, summary: ExportSummary, begun: Instant) -> Result<()> {
        let ExportSummary {
            customer_count,
            byte_count,
            masked_count,
        } = summary;
        let file = self.file.display().to_string();
        let document = json!({
            "file": file,
            "customer_count": customer_count,
            "byte_count": byte_count,
            "masked_count": masked_count,
            "seconds": begun.elapsed().as_secs_f64(),
        });
        output.answer(&document, || {
            let masked = match masked_count {
                0 => String::new(),
                some => format!(", {} of them masked", count(some)),
            };
            format!("{} customers in {file}{masked}", count(customer_count))
        })
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
