//! XLSX workbooks (ECMA-376, part 1): packages of XML that are read and written row by row.
//!
//! A package keeps its table of contents at its end, so that reading needs the whole file; writing
//! does not, and begins with the first row. Formulas are never run: of a cell with one, the value
//! that was stored beside it counts.

mod cell;
mod dates;
mod package;
mod parts;
mod reader;
mod strings;
mod writer;

pub use reader::{Found, read_workbook};
pub use writer::WorkbookWriter;
