//! Cards as they come, in chunks of any size.

use std::collections::BTreeMap;

use dossier_kernel::{Error, Result, Violation};

use super::card::Card;
use super::content::Line;
use crate::encoding::{Decoder, Encoding};
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX, exceeded};
use crate::row::Record;

/// Pictures and sounds, which are large and held nowhere: they are not even gathered.
const MEDIA: [&[u8]; 4] = [b"PHOTO", b"LOGO", b"SOUND", b"KEY"];

/// The longest name of a property that is told, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Stands for the names that are not told. No property can be called so.
const OTHERS: &str = "(others)";

/// Reads a file of cards. Memory holds one card.
pub struct CardReader {
    decoder: Decoder,
    text: Vec<u8>,
    /// The line that is being read, in pieces or folded.
    line: Vec<u8>,
    /// Whether `line` has ended, unless the next one continues it.
    line_ended: bool,
    /// Of a line that is not gathered.
    is_media: bool,
    card: Option<Card>,
    card_bytes: usize,
    count: u64,
    /// Whether the file has had a card.
    begun: bool,
    unheld: Unheld,
}

impl CardReader {
    /// Without an encoding a byte order mark decides.
    pub fn new(encoding: Option<Encoding>) -> Self {
        Self {
            decoder: Decoder::new(encoding),
            text: Vec::new(),
            line: Vec::new(),
            line_ended: false,
            is_media: false,
            card: None,
            card_bytes: 0,
            count: 0,
            begun: false,
            unheld: Unheld::default(),
        }
    }

    /// Properties for which a customer's file has no place, with how many there were.
    /// What is not counted under its name is under [`OTHERS`].
    pub const fn unheld(&self) -> &BTreeMap<String, u64> {
        &self.unheld.0
    }

    pub fn read(&mut self, chunk: &[u8], records: &mut Vec<Record>) -> Result<()> {
        self.push(chunk, false, records)
    }

    /// The file has ended: so has a last line without a line break.
    pub fn finish(&mut self, records: &mut Vec<Record>) -> Result<()> {
        self.push(&[], true, records)?;
        self.end_line(records)?;
        if self.card.take().is_some() {
            self.count += 1;
            records.push(Record::wrong(self.count, "ends before END:VCARD"));
        }
        match self.begun {
            true => Ok(()),
            false => Err(no_cards()),
        }
    }

