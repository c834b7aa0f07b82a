//! How large a file's parts may be. Memory is bounded by these, never by the file.

use dossier_kernel::{Error, Reason};

/// The longest row, in bytes of its cells together; also the longest line and the longest card.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// The longest cell, in bytes. A longer one makes its row wrong, not the file.
pub const CELL_BYTES_MAX: usize = 256 * 1024;
/// The most faults that are told of a row.
pub const FAULTS_MAX: usize = 100;
/// The most columns of a table.
pub const COLUMNS_MAX: usize = 1_000;
/// The most rows of a sheet: Excel shows no more. Writers go on in another sheet.
pub const SHEET_ROWS_MAX: u64 = 1_048_576;
/// The most characters of a cell in Excel.
pub const SHEET_CELL_CHARS_MAX: usize = 32_767;
/// The most parts in the package of a workbook.
pub const PARTS_MAX: usize = 1_000;
/// The largest table of contents of a package, in bytes: it is held in memory.
pub const CONTENTS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most memory, in bytes, for how the parts of a workbook hang together.
pub const RELATIONS_BYTES_MAX: usize = 1024 * 1024;
/// The most formats of cells: Excel has 65,490.
pub const FORMATS_MAX: usize = 65_536;
/// How much larger than its compressed form a part of a workbook may be.
pub const RATIO_MAX: u64 = 200;
/// Every part may be this large whatever its compressed form.
pub const PART_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// The largest table of strings that sheets share, in bytes. Sheets that hold their strings
/// themselves, as those written here do, know no such limit.
pub const SHARED_STRING_BYTES_MAX: usize = 128 * 1024 * 1024;

/// `cure` is a sentence.
pub fn exceeded(what: &str, limit: usize, row: u64, cure: &str) -> Error {
    let message = format!("Row {row} has more than {limit} {what}. {cure}");
    Error::new(Reason::LimitExceeded, message)
        .with("limit", limit.to_string())
        .with("row", row.to_string())
}

/// For what belongs to no row.
pub fn file_exceeded(what: &str, limit: u64, cure: &str) -> Error {
    let message = format!("The file has more than {limit} {what}. {cure}");
    Error::new(Reason::LimitExceeded, message).with("limit", limit.to_string())
}
