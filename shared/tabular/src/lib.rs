#![doc = include_str!("../README.md")]

mod columns;
mod csv;
mod dialect;
mod encoding;
mod entry;
mod escape;
mod field;
mod layout;
mod limits;
mod lines;
pub mod list;
mod origin;
mod row;
mod table;
mod vcard;
mod words;
mod writer;
mod xlsx;

pub use columns::{Columns, Mapping, Meaning, Why};
pub use csv::{CsvReader, Delimiter};
pub use encoding::Encoding;
pub use entry::{Address, ContactPoint, ContactPointType, Entry, ExternalId, Single};
pub use limits::{CELL_BYTES_MAX, COLUMNS_MAX, ROW_BYTES_MAX};
pub use lines::LineReader;
pub use origin::{HeaderNames, Origin};
pub use row::{Fault, Record};
pub use vcard::CardReader;
pub use writer::Writer;
pub use xlsx::{Found, read_workbook};

/// What a file of entries is. NDJSON is none of these: its lines are messages of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Xlsx,
    Vcard,
}
