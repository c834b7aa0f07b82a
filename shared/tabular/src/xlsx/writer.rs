//! Rows to a workbook, as they come: nothing is kept but the row.
//!
//! Texts stand in the cells themselves (`inlineStr`), because a table of shared ones would have to
//! be held until the end. They are texts whatever they begin with: a spreadsheet runs no formula
//! that is not marked as one, and `quotePrefix` keeps it so when somebody edits the cell.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use dossier_kernel::{Error, Reason, Result};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::cell;
use crate::escape;
use crate::limits::{SHEET_CELL_CHARS_MAX, SHEET_ROWS_MAX};

const SPREADSHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

/// A part larger than 4 GiB needs a form of zip that spreadsheets do not all read.
const SHEET_BYTES_MAX: u64 = 3 * 1024 * 1024 * 1024;

/// The formats of cells: plain, of the header, and of a text that looks like a formula.
const STYLES: &str = r#"<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>"#;

/// Writes one table, over as many sheets as it needs.
pub struct WorkbookWriter {
    zip: ZipWriter<StreamWriter<Pipe>>,
    pipe: Pipe,
    header: Vec<String>,
    sheets: u32,
    rows: u64,
    bytes: u64,
    xml: String,
}

impl WorkbookWriter {
    /// `header` is the first row of every sheet.
    pub fn new(header: Vec<String>) -> Self {
        let pipe = Pipe::default();
        Self {
            zip: ZipWriter::new_stream(pipe.clone()),
            pipe,
            header,
            sheets: 0,
            rows: 0,
            bytes: 0,
            xml: String::new(),
        }
    }

    /// Appends what there is of the file with one row more; `None` cells are empty. A cell that
    /// Excel could not show is refused.
    pub fn write_row(&mut self, row: &[Option<&str>], file: &mut Vec<u8>) -> Result<()> {
        let long = |cell: &Option<&str>| {
            cell.is_some_and(|text| {
                let mark = usize::from(escape::needs_sheet_mark(text));
                text.encode_utf16().count() + mark > SHEET_CELL_CHARS_MAX
            })
        };
        if let Some(column) = row.iter().position(long) {
            let name = self.header.get(column).map_or("", String::as_str);
            let message = format!(
                "A cell of the column {name} has more than {SHEET_CELL_CHARS_MAX} characters, which \
                 XLSX cannot hold; use NDJSON or CSV."
            );
            let limit = SHEET_CELL_CHARS_MAX.to_string();
            return Err(Error::new(Reason::LimitExceeded, message).with("limit", limit));
        }
        if self.sheets == 0 || self.rows == SHEET_ROWS_MAX || self.bytes > SHEET_BYTES_MAX {
            self.begin_sheet().map_err(Error::internal)?;
        }
        self.put(row, false).map_err(Error::internal)?;
        self.pipe.drain(file);
        Ok(())
    }

    /// Appends the rest of the file.
    pub fn finish(mut self, file: &mut Vec<u8>) -> Result<()> {
        let pipe = self.pipe.clone();
        self.end().map_err(Error::internal)?;
        pipe.drain(file);
        Ok(())
    }

    fn begin_sheet(&mut self) -> io::Result<()> {
        self.end_sheet()?;
        self.sheets += 1;
        self.rows = 0;
        self.bytes = 0;
        let name = format!("xl/worksheets/sheet{}.xml", self.sheets);
        self.zip.start_file(name, options())?;
        let begin = format!(
            r#"{HEAD}<worksheet xmlns="{SPREADSHEET}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>"#
        );
        self.zip.write_all(begin.as_bytes())?;
        let header = std::mem::take(&mut self.header);
        let cells: Vec<Option<&str>> = header.iter().map(|name| Some(name.as_str())).collect();
        let written = self.put(&cells, true);
        self.header = header;
        written
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        match self.sheets {
            0 => Ok(()),
            _ => self.zip.write_all(b"</sheetData></worksheet>"),
        }
    }

