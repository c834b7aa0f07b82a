//! CSV (RFC 4180) with a header row, in chunks of any size.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use dossier_kernel::Result;

use crate::columns::{Columns, Mapping};
use crate::encoding::{Decoder, Encoding};
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX, exceeded, file_exceeded};
use crate::row::Record;
use crate::table::Table;
use crate::{escape, limits};

/// What stands between the cells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    Comma,
    Semicolon,
    Tab,
}

impl Delimiter {
    /// In the order in which they are tried.
    const ALL: [Self; 3] = [Self::Comma, Self::Semicolon, Self::Tab];

    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let [byte] = text.as_bytes() else { return None };
        Self::ALL.into_iter().find(|one| one.byte() == *byte)
    }
}

/// Finds the delimiter: the one that parts the most cells of the header row.
#[derive(Default)]
struct Sniffer {
    looked_at: usize,
    quoted: bool,
    begun: bool,
    counts: [usize; Delimiter::ALL.len()],
}

impl Sniffer {
    /// `text` is the file from its beginning; `None` while the header row has not ended.
    fn look(&mut self, text: &[u8], ended: bool) -> Option<Delimiter> {
        let new = text.get(self.looked_at..).unwrap_or_default();
        self.looked_at = text.len();
        for byte in new {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\r' | b'\n' if !self.quoted && self.begun => return Some(self.most()),
                // Blank lines before the header are no rows.
                b'\r' | b'\n' if !self.quoted => continue,
                byte if !self.quoted => {
                    let place = Delimiter::ALL.iter().position(|one| one.byte() == *byte);
                    if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
                        *count += 1;
                    }
                }
                _ => {}
            }
            self.begun = true;
        }
        ended.then(|| self.most())
    }

    fn most(&self) -> Delimiter {
        let mut best = (Delimiter::Comma, 0);
        for (one, count) in Delimiter::ALL.into_iter().zip(self.counts) {
            if count > best.1 {
                best = (one, count);
            }
        }
        best.0
    }
}

/// Reads a file as it comes. Memory holds one row.
pub struct CsvReader {
    decoder: Decoder,
    table: Table,
    /// `None` while it is not known what parts the cells.
    rows: Option<Rows>,
    sniffer: Sniffer,
    /// Decoded text that was not read yet: what came before the delimiter was known.
    text: Vec<u8>,
}

impl CsvReader {
    /// Without an encoding a byte order mark decides, without a delimiter the header row.
    pub fn new(mapping: Mapping, encoding: Option<Encoding>, delimiter: Option<Delimiter>) -> Self {
        Self {
            decoder: Decoder::new(encoding),
            table: Table::new(mapping),
            rows: delimiter.map(Rows::new),
            sniffer: Sniffer::default(),
            text: Vec::new(),
        }
    }

    /// What the columns mean, once the header was read.
    pub fn columns(&self) -> Option<&Columns> {
        self.table.columns()
    }

    pub fn read(&mut self, chunk: &[u8], records: &mut Vec<Record>) -> Result<()> {
        self.decoder.push(chunk, false, &mut self.text);
        self.go_on(false, records)
    }

    /// The file has ended: so has a last row without a line break.
    pub fn finish(&mut self, records: &mut Vec<Record>) -> Result<()> {
        self.decoder.push(&[], true, &mut self.text);
        self.go_on(true, records)?;
        self.table.finish()
    }

    fn go_on(&mut self, ended: bool, records: &mut Vec<Record>) -> Result<()> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            None => match self.sniffer.look(&self.text, ended) {
                Some(delimiter) => self.rows.insert(Rows::new(delimiter)),
                None if self.text.len() > ROW_BYTES_MAX + COLUMNS_MAX => {
                    return Err(exceeded("bytes", ROW_BYTES_MAX, 0, UNCLOSED));
                }
                None => return Ok(()),
            },
        };
        if !self.text.is_empty() {
            rows.consume(&self.text, &mut self.table, records)?;
            self.text.clear();
        }
        if ended {
            // An empty input ends a last row without a line break, the second the file.
            while !rows.consume(&[], &mut self.table, records)? {}
        }
        Ok(())
    }
}

const UNCLOSED: &str = "Look for a quotation mark that is not closed, or split the row.";

/// The cells of rows, whole or in pieces.
struct Rows {
    reader: Reader,
    /// The cells of the row that is being read, end to end, and where each ends.
    cells: Vec<u8>,
    ends: Vec<usize>,
    cells_used: usize,
    ends_used: usize,
}

