//! ExportCustomers: customers to a file, the file to messages.

use dossier_kernel::{Ctx, Error, Result, Violation};
use dossier_proto::profile::v1::export_customers_response::Part;
use dossier_proto::profile::v1::{
    ContactPointType, Customer, ExportCustomersRequest, ExportCustomersResponse, ExportFormat,
    ExportSummary,
};
use dossier_rpc::status;
use dossier_tabular::{Format, Writer};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{customer, entry, protobuf_json};
use crate::app::{Export, Profile, Seen};
use crate::domain::normalize;

/// The largest part of a file in one message.
const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// The file, in chunks, and what was written, at the end.
pub async fn run(
    profile: &Profile,
    ctx: &Ctx,
    request: ExportCustomersRequest,
    stop: CancellationToken,
) -> Result<BoxStream<'static, Result<ExportCustomersResponse, Status>>> {
    let ExportCustomersRequest { format, filter } = request;
    let shape = Shape::of(ExportFormat::try_from(format).unwrap_or_default())?;
    let Export { attributes, pages } = profile.export_customers(ctx, filter, stop).await?;
    let file = File::begin(shape, attributes)?;
    let turns = pages.map(Some).chain(stream::iter([None]));
    let parts = turns.scan(Some(file), |file, turn| {
        let said = match (turn, &mut *file) {
            (_, None) => Ok(Vec::new()),
            (Some(page), Some(open)) => page.and_then(|page| open.write(page)),
            (None, open) => open.take().map_or(Ok(Vec::new()), File::finish),
        };
        // After an error nothing more is said.
        if said.is_err() {
            *file = None;
        }
        std::future::ready(Some(said))
    });
    let parts = parts.map(|parts| parts.map(|parts| stream::iter(parts).map(Ok)));
    let messages = parts
        .try_flatten()
        .map_ok(|part| ExportCustomersResponse { part: Some(part) });
    Ok(messages.map_err(status).boxed())
}

/// How customers are written.
enum Shape {
    Entries(Format),
    Lines(MessageDescriptor),
}

impl Shape {
    fn of(format: ExportFormat) -> Result<Self> {
        Ok(match format {
            ExportFormat::Csv => Self::Entries(Format::Csv),
            ExportFormat::Xlsx => Self::Entries(Format::Xlsx),
            ExportFormat::Vcard => Self::Entries(Format::Vcard),
            ExportFormat::Ndjson => Self::Lines(protobuf_json::customer()?),
            ExportFormat::Unspecified => {
                let words = "is required: CSV, NDJSON, XLSX or VCARD";
                return Err(Error::invalid(vec![Violation::new("format", words)]));
            }
        })
    }
}

/// A file that is being written.
struct File {
    shape: Open,
    /// What was written and not sent yet.
    bytes: Vec<u8>,
    summary: ExportSummary,
}

enum Open {
    Entries(Writer),
    Lines(MessageDescriptor),
}

impl File {
    fn begin(shape: Shape, attributes: Vec<String>) -> Result<Self> {
        let mut bytes = Vec::new();
        let shape = match shape {
            Shape::Entries(format) => Open::Entries(Writer::begin(format, attributes, &mut bytes)),
            Shape::Lines(descriptor) => Open::Lines(descriptor),
        };
        Ok(Self {
            shape,
            bytes,
            summary: ExportSummary::default(),
        })
    }

    /// The chunks that are full with these.
    fn write(&mut self, page: Vec<Seen>) -> Result<Vec<Part>> {
        for seen in page {
            let customer = portable(customer::encode(seen));
            self.summary.customer_count += 1;
            if customer.masked_fields.is_some() {
                self.summary.masked_count += 1;
            }
            match &mut self.shape {
                Open::Entries(writer) => {
                    writer.write(&entry::encode(customer), &mut self.bytes)?;
                }
                Open::Lines(descriptor) => line(descriptor, &customer, &mut self.bytes)?,
            }
        }
        let mut parts = Vec::new();
        while self.bytes.len() >= CHUNK_BYTES_MAX {
            let rest = self.bytes.split_off(CHUNK_BYTES_MAX);
            let chunk = std::mem::replace(&mut self.bytes, rest);
            parts.push(told(chunk, &mut self.summary));
        }
        Ok(parts)
    }

    fn finish(self) -> Result<Vec<Part>> {
        let Self {
            shape,
            mut bytes,
            mut summary,
        } = self;
        if let Open::Entries(writer) = shape {
            writer.finish(&mut bytes)?;
        }
        let chunks = bytes.chunks(CHUNK_BYTES_MAX).map(<[u8]>::to_vec);
        let mut parts: Vec<Part> = chunks.map(|chunk| told(chunk, &mut summary)).collect();
        parts.push(Part::Summary(summary));
        Ok(parts)
    }
}

fn told(chunk: Vec<u8>, summary: &mut ExportSummary) -> Part {
    summary.byte_count += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
    Part::Chunk(chunk)
}

/// Without what is the store's own, so that the same customers elsewhere are the same file, and read
/// there as they are here.
fn portable(customer: Customer) -> Customer {
    let mut customer = Customer {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        delete_time: None,
        purge_time: None,
        ..customer
    };
    let region = Some(customer.region_code.as_str()).filter(|code| !code.is_empty());
    for point in &mut customer.contact_points {
        let normalized = std::mem::take(&mut point.normalized_value);
        // A number in national form that was read by a region which the file does not tell.
        if point.r#type() == ContactPointType::Phone
            && normalize::phone(&point.value, region).as_ref() != Ok(&normalized)
        {
            point.value = normalized;
        }
    }
    if let Some(industry) = &mut customer.industry {
        industry.title.clear();
        industry.path.clear();
    }
    customer
}

/// Appends the customer in protobuf JSON, keys sorted: equal customers are equal lines.
fn line(descriptor: &MessageDescriptor, customer: &Customer, bytes: &mut Vec<u8>) -> Result<()> {
    let encoded = customer.encode_to_vec();
    let message = DynamicMessage::decode(descriptor.clone(), encoded.as_slice());
    let message = message.map_err(Error::internal)?;
    let mut json = serde_json::to_value(&message).map_err(Error::internal)?;
    json.sort_all_objects();
    serde_json::to_writer(&mut *bytes, &json).map_err(Error::internal)?;
    bytes.push(b'\n');
    Ok(())
}