    fn put(&mut self, row: &[Option<&str>], header: bool) -> io::Result<()> {
        self.rows += 1;
        let xml = &mut self.xml;
        xml.clear();
        let _ = write!(xml, r#"<row r="{}">"#, self.rows);
        for (column, text) in row.iter().enumerate() {
            let Some(text) = text else { continue };
            let style = match (header, escape::needs_mark(text)) {
                (true, _) => 1,
                (false, true) => 2,
                (false, false) => 0,
            };
            xml.push_str(r#"<c r=""#);
            push_letters(column, xml);
            let _ = write!(
                xml,
                r#"{}" s="{style}" t="inlineStr"><is><t xml:space="preserve">"#,
                self.rows
            );
            if escape::needs_sheet_mark(text) {
                xml.push('\'');
            }
            cell::escape(text, xml);
            xml.push_str("</t></is></c>");
        }
        xml.push_str("</row>");
        self.bytes += xml.len() as u64;
        self.zip.write_all(xml.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        // A table without rows has a header all the same.
        if self.sheets == 0 {
            self.begin_sheet()?;
        }
        self.end_sheet()?;
        for (name, xml) in self.parts() {
            self.zip.start_file(name, options())?;
            self.zip.write_all(xml.as_bytes())?;
        }
        let done = std::mem::replace(&mut self.zip, ZipWriter::new_stream(Pipe::default()));
        done.finish()?;
        Ok(())
    }

    /// The parts that say what the others are: they come last, when it is known how many there are.
    fn parts(&self) -> Vec<(String, String)> {
        let (mut types, mut sheets, mut relations) = (String::new(), String::new(), String::new());
        for number in 1..=self.sheets {
            let _ = write!(
                types,
                r#"<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"#
            );
            let _ = write!(
                sheets,
                r#"<sheet name="Customers {number}" sheetId="{number}" r:id="rId{number}"/>"#
            );
            let _ = write!(
                relations,
                r#"<Relationship Id="rId{number}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>"#
            );
        }
        let part = |name: &str, xml: String| (name.to_owned(), format!("{HEAD}{xml}"));
        vec![
            part(
                "xl/styles.xml",
                format!(r#"<styleSheet xmlns="{SPREADSHEET}">{STYLES}</styleSheet>"#),
            ),
            part(
                "xl/workbook.xml",
                format!(
                    r#"<workbook xmlns="{SPREADSHEET}" xmlns:r="{RELATIONS}"><sheets>{sheets}</sheets></workbook>"#
                ),
            ),
            part(
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"<Relationships xmlns="{PACKAGE}/relationships">{relations}<Relationship Id="rIdStyles" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>"#
                ),
            ),
            part(
                "_rels/.rels",
                format!(
                    r#"<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            part(
                "[Content_Types].xml",
                format!(
                    r#"<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>{types}</Types>"#
                ),
            ),
        ]
    }
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

/// The letters of a column, counted from 0.
fn push_letters(column: usize, xml: &mut String) {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(
            b'A' + u8::try_from(rest % 26).unwrap_or_default(),
        ));
        rest /= 26;
    }
    xml.extend(letters.iter().rev());
}

/// Where the zip goes, until somebody takes it on.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    fn drain(&self, file: &mut Vec<u8>) {
        file.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        there.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            let mut xml = String::new();
            push_letters(column, &mut xml);
            assert_eq!(xml, letters);
        }
    }

    #[test]
    fn what_excel_could_not_show_is_refused() {
        let mut writer = WorkbookWriter::new(vec!["tags".to_owned()]);
        let long = "x".repeat(SHEET_CELL_CHARS_MAX + 1);
        assert!(
            writer
                .write_row(&[Some(&long[1..])], &mut Vec::new())
                .is_ok()
        );
        let refused = writer
            .write_row(&[Some(&long)], &mut Vec::new())
            .expect_err("refused");
        assert_eq!(refused.reason(), Reason::LimitExceeded);
        assert!(refused.to_string().contains("tags"));
    }
}
