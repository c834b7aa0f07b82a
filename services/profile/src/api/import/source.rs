//! What the parts after an import's header are: files of a format, or messages.

use std::sync::Arc;

use dossier_kernel::{Ctx, Result};
use dossier_proto::profile::v1::{Customer, ImportColumns, ImportFormat, ImportHeader, ImportRows};
use dossier_tabular::{CardReader, CsvReader, Delimiter, Encoding, Mapping, Origin, Record};

use prost::Message as _;

use super::ndjson::NdjsonRows;
use super::sheet::{self, Sheet, Spool};
use super::{Piece, Row, columns, invalid, message, too_large};
use crate::api::entry;
use crate::app::{ImportRow, Profile};
use crate::domain::{Definitions, Draft};

/// The most rows of one message.
const MESSAGE_ROWS_MAX: usize = 1_000;

/// Where rows come from.
pub struct Source {
    shape: Shape,
    drafts: Drafts,
}

enum Shape {
    Csv(Box<CsvReader>),
    Ndjson(NdjsonRows),
    Xlsx { spool: Spool, mapping: Mapping },
    Vcard(Box<CardReader>),
    Rows { count: u64 },
}

/// What records need to become drafts. Cheap to clone.
#[derive(Clone)]
pub struct Drafts {
    definitions: Arc<Definitions>,
    region: Option<String>,
}

impl Drafts {
    pub fn row(&self, record: Record) -> Row {
        let Record {
            number,
            entry,
            origin,
            faults,
            bytes,
        } = record;
        let kind_default = Some(entry::kind_default(&entry));
        let region = self.region.as_deref();
        let draft = entry::decode(entry, faults, &self.definitions, region);
        let row = ImportRow {
            number,
            draft,
            kind_default,
            bytes,
        };
        (row, origin)
    }
}

impl Source {
    /// `region` is where addresses without one are, as phones in national form are read.
    pub async fn new(
        profile: &Profile,
        ctx: &Ctx,
        header: ImportHeader,
        region: Option<String>,
    ) -> Result<Self> {
        let ImportHeader {
            format,
            dry_run: _,
            column_mapping,
            default_region_code: _,
            encoding,
            delimiter,
            ignore_unknown_columns,
            import_id: _,
        } = header;
        let format = ImportFormat::try_from(format).unwrap_or_default();
        let encoding = read_option(
            "header.encoding",
            &encoding,
            Encoding::parse,
            &encoding_words(),
        )?;
        let words = "must be a comma, a semicolon or a tab, or empty";
        let delimiter = read_option("header.delimiter", &delimiter, Delimiter::parse, words)?;
        let table = matches!(format, ImportFormat::Csv | ImportFormat::Xlsx);
        if !table && !column_mapping.is_empty() {
            return Err(invalid("header.column_mapping", "belongs to CSV and XLSX"));
        }
        // Cells are text; the definitions say what text it is.
        let definitions = match table || format == ImportFormat::Vcard {
            true => profile.attribute_definitions(ctx).await?,
            false => Definitions::new(),
        };
        let mapping = Mapping {
            columns: column_mapping,
            ignore_unknown: ignore_unknown_columns,
            attributes: definitions.keys().cloned().collect(),
        };
        let shape = match format {
            ImportFormat::Csv => Shape::Csv(Box::new(CsvReader::new(mapping, encoding, delimiter))),
            ImportFormat::Ndjson => Shape::Ndjson(NdjsonRows::new(encoding)?),
            ImportFormat::Xlsx => Shape::Xlsx {
                spool: Spool::new()?,
                mapping,
            },
            ImportFormat::Vcard => Shape::Vcard(Box::new(CardReader::new(encoding))),
            ImportFormat::Rows => Shape::Rows { count: 0 },
            ImportFormat::Unspecified => {
                let words = "is required: CSV, NDJSON, XLSX, VCARD or ROWS";
                return Err(invalid("header.format", words));
            }
        };
        let drafts = Drafts {
            definitions: Arc::new(definitions),
            region,
        };
        Ok(Self { shape, drafts })
    }