impl Rows {
    fn new(delimiter: Delimiter) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter.byte()).build(),
            cells: vec![0; 4 * 1024],
            ends: vec![0; 64],
            cells_used: 0,
            ends_used: 0,
        }
    }

    /// Says whether the file has ended.
    fn consume(
        &mut self,
        mut input: &[u8],
        table: &mut Table,
        records: &mut Vec<Record>,
    ) -> Result<bool> {
        loop {
            let (result, read, written, ended) = self.reader.read_record(
                input,
                &mut self.cells[self.cells_used..],
                &mut self.ends[self.ends_used..],
            );
            input = &input[read..];
            self.cells_used += written;
            self.ends_used += ended;
            if self.cells_used > ROW_BYTES_MAX {
                let row = table.next_number();
                return Err(exceeded("bytes", ROW_BYTES_MAX, row, UNCLOSED));
            }
            if self.ends_used > COLUMNS_MAX {
                let limit = limits::COLUMNS_MAX as u64;
                return Err(file_exceeded("columns", limit, "Leave some out."));
            }
            match result {
                ReadRecordResult::InputEmpty => return Ok(false),
                ReadRecordResult::End => return Ok(true),
                // Room for one more than is allowed, so that the limit itself fits.
                ReadRecordResult::OutputFull => {
                    let room = (self.cells.len() * 2).min(ROW_BYTES_MAX + 1);
                    self.cells.resize(room, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let room = (self.ends.len() * 2).min(COLUMNS_MAX + 1);
                    self.ends.resize(room, 0);
                }
                ReadRecordResult::Record => {
                    records.extend(self.record(table)?);
                    self.cells_used = 0;
                    self.ends_used = 0;
                }
            }
        }
    }

    fn record(&self, table: &mut Table) -> Result<Option<Record>> {
        let text = std::str::from_utf8(&self.cells[..self.cells_used]);
        let cells = text.ok().and_then(|text| {
            let mut begin = 0;
            let cell = |end: &usize| {
                let cell = text.get(std::mem::replace(&mut begin, *end)..*end);
                cell.map(escape::read)
            };
            let ends = &self.ends[..self.ends_used];
            ends.iter().map(cell).collect::<Option<Vec<_>>>()
        });
        match cells {
            Some(cells) => table.row(&cells),
            None => table.wrong_row(
                "is no text in the file's encoding; save the file as UTF-8, or say what it is",
            ),
        }
    }
}

