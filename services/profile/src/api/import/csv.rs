//! CSV (RFC 4180) in UTF-8 with a header row, in chunks of any size.

use std::collections::BTreeMap;

use csv_core::{ReadRecordResult, Reader};
use dossier_kernel::{Currency, Error, Money, Patch, Pii, Result, Timestamp, Violation};

use super::columns::{Columns, Field};
use super::origin::Origin;
use super::{ROW_BYTES_MAX, Row, row, too_large};
use crate::api::value::decode_decimal;
use crate::domain::{
    AttributePatch, AttributeType, AttributeValue, ContactPoint, ContactPointType, CustomerType,
    Date, Definitions, Draft, ExternalId, Gender, Many,
};

/// The most columns of a file.
const COLUMNS_MAX: usize = 1_000;

/// Rows as they come, whole or in pieces.
pub struct CsvRows {
    reader: Reader,
    mapping: BTreeMap<String, String>,
    definitions: Definitions,
    /// `None` until the header row was read.
    columns: Option<Columns>,
    /// The cells of the row that is being read, end to end, and where each ends.
    cells: Vec<u8>,
    ends: Vec<usize>,
    cells_used: usize,
    ends_used: usize,
    count: u64,
}

impl CsvRows {
    pub fn new(mapping: BTreeMap<String, String>, definitions: Definitions) -> Self {
        Self {
            reader: Reader::new(),
            mapping,
            definitions,
            columns: None,
            cells: vec![0; 4 * 1024],
            ends: vec![0; 64],
            cells_used: 0,
            ends_used: 0,
            count: 0,
        }
    }

    pub fn read(&mut self, chunk: &[u8], rows: &mut Vec<Row>) -> Result<()> {
        // An empty input is the end of the file to the reader.
        match chunk.is_empty() {
            true => Ok(()),
            false => self.consume(chunk, rows).map(|_| ()),
        }
    }

    pub fn finish(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        // The first empty input ends a last row without a line break, the second the file.
        while !self.consume(&[], rows)? {}
        match self.columns {
            Some(_) => Ok(()),
            None => Err(Error::invalid(vec![Violation::new(
                "chunk",
                "the file is empty",
            )])),
        }
    }

    /// Says whether the file has ended.
    fn consume(&mut self, mut input: &[u8], rows: &mut Vec<Row>) -> Result<bool> {
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
                return Err(too_large("bytes of one row", ROW_BYTES_MAX));
            }
            if self.ends_used > COLUMNS_MAX {
                return Err(too_large("columns", COLUMNS_MAX));
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
                    self.record(rows)?;
                    self.cells_used = 0;
                    self.ends_used = 0;
                }
            }
        }
    }

    fn record(&mut self, rows: &mut Vec<Row>) -> Result<()> {
        let text = std::str::from_utf8(&self.cells[..self.cells_used]);
        let ends = &self.ends[..self.ends_used];
        let cells = text.ok().and_then(|text| {
            let mut begin = 0;
            let cell = |end: &usize| text.get(std::mem::replace(&mut begin, *end)..*end);
            ends.iter().map(cell).collect::<Option<Vec<&str>>>()
        });
        let Some(columns) = &self.columns else {
            let cells = cells.ok_or_else(|| {
                Error::invalid(vec![Violation::new(
                    "chunk",
                    "the header row must be UTF-8",
                )])
            })?;
            let header = cells
                .into_iter()
                .map(|cell| cell.trim().to_owned())
                .collect();
            self.columns = Some(Columns::read(header, &self.mapping, &self.definitions)?);
            return Ok(());
        };
        self.count += 1;
        let (draft, origin, kind_default) = match cells {
            Some(cells) if cells.len() == columns.fields.len() => draft(&cells, columns),
            Some(cells) => {
                let (has, wanted) = (cells.len(), columns.fields.len());
                wrong(format!("has {has} cells where the header has {wanted}"))
            }
            None => wrong("is not UTF-8".to_owned()),
        };
        let row = super::ImportRow {
            kind_default,
            ..row(self.count, draft)
        };
        rows.push((row, origin));
        Ok(())
    }
}

type Read = (Draft, Origin, Option<CustomerType>);

/// A row that is wrong as a whole.
fn wrong(words: String) -> Read {
    let mut draft = Draft::default();
    draft.problems.add("", words);
    (draft, Origin::default(), None)
}

