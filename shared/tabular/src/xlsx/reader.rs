//! Sheets to records.

use std::io::{Read, Seek};

use dossier_kernel::Result;
use quick_xml::events::{BytesStart, Event};

use super::cell::unescaped;
use super::dates::{DateFormats, date};
use super::package::{Package, no_workbook};
use super::parts::{Workbook, attribute};
use super::strings::{RichText, SharedStrings, push_text};
use crate::columns::{Columns, Mapping};
use crate::escape;
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX, exceeded, file_exceeded};
use crate::row::Record;
use crate::table::Table;

/// What a workbook has, in its order.
pub enum Found<'c> {
    /// What the columns mean: once, before the first record.
    Columns(&'c Columns),
    Record(Box<Record>),
}

/// Reads the first sheet of a workbook, and those behind it that begin with the same header row, as
/// tables with more rows than a sheet has are kept. Hands what it finds to `take`, whose error ends
/// the reading.
pub fn read_workbook<R: Read + Seek>(
    file: R,
    mapping: Mapping,
    take: &mut dyn FnMut(Found<'_>) -> Result<()>,
) -> Result<()> {
    let mut package = Package::open(file)?;
    let workbook = Workbook::read(&mut package)?;
    let cells = Cells {
        strings: SharedStrings::read(&mut package, workbook.shared_strings.as_deref())?,
        dates: DateFormats::read(&mut package, workbook.styles.as_deref())?,
        since_1904: workbook.since_1904,
    };
    let mut table = Table::new(mapping);
    for (index, sheet) in workbook.sheets.iter().enumerate() {
        if !read_sheet(&mut package, sheet, &cells, index == 0, &mut table, take)? {
            break;
        }
    }
    table.finish()
}

/// Says whether the sheet belongs to the table.
fn read_sheet<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    cells: &Cells,
    first: bool,
    table: &mut Table,
    take: &mut dyn FnMut(Found<'_>) -> Result<()>,
) -> Result<bool> {
    let mut xml = package
        .part(part)?
        .ok_or_else(|| no_workbook("a sheet is missing"))?;
    let mut row = Row::default();
    let mut cell: Option<Cell> = None;
    let mut header = true;
    loop {
        let event = xml.next()?;
        match &event {
            Event::Start(tag) => match (tag.local_name().as_ref(), &mut cell) {
                ("row", None) => row = Row::default(),
                ("c", None) => cell = Some(Cell::begin(tag, row.next)),
                ("v", Some(cell)) => cell.inside = true,
                (_, Some(cell)) => cell.rich.take(&event)?,
                _ => {}
            },
            Event::End(tag) => match (tag.local_name().as_ref(), &mut cell) {
                ("c", Some(ended)) => {
                    ended.finish(cells, &mut row, table)?;
                    cell = None;
                }
                ("v", Some(cell)) => cell.inside = false,
                ("row", None) if row.is_blank() => {}
                ("row", None) if header && !first => {
                    // The sheets of one table all begin with its header.
                    if !row.is_header(table) {
                        return Ok(false);
                    }
                    header = false;
                }
                ("row", None) => {
                    if let Some(record) = row.finish(table)? {
                        take(Found::Record(Box::new(record)))?;
                    } else if let Some(columns) = table.columns().filter(|_| header) {
                        take(Found::Columns(columns))?;
                    }
                    header = false;
                }
                (_, Some(cell)) => cell.rich.take(&event)?,
                _ => {}
            },
            Event::Eof => return Ok(true),
            other => {
                if let Some(cell) = &mut cell {
                    match cell.inside {
                        true => push_text(other, &mut cell.value)?,
                        false => cell.rich.take(other)?,
                    }
                    // A cell can come in any number of pieces.
                    row.hold(cell.value.len() + cell.rich.text.len(), table)?;
                }
            }
        }
    }
}

/// What cells mean beyond what is in them.
struct Cells {
    strings: SharedStrings,
    dates: DateFormats,
    since_1904: bool,
}

/// A cell that is being read.
struct Cell {
    column: usize,
    kind: String,
    style: usize,
    value: String,
    rich: RichText,
    inside: bool,
}

impl Cell {
    /// `next` is the column behind the last cell: where a cell does not say where it stands.
    fn begin(tag: &BytesStart<'_>, next: usize) -> Self {
        let place = attribute(tag, "r").and_then(|place| column_of(&place));
        let style = attribute(tag, "s").and_then(|style| style.parse().ok());
        Self {
            column: place.unwrap_or(next),
            kind: attribute(tag, "t").unwrap_or_default(),
            style: style.unwrap_or_default(),
            value: String::new(),
            rich: RichText::default(),
            inside: false,
        }
    }

    fn finish(&mut self, cells: &Cells, row: &mut Row, table: &Table) -> Result<()> {
        row.next = self.column + 1;
        let text = match self.kind.as_str() {
            "s" => {
                let index = self.value.trim().parse().ok();
                let text = index.and_then(|index| cells.strings.get(index));
                text.ok_or_else(|| no_workbook("a cell names a string that is not there"))?
                    .to_owned()
            }
            "inlineStr" => unescaped(&self.rich.text),
            "str" => unescaped(&self.value),
            "b" => match self.value.trim() {
                "1" => "true".to_owned(),
                "" => String::new(),
                _ => "false".to_owned(),
            },
            "e" => {
                row.failed.get_or_insert(self.column);
                return Ok(());
            }
            "d" => self.value.clone(),
            _ => number(
                &self.value,
                cells.dates.is_dated(self.style),
                cells.since_1904,
            ),
        };
        if text.is_empty() {
            return Ok(());
        }
        if self.column >= COLUMNS_MAX {
            return Err(file_exceeded(
                "columns",
                COLUMNS_MAX as u64,
                "Leave some out.",
            ));
        }
        row.hold(text.len(), table)?;
        row.bytes += text.len();
        if row.cells.len() <= self.column {
            row.cells.resize(self.column + 1, None);
        }
        row.cells[self.column] = Some(text);
        Ok(())
    }
}

/// A row that is being read.
#[derive(Default)]
struct Row {
    cells: Vec<Option<String>>,
    next: usize,
    bytes: usize,
    /// The first cell whose formula failed.
    failed: Option<usize>,
}

impl Row {
    /// Fails where the row has no room for so many bytes more.
    fn hold(&self, bytes: usize, table: &Table) -> Result<()> {
        if self.bytes + bytes <= ROW_BYTES_MAX {
            return Ok(());
        }
        let number = table.next_number();
        Err(exceeded("bytes", ROW_BYTES_MAX, number, "Split the row."))
    }

    fn is_blank(&self) -> bool {
        self.cells.is_empty() && self.failed.is_none()
    }

    fn texts(&self) -> Vec<Option<&str>> {
        let cells = self.cells.iter();
        cells
            .map(|cell| cell.as_deref().and_then(escape::read_sheet))
            .collect()
    }

    fn is_header(&self, table: &Table) -> bool {
        let names = table.columns().map(|columns| &columns.names.columns);
        let own = self
            .cells
            .iter()
            .map(|cell| cell.as_deref().unwrap_or_default().trim());
        names.is_some_and(|names| own.eq(names.iter().map(String::as_str)))
    }

    fn finish(&mut self, table: &mut Table) -> Result<Option<Record>> {
        if let Some(column) = self.failed {
            return table.wrong_row(format!(
                "has a formula in cell {} that failed; put its value there",
                column + 1
            ));
        }
        // A sheet has no cells behind a row's last one; more than the header has stay, and are wrong.
        if let Some(width) = table.width()
            && self.cells.len() < width
        {
            self.cells.resize(width, None);
        }
        table.row(&self.texts())
    }
}

/// The column of a place such as `AB12`, counted from 0.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0_usize;
    for letter in letters {
        let digit = usize::from(letter.to_ascii_uppercase() - b'A') + 1;
        column = column.checked_mul(26)?.checked_add(digit)?;
    }
    column.checked_sub(1).filter(|column| *column < 1 << 20)
}