    fn push(&mut self, chunk: &[u8], last: bool, records: &mut Vec<Record>) -> Result<()> {
        let mut text = std::mem::take(&mut self.text);
        self.decoder.push(chunk, last, &mut text);
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            self.piece(piece, records)?;
        }
        text.clear();
        self.text = text;
        Ok(())
    }

    /// A line, or what of it is there.
    fn piece(&mut self, piece: &[u8], records: &mut Vec<Record>) -> Result<()> {
        let mut piece = piece;
        if self.line_ended {
            match piece.first() {
                // A folded line goes on behind its first character (RFC 6350, section 3.2).
                Some(b' ' | b'\t') => piece = &piece[1..],
                _ => self.end_line(records)?,
            }
            self.line_ended = false;
        }
        let ended = piece.ends_with(b"\n");
        let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
        if !self.is_media {
            self.line.extend_from_slice(piece);
        }
        if ended {
            if self.line.ends_with(b"\r") {
                self.line.pop();
            }
            self.line_ended = true;
        }
        if !self.is_media && is_media(&self.line) {
            self.is_media = true;
            // Its name is enough.
            let named = self.line.iter().position(|byte| b":;".contains(byte));
            self.line.truncate(named.unwrap_or_default());
        }
        if self.card_bytes + self.line.len() > ROW_BYTES_MAX {
            return Err(exceeded(
                "bytes",
                ROW_BYTES_MAX,
                self.count + 1,
                "Look for a card without END:VCARD, or leave its notes out.",
            ));
        }
        Ok(())
    }

    fn end_line(&mut self, records: &mut Vec<Record>) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_media) {
            let name = String::from_utf8_lossy(property(&line)).to_ascii_uppercase();
            self.unheld.count(name);
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        self.card_bytes += line.len();
        let Ok(text) = std::str::from_utf8(&line) else {
            let words = "is no text in the file's encoding; save the file as UTF-8";
            match &mut self.card {
                Some(card) => card.fault("", words),
                None => return Err(no_cards()),
            }
            return Ok(());
        };
        let parsed = Line::parse(text);
        let is = |name: &str| {
            let line = parsed.as_ref();
            line.is_some_and(|line| {
                line.name == name && line.value.trim().eq_ignore_ascii_case("VCARD")
            })
        };
        if is("BEGIN") {
            if self.card.replace(Card::default()).is_some() {
                self.count += 1;
                records.push(Record::wrong(self.count, "ends before END:VCARD"));
            }
            self.begun = true;
            self.card_bytes = 0;
            return Ok(());
        }
        let Some(card) = &mut self.card else {
            if !self.begun {
                return Err(no_cards());
            }
            self.count += 1;
            let words = "is outside of a card; BEGIN:VCARD is missing before it";
            records.push(Record::wrong(self.count, words));
            return Ok(());
        };
        if is("END") {
            self.count += 1;
            let card = std::mem::take(card);
            self.card = None;
            let bytes = std::mem::take(&mut self.card_bytes);
            records.push(card.finish(self.count, bytes));
            return Ok(());
        }
        match parsed {
            Some(line) if card.line(&line) => {}
            Some(line) => self.unheld.count(line.name),
            None => card.fault("", "has a line without a colon, which is none of vCard's"),
        }
        Ok(())
    }
}

/// Properties by their names: as many as a table has columns, and none with a name that no program
/// gives.
#[derive(Clone, Default)]
struct Unheld(BTreeMap<String, u64>);

impl Unheld {
    fn count(&mut self, name: String) {
        let Self(names) = self;
        let room = names.contains_key(&name) || names.len() < COLUMNS_MAX;
        let name = match room && name.len() <= NAME_BYTES_MAX {
            true => name,
            false => OTHERS.to_owned(),
        };
        *names.entry(name).or_default() += 1;
    }
}

fn is_media(line: &[u8]) -> bool {
    let name = property(line);
    name.len() < line.len() && MEDIA.iter().any(|media| media.eq_ignore_ascii_case(name))
}

/// The name of a line's property, or as much of it as is there.
fn property(line: &[u8]) -> &[u8] {
    let name = line.split(|byte| b":;".contains(byte)).next();
    // A group may stand before the name.
    let name = name.unwrap_or_default().rsplit(|byte| *byte == b'.').next();
    name.unwrap_or_default()
}