/// Empty cells say nothing.
fn draft(cells: &[&str], columns: &Columns) -> Read {
    let mut draft = Draft::default();
    let mut points = Vec::new();
    let mut ids = Vec::new();
    let mut attributes = BTreeMap::new();
    let mut origin = Origin {
        header: Some(columns.names.clone()),
        ..Origin::default()
    };
    for (index, (cell, field)) in cells.iter().zip(&columns.fields).enumerate() {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let text = || Patch::Set(cell.to_owned());
        let pii = || Patch::Set(Pii::from(cell));
        match field {
            Field::Ignored => {}
            Field::Type => match CustomerType::parse(&cell.to_ascii_uppercase()) {
                Some(kind) => draft.kind = Patch::Set(kind),
                None => draft.problems.add("type", "must be PERSON or ORGANIZATION"),
            },
            Field::DisplayName => draft.display_name = pii(),
            Field::GivenName => draft.given_name = pii(),
            Field::FamilyName => draft.family_name = pii(),
            Field::LegalName => draft.legal_name = pii(),
            Field::Gender => match Gender::parse(&cell.to_ascii_uppercase()) {
                Some(gender) => draft.gender = Patch::Set(gender),
                None => draft
                    .problems
                    .add("gender", "must be FEMALE, MALE or OTHER"),
            },
            Field::BirthDate => match Date::parse(cell) {
                Some(date) => draft.birth_date = Patch::Set(date),
                None => draft
                    .problems
                    .add("birth_date", "must be a date such as 1990-01-31"),
            },
            Field::RegionCode => draft.region_code = text(),
            Field::LanguageCode => draft.language_code = text(),
            Field::TimeZone => draft.time_zone = text(),
            Field::Owner => draft.owner = text(),
            Field::Team => draft.team = text(),
            Field::Email | Field::Phone => {
                let kind = match field {
                    Field::Email => ContactPointType::Email,
                    _ => ContactPointType::Phone,
                };
                points.push(contact_point(kind, cell));
                origin.contact_points.push(index);
            }
            Field::Tags => {
                let tags = cell.split(';').map(str::trim).filter(|tag| !tag.is_empty());
                draft.tags = Many::Add(tags.map(str::to_owned).collect());
            }
            Field::ExternalId { namespace } => {
                ids.push(ExternalId {
                    namespace: namespace.clone(),
                    value: Pii::from(cell),
                });
                origin.external_ids.push(index);
            }
            Field::Attribute { id, kind } => match attribute(*kind, cell) {
                Ok(value) => drop(attributes.insert(id.clone(), Some(value))),
                Err(words) => draft.problems.add(format!("attributes.{id}"), words),
            },
        }
    }
    if !points.is_empty() {
        draft.contact_points = Many::Add(points);
    }
    if !ids.is_empty() {
        draft.external_ids = Many::Add(ids);
    }
    if !attributes.is_empty() {
        draft.attributes = AttributePatch::Change(attributes);
    }
    (draft, origin, Some(CustomerType::Person))
}

fn contact_point(kind: ContactPointType, value: &str) -> ContactPoint {
    ContactPoint {
        kind,
        value: Pii::from(value),
        normalized: Pii::new(String::new()),
        label: String::new(),
        primary: false,
        verify_time: None,
    }
}