/// A number as people write it: a phone number stored as one has no exponent and no fraction.
fn number(text: &str, dated: bool, since_1904: bool) -> String {
    let text = text.trim();
    let Ok(number) = text.parse::<f64>() else {
        return text.to_owned();
    };
    if dated && let Some(date) = date(number, since_1904) {
        return date;
    }
    let number = shown(number);
    // What is beyond it has lost digits already.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return format!("{number:.0}");
    }
    format!("{number}")
}

/// Spreadsheets compute with 15 significant digits and show no more, but store what binary fractions
/// come to: 0.1 + 0.2 as 0.30000000000000004.
fn shown(number: f64) -> f64 {
    match number.fract() == 0.0 {
        true => number,
        false => format!("{number:.14e}").parse().unwrap_or(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_columns() {
        for (place, column) in [
            ("A1", Some(0)),
            ("Z9", Some(25)),
            ("AB12", Some(27)),
            ("xfd1", Some(16_383)),
            ("12", None),
            ("ZZZZZZZZZZZZZZZ1", None),
        ] {
            assert_eq!(column_of(place), column, "{place}");
        }
    }

    #[test]
    fn numbers_are_written_out() {
        assert_eq!(number("1.38E+10", false, false), "13800000000");
        assert_eq!(number("0.1", false, false), "0.1");
        assert_eq!(number("0.30000000000000004", false, false), "0.3");
        assert_eq!(number("13.799999999999999", false, false), "13.8");
        assert_eq!(number("2.9999999999999996", false, false), "3");
        assert_eq!(number("123456789.123456", false, false), "123456789.123456");
        assert_eq!(number("9007199254740991", false, false), "9007199254740991");
        assert_eq!(number("32904", true, false), "1990-01-31");
        assert_eq!(number("x", false, false), "x");
        assert_eq!(number("-0", false, false), "-0");
    }
}