fn no_cards() -> Error {
    let words = "is no file of vCards: it does not begin with BEGIN:VCARD";
    Error::invalid(vec![Violation::new("chunk", words)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{ContactPointType, Single};
    use crate::limits::FAULTS_MAX;

    fn read(file: &str) -> Result<(Vec<Record>, BTreeMap<String, u64>)> {
        let mut cards = CardReader::new(None);
        let mut records = Vec::new();
        cards.read(file.as_bytes(), &mut records)?;
        cards.finish(&mut records)?;
        Ok((records, cards.unheld().clone()))
    }

    #[test]
    fn cards_of_phones_are_read() {
        let (records, unheld) = read(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nN:王;小明;;;\r\nFN:王小明\r\nORG:Acme;Sales\r\n\
             item1.TEL;type=CELL;type=VOICE;type=pref:+86 138 0000\r\n  0000\r\n\
             EMAIL;type=INTERNET;type=HOME:w@example.com\r\n\
             PHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\n BBBB\r\nNOTE:likes tea\r\n\
             ADR;type=WORK:;;1 Nanjing Rd\\, Floor 2,Hall;上海;上海市;200000;中国\r\n\
             BDAY:1990-01-31\r\nCATEGORIES:vip,new\r\nEND:VCARD\r\n\r\n\
             begin:vcard\nversion:4.0\nkind:org\nfn:Acme\norg:Acme Ltd\nend:vcard",
        )
        .expect("cards");
        let wang = &records[0].entry;
        assert_eq!(wang.get(Single::FamilyName), Some("王"));
        assert_eq!(wang.get(Single::GivenName), Some("小明"));
        assert_eq!(wang.get(Single::LegalName), None);
        assert_eq!(wang.get(Single::BirthDate), Some("1990-01-31"));
        let phone = &wang.contact_points[0];
        assert_eq!((phone.kind, phone.primary), (ContactPointType::Phone, true));
        assert_eq!(phone.value, "+86 138 0000 0000");
        assert_eq!(phone.label, "mobile");
        assert_eq!(wang.contact_points[1].label, "home");
        assert_eq!(wang.addresses[0].region_code, "CN");
        assert_eq!(
            wang.addresses[0].address_lines,
            ["1 Nanjing Rd, Floor 2", "Hall"]
        );
        assert_eq!(wang.tags, ["vip", "new"]);
        let acme = &records[1].entry;
        assert_eq!(acme.get(Single::Type), Some("ORGANIZATION"));
        assert_eq!(acme.get(Single::LegalName), Some("Acme Ltd"));
        assert!(records.iter().all(|record| record.faults.is_empty()));
        let names: Vec<_> = unheld
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        assert_eq!(names, [("NOTE", 1), ("PHOTO", 1)]);
    }

    #[test]
    fn names_that_no_program_gives_are_counted_together() {
        let many = |count: usize| -> String { (0..count).map(|n| format!("X-{n}:a\n")).collect() };
        let long = "Y".repeat(NAME_BYTES_MAX + 1);
        let lines = format!("{}{long}:a\nX-0:a\n", many(COLUMNS_MAX + 5));
        let file = format!("BEGIN:VCARD\nFN:a\n{lines}END:VCARD\n");
        let (records, unheld) = read(&file).expect("cards");
        assert_eq!(records.len(), 1);
        assert_eq!(unheld.len(), COLUMNS_MAX + 1);
        assert_eq!((unheld[OTHERS], unheld["X-0"]), (6, 2));
    }

    #[test]
    fn what_is_no_card_is_said() {
        assert!(read("").is_err());
        assert!(read("name,email\n").is_err());
        let (records, _) =
            read("BEGIN:VCARD\nFN:a\nBEGIN:VCARD\nVERSION:2.1\nEND:VCARD\nFN:b\nBEGIN:VCARD\nx")
                .expect("cards");
        let faults: Vec<_> = records.iter().map(|record| record.faults.len()).collect();
        assert_eq!(faults, [1, 1, 1, 1]);
        let numbers: Vec<_> = records.iter().map(|record| record.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
    }

    #[test]
    fn of_a_card_that_is_wrong_all_over_the_first_faults_are_told() {
        let file = format!("BEGIN:VCARD\n{}END:VCARD\n", "x\n".repeat(100_000));
        let (records, _) = read(&file).expect("cards");
        assert_eq!(records[0].faults.len(), FAULTS_MAX);
        assert_eq!(records[0].bytes, 100_000 + "END:VCARD".len());
    }

    #[test]
    fn large_pictures_are_skipped_and_large_cards_refused() {
        let photo = "A".repeat(2 * ROW_BYTES_MAX);
        let file = format!("BEGIN:VCARD\nFN:a\nPHOTO:{photo}\nEND:VCARD\n");
        assert_eq!(read(&file).expect("cards").0.len(), 1);
        assert!(read(&file.replace("PHOTO", "NOTE")).is_err());
    }
}
