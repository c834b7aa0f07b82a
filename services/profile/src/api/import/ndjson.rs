//! NDJSON: one Customer in protobuf JSON a line.

use dossier_kernel::Result;
use dossier_proto::profile::v1::Customer;
use dossier_tabular::{Encoding, LineReader, Origin};
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::Row;
use super::source::{row, said};
use crate::api::protobuf_json;
use crate::domain::Draft;

/// Lines as they come, whole or in pieces.
pub struct NdjsonRows {
    lines: LineReader,
    parser: Parser,
}

impl NdjsonRows {
    pub fn new(encoding: Option<Encoding>) -> Result<Self> {
        Ok(Self {
            lines: LineReader::new(encoding),
            parser: Parser::new()?,
        })
    }

    pub fn read(&mut self, chunk: &[u8], rows: &mut Vec<Row>) -> Result<()> {
        let parser = &self.parser;
        let mut take = |number, line: &[u8]| rows.push(parser.row(number, line));
        self.lines.read(chunk, &mut take)
    }

    pub fn finish(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let parser = &self.parser;
        let mut take = |number, line: &[u8]| rows.push(parser.row(number, line));
        self.lines.finish(&mut take)
    }
}

struct Parser {
    descriptor: MessageDescriptor,
}

impl Parser {
    fn new() -> Result<Self> {
        let descriptor = protobuf_json::customer()?;
        Ok(Self { descriptor })
    }

    fn row(&self, number: u64, line: &[u8]) -> Row {
        match self.parse(line) {
            Ok(customer) => said(number, customer, line.len()),
            Err(column) => {
                let mut draft = Draft::default();
                // The parser's own words can quote the line.
                let words = format!("is no Customer in protobuf JSON, from character {column} on");
                draft.problems.add("", words);
                (row(number, draft, line.len()), Origin::default())
            }
        }
    }

    /// The error is where the line stops making sense, counted from 1.
    fn parse(&self, line: &[u8]) -> Result<Customer, usize> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let parsed = DynamicMessage::deserialize(self.descriptor.clone(), &mut json);
        let parsed = parsed.map_err(|error| error.column())?;
        json.end().map_err(|error| error.column())?;
        parsed.transcode_to().map_err(|_| 1_usize)
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Patch;
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&str]) -> Vec<Row> {
        let mut lines = NdjsonRows::new(None).expect("the contract");
        let mut rows = Vec::new();
        for chunk in chunks {
            lines
                .read(chunk.as_bytes(), &mut rows)
                .expect("short lines");
        }
        lines.finish(&mut rows).expect("short lines");
        rows
    }

    #[test]
    fn lines_may_straddle_chunks() {
        let rows = read(&[
            "\u{feff}{\"type\":\"CUSTOMER_TYPE_PERSON\",\"displ",
            "ayName\":\"王\"}\r\n\n{\"regionCode\":\"CN\"",
            "}",
        ]);
        let numbers: Vec<u64> = rows.iter().map(|(row, _)| row.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert!(matches!(&rows[0].0.draft.display_name, Patch::Set(name) if name.expose() == "王"));
        assert_eq!(rows[1].0.draft.region_code, Patch::Set("CN".to_owned()));
    }

    #[test]
    fn a_line_that_is_no_customer_is_one_wrong_row() {
        let rows = read(&["{\"nosuch\":\"secret\"}\n[1]\n{\"name\":\"customers/x\"}\n{}"]);
        let wrong: Vec<_> = rows
            .iter()
            .map(|(row, _)| {
                row.draft
                    .problems
                    .as_slice()
                    .iter()
                    .map(|v| v.field.as_str())
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(wrong, [vec![""], vec![""], vec!["name"], vec![]]);
        assert!(!format!("{:?}", rows[0].0.draft.problems).contains("secret"));
    }

    /// Lines that are nearly customers, and bytes that are nothing.
    fn file() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 10] = [
            b"{\"displayName\":\"\xe7\x8e\x8b\"}",
            b"{\"type\":\"CUSTOMER_TYPE_PERSON\"",
            b"}",
            b"\n",
            b"\r\n",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"{\"attributes\":{\"a\":{\"intValue\":\"9223372036854775808\"}}}",
            b"{\"birthDate\":{\"year\":-1}}",
            b"[[[[[[[[{",
        ];
        let piece = prop_oneof![
            4 => proptest::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
            1 => proptest::collection::vec(any::<u8>(), 0..30),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    fn described(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = NdjsonRows::new(None).expect("the contract");
        let mut rows = Vec::new();
        for chunk in chunks {
            lines.read(chunk, &mut rows).expect("short lines");
        }
        lines.finish(&mut rows).expect("short lines");
        let describe = |(row, _): &Row| format!("{} {:?}", row.number, row.draft);
        rows.iter().map(describe).collect()
    }

    proptest! {
        #[test]
        fn any_file_is_read_the_same_however_it_is_cut(
            file in file(),
            mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(file.len() + 1)).collect();
            cuts.extend([0, file.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|ends| &file[ends[0]..ends[1]]).collect();
            prop_assert_eq!(described(&chunks), described(&[&file]));
        }
    }
}