    pub async fn read(&mut self, piece: Piece<'_>, rows: &mut Vec<Row>) -> Result<()> {
        let mut records = Vec::new();
        match (&mut self.shape, piece) {
            (_, Piece::Header) => {
                return Err(invalid("header", "may come once, at the beginning"));
            }
            (Shape::Csv(csv), Piece::Bytes(bytes)) => csv.read(bytes, &mut records)?,
            (Shape::Vcard(cards), Piece::Bytes(bytes)) => cards.read(bytes, &mut records)?,
            (Shape::Ndjson(lines), Piece::Bytes(bytes)) => lines.read(bytes, rows)?,
            (Shape::Xlsx { spool, .. }, Piece::Bytes(bytes)) => spool.write(bytes).await?,
            (Shape::Rows { count }, Piece::Rows(ImportRows { customers })) => {
                if customers.len() > MESSAGE_ROWS_MAX {
                    return Err(too_large("rows of one message", MESSAGE_ROWS_MAX));
                }
                for customer in customers {
                    *count += 1;
                    let bytes = customer.encoded_len();
                    rows.push(said(*count, customer.clone(), bytes));
                }
            }
            (Shape::Rows { .. }, Piece::Bytes(_)) => {
                return Err(invalid("chunk", "belongs to files; the header says ROWS"));
            }
            (_, Piece::Rows(_)) => {
                return Err(invalid(
                    "rows",
                    "belong to ROWS; the header says another format",
                ));
            }
        }
        rows.extend(records.into_iter().map(|record| self.drafts.row(record)));
        Ok(())
    }

    /// What the columns mean, once it is known; `None` where there are none.
    pub fn columns(&self) -> Option<ImportColumns> {
        match &self.shape {
            Shape::Csv(csv) => csv.columns().map(columns::encode),
            _ => None,
        }
    }

    /// The stream has ended: so has a last row without a line break. A workbook is read only now.
    pub fn finish(self, rows: &mut Vec<Row>) -> Result<Rest> {
        let mut records = Vec::new();
        let mut rest = Rest::Nothing;
        match self.shape {
            Shape::Csv(mut csv) => {
                csv.finish(&mut records)?;
                // The file may be a header row without a line break.
                rest = csv
                    .columns()
                    .map_or(rest, |read| Rest::Columns(columns::encode(read)));
            }
            Shape::Ndjson(mut lines) => lines.finish(rows)?,
            Shape::Xlsx { spool, mapping } => {
                return Ok(Rest::Sheet(sheet::read(spool, mapping, self.drafts)));
            }
            Shape::Vcard(mut cards) => {
                cards.finish(&mut records)?;
                if !cards.unheld().is_empty() {
                    rest = Rest::Columns(columns::encode_unheld(cards.unheld()));
                }
            }
            Shape::Rows { .. } => {}
        }
        rows.extend(records.into_iter().map(|record| self.drafts.row(record)));
        Ok(rest)
    }
}

/// What a source still has to say when the stream has ended.
pub enum Rest {
    Nothing,
    Columns(ImportColumns),
    Sheet(Sheet),
}

/// A customer as a message.
pub fn said(number: u64, customer: Customer, bytes: usize) -> Row {
    (row(number, message(customer), bytes), Origin::default())
}

pub fn row(number: u64, draft: Draft, bytes: usize) -> ImportRow {
    ImportRow {
        number,
        draft,
        kind_default: None,
        bytes,
    }
}

fn encoding_words() -> String {
    format!("must be one of {}, or empty", Encoding::NAMES)
}

/// An option that may be empty.
fn read_option<T>(
    field: &str,
    text: &str,
    parse: fn(&str) -> Option<T>,
    words: &str,
) -> Result<Option<T>> {
    match (text.is_empty(), parse(text)) {
        (true, _) => Ok(None),
        (false, None) => Err(invalid(field, words)),
        (false, some) => Ok(some),
    }
}