/// What a cell says as a value of an attribute. Errors are the words of a violation.
fn attribute(kind: AttributeType, cell: &str) -> Result<AttributeValue, &'static str> {
    Ok(match kind {
        AttributeType::String | AttributeType::Enum => AttributeValue::String(cell.to_owned()),
        AttributeType::Int => AttributeValue::Int(
            cell.parse()
                .map_err(|_| "must be a whole number of 64 bits")?,
        ),
        AttributeType::Decimal => AttributeValue::Decimal(decode_decimal(cell)?),
        AttributeType::Bool => match cell.to_ascii_lowercase().as_str() {
            "true" => AttributeValue::Bool(true),
            "false" => AttributeValue::Bool(false),
            _ => return Err("must be true or false"),
        },
        AttributeType::Date => {
            AttributeValue::Date(Date::parse(cell).ok_or("must be a date such as 1990-01-31")?)
        }
        AttributeType::Time => AttributeValue::Time(
            Timestamp::parse(cell).ok_or("must be an instant such as 2026-01-31T10:00:00Z")?,
        ),
        AttributeType::Money => {
            let money = cell.split_once(' ').and_then(|(amount, code)| {
                Money::parse_decimal(amount, Currency::parse(code.trim())?)
            });
            AttributeValue::Money(
                money.ok_or("must be an amount with its currency, such as 12.50 CNY")?,
            )
        }
        AttributeType::StringList => {
            let texts = cell
                .split(';')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            AttributeValue::StringList(texts.map(str::to_owned).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<Row>> {
        let mut csv = CsvRows::new(BTreeMap::new(), Definitions::new());
        let mut rows = Vec::new();
        for chunk in chunks {
            csv.read(chunk, &mut rows)?;
        }
        csv.finish(&mut rows)?;
        Ok(rows)
    }

    const FILE: &str = "\u{feff}display_name,email,phone,tags,external_id.crm,type\r\n\
        \"Wang, \"\"小明\"\"\",w@example.com,,vip; new,7,\r\n\
        \r\n\
        Acme,,+86 10 5992 8888,,8,organization\n\
        too,few\n\
        Last,,,,9,cat";

    fn described(rows: &[Row]) -> Vec<String> {
        let describe = |(row, _): &Row| {
            let name = match &row.draft.display_name {
                Patch::Set(name) => name.expose().clone(),
                Patch::Absent | Patch::Clear => "-".to_owned(),
            };
            let points = row.draft.contact_points.values().len();
            let wrong: Vec<_> = row
                .draft
                .problems
                .as_slice()
                .iter()
                .map(|v| v.field.as_str())
                .collect();
            format!(
                "{} {name} {points} {:?} {wrong:?}",
                row.number,
                row.draft.tags.values()
            )
        };
        rows.iter().map(describe).collect()
    }

    #[test]
    fn quotes_blank_lines_and_missing_cells_are_understood() {
        let rows = read(&[FILE.as_bytes()]).expect("a file");
        assert_eq!(
            described(&rows),
            [
                "1 Wang, \"小明\" 1 [\"vip\", \"new\"] []",
                "2 Acme 1 [] []",
                "3 - 0 [] [\"\"]",
                "4 Last 0 [] [\"type\"]",
            ]
        );
        assert_eq!(rows[1].1.column_of("contact_points[0].value"), "phone");
        assert_eq!(rows[1].0.draft.kind, Patch::Set(CustomerType::Organization));
    }

    #[test]
    fn an_empty_file_and_a_row_without_end_are_refused() {
        assert!(read(&[]).is_err());
        let endless = [b"display_name\n\"".to_vec(), vec![b'a'; 2 * ROW_BYTES_MAX]].concat();
        assert!(read(&[&endless]).is_err());
    }

    #[test]
    fn cells_become_values_of_their_definitions_type() {
        let money = Money::new(12_500_000, Currency::parse("CNY").expect("a code"));
        assert_eq!(
            attribute(AttributeType::Money, "12.50 CNY"),
            Ok(AttributeValue::Money(money))
        );
        assert_eq!(
            attribute(AttributeType::Decimal, "1.5"),
            Ok(AttributeValue::Decimal(1_500_000))
        );
        assert!(attribute(AttributeType::Money, "12.50").is_err());
        assert!(attribute(AttributeType::Int, "1.5").is_err());
    }

    #[test]
    fn rows_and_columns_are_bounded_to_the_byte_and_the_column() {
        for past in [false, true] {
            let columns = COLUMNS_MAX + usize::from(past);
            let ignored: Vec<String> = (1..columns).map(|n| format!("c{n}")).collect();
            let head = format!("display_name,{}\n", ignored.join(","));
            let mapping = ignored.into_iter().map(|name| (name, String::new()));
            let mut csv = CsvRows::new(mapping.collect(), Definitions::new());
            let outcome = csv.read(head.as_bytes(), &mut Vec::new());
            assert_eq!(outcome.is_err(), past);
            let row = "x".repeat(ROW_BYTES_MAX + usize::from(past));
            let outcome = read(&[b"display_name\n", row.as_bytes()]);
            assert_eq!(outcome.is_err(), past);
        }
    }

    proptest! {
        #[test]
        fn chunks_may_be_cut_anywhere(mut cuts in proptest::collection::vec(3..FILE.len(), 0..6)) {
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut rest = FILE.as_bytes();
            for cut in cuts.iter().rev() {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                chunks.push(tail);
                rest = head;
            }
            chunks.push(rest);
            chunks.reverse();
            let whole = read(&[FILE.as_bytes()]).expect("a file");
            let pieces = read(&chunks).expect("a file");
            prop_assert_eq!(described(&pieces), described(&whole));
        }

        #[test]
        fn any_file_is_read_the_same_however_it_is_cut(
            file in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(b",\"\r\n;a ".to_vec())],
                0..200,
            ),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let file = [b"display_name,email,tags\n", file.as_slice()].concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
            cuts.extend([0, file.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|ends| &file[ends[0]..ends[1]]).collect();
            let all = |chunks: &[&[u8]]| read(chunks).map(|rows| described(&rows)).ok();
            prop_assert_eq!(all(&chunks), all(&[&file]));
        }
    }
}