/// Appends one row to `file`; `None` cells are empty.
pub fn write_row<'c>(cells: impl IntoIterator<Item = Option<&'c str>>, file: &mut Vec<u8>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            file.push(b',');
        }
        let Some(cell) = cell else { continue };
        let marked = escape::needs_mark(cell);
        let quoted = cell.contains([',', '"', '\r', '\n', ';', '\t']);
        if quoted {
            file.push(b'"');
        }
        if marked {
            file.push(b'\'');
        }
        for byte in cell.bytes() {
            if byte == b'"' {
                file.push(b'"');
            }
            file.push(byte);
        }
        if quoted {
            file.push(b'"');
        }
    }
    file.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Single;

    fn read_as(
        chunks: &[&[u8]],
        encoding: Option<Encoding>,
        delimiter: Option<Delimiter>,
    ) -> Result<Vec<Record>> {
        let mut csv = CsvReader::new(Mapping::default(), encoding, delimiter);
        let mut records = Vec::new();
        for chunk in chunks {
            csv.read(chunk, &mut records)?;
        }
        csv.finish(&mut records)?;
        Ok(records)
    }

    fn read(chunks: &[&[u8]]) -> Result<Vec<Record>> {
        read_as(chunks, None, None)
    }

    const FILE: &str = "\u{feff}display_name,email,phone,tags,external_id.crm,type\r\n\
        \"Wang, \"\"小明\"\"\",w@example.com,,vip; new,7,\r\n\
        \r\n\
        Acme,,+86 10 5992 8888,,8,organization\n\
        too,few\n\
        Last,,,,9,cat";

    fn described(records: &[Record]) -> Vec<String> {
        let describe = |record: &Record| {
            let name = record.entry.get(Single::DisplayName).unwrap_or("-");
            let points = record.entry.contact_points.len();
            let wrong: Vec<_> = record.faults.iter().map(|f| f.field.as_str()).collect();
            format!(
                "{} {name} {points} {:?} {wrong:?}",
                record.number, record.entry.tags
            )
        };
        records.iter().map(describe).collect()
    }

    #[test]
    fn quotes_blank_lines_and_missing_cells_are_understood() {
        let records = read(&[FILE.as_bytes()]).expect("a file");
        assert_eq!(
            described(&records),
            [
                "1 Wang, \"小明\" 1 [\"vip\", \"new\"] []",
                "2 Acme 1 [] []",
                "3 - 0 [] [\"\"]",
                "4 Last 0 [] [\"type\"]",
            ]
        );
        assert_eq!(
            records[1].origin.column_of("contact_points[0].value"),
            "phone"
        );
        assert_eq!(records[1].entry.get(Single::Type), Some("ORGANIZATION"));
    }

    #[test]
    fn delimiters_are_found_in_the_header_row() {
        for delimiter in Delimiter::ALL {
            let with = |text: &str| text.replace('|', &char::from(delimiter.byte()).to_string());
            // Other delimiters in quotes do not count.
            let file = with("\r\n\"display_name\"|email|\"tags\"\na|a@x.com|vip\n");
            let records = read(&[file.as_bytes()]).expect("a file");
            assert_eq!(described(&records), ["1 a 1 [\"vip\"] []"], "{delimiter:?}");
        }
        // Declared, it is not looked for.
        let records = read_as(&[b"tags\na;b\n"], None, Some(Delimiter::Comma)).expect("a file");
        assert_eq!(described(&records), ["1 - 0 [\"a\", \"b\"] []"]);
        assert!(read_as(&[b"tags;email\n"], None, Some(Delimiter::Tab)).is_err());
        assert_eq!(Delimiter::parse(";"), Some(Delimiter::Semicolon));
        assert_eq!(Delimiter::parse("|"), None);
    }

    #[test]
    fn files_of_excel_in_chinese_are_read() {
        let text = "姓名;手机\n王小明;13800000000\n";
        let wide: Vec<u8> = std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(
            described(&read(&[&wide]).expect("a file")),
            ["1 王小明 1 [] []"]
        );
        let (chinese, _, _) = encoding_rs::GB18030.encode(text);
        let declared = read_as(&[&chinese], Some(Encoding::Gb18030), None);
        assert_eq!(described(&declared.expect("a file")), ["1 王小明 1 [] []"]);
        let refused = read(&[&chinese]).expect_err("not UTF-8");
        assert!(
            format!("{refused}").contains("save the file as UTF-8"),
            "{refused}"
        );
    }

    #[test]
    fn an_empty_file_and_a_row_without_end_are_refused() {
        assert!(read(&[]).is_err());
        assert!(read(&[b"\n\r\n"]).is_err());
        let endless = [b"display_name\n\"".to_vec(), vec![b'a'; 2 * ROW_BYTES_MAX]].concat();
        let refused = read(&[&endless]).expect_err("refused");
        assert_eq!(refused.metadata().get("row").map(String::as_str), Some("1"));
        let endless = vec![b'"'; 1]
            .into_iter()
            .chain(vec![b'a'; 2 * ROW_BYTES_MAX]);
        assert!(read(&[&endless.collect::<Vec<u8>>()]).is_err());
    }

    #[test]
    fn a_cell_that_is_too_long_is_one_wrong_row() {
        let long = "x".repeat(limits::CELL_BYTES_MAX + 1);
        let file = format!("display_name,email\n{long},a@x.com\nb,b@x.com\n");
        let records = read(&[file.as_bytes()]).expect("a file");
        assert_eq!(records[0].faults[0].field, "display_name");
        assert!(records[1].faults.is_empty());
        let fine = format!("display_name\n{}\n", &long[1..]);
        assert!(
            read(&[fine.as_bytes()]).expect("a file")[0]
                .faults
                .is_empty()
        );
    }

    #[test]
    fn rows_and_columns_are_bounded_to_the_byte_and_the_column() {
        for past in [false, true] {
            let columns = COLUMNS_MAX + usize::from(past);
            let ignored: Vec<String> = (1..columns).map(|n| format!("c{n}")).collect();
            let head = format!("display_name,{}\n", ignored.join(","));
            let mapping = Mapping {
                ignore_unknown: true,
                ..Mapping::default()
            };
            let mut csv = CsvReader::new(mapping, None, None);
            let outcome = csv.read(head.as_bytes(), &mut Vec::new());
            assert_eq!(outcome.is_err(), past);
            let row = "x".repeat(ROW_BYTES_MAX + usize::from(past));
            let outcome = read(&[b"display_name\n", row.as_bytes()]);
            assert_eq!(outcome.is_err(), past);
        }
    }
}
