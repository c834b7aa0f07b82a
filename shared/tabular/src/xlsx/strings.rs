//! The table of strings that sheets share.

use std::io::{Read, Seek};

use dossier_kernel::Result;
use quick_xml::events::Event;

use super::cell::unescaped;
use super::package::{Package, no_workbook};
use crate::limits::{SHARED_STRING_BYTES_MAX, file_exceeded};

/// The strings, end to end, and where each ends.
#[derive(Default)]
pub struct SharedStrings {
    text: String,
    ends: Vec<u32>,
}

impl SharedStrings {
    pub fn read<R: Read + Seek>(package: &mut Package<R>, part: Option<&str>) -> Result<Self> {
        Self::limited(package, part, SHARED_STRING_BYTES_MAX)
    }

    fn limited<R: Read + Seek>(
        package: &mut Package<R>,
        part: Option<&str>,
        limit: usize,
    ) -> Result<Self> {
        let mut strings = Self::default();
        let Some(part) = part else { return Ok(strings) };
        let Some(mut xml) = package.part(part)? else {
            return Ok(strings);
        };
        let mut one = RichText::default();
        loop {
            let event = xml.next()?;
            let used = strings.text.len() + strings.ends.len() * size_of::<u32>() + one.text.len();
            if used > limit {
                return Err(file_exceeded(
                    "bytes of shared strings",
                    limit as u64,
                    "Save the table as CSV, or split it.",
                ));
            }
            match &event {
                Event::Start(tag) if tag.local_name().as_ref() == "si" => one = RichText::default(),
                Event::End(tag) if tag.local_name().as_ref() == "si" => {
                    strings.text.push_str(&unescaped(&one.text));
                    one = RichText::default();
                    strings
                        .ends
                        .push(u32::try_from(strings.text.len()).unwrap_or(u32::MAX));
                }
                Event::Eof => return Ok(strings),
                other => one.take(other)?,
            }
        }
    }

    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let begin = match index {
            0 => 0,
            _ => *self.ends.get(index - 1)?,
        };
        self.text.get(begin as usize..end as usize)
    }
}

/// A text that may come in pieces of different looks, with its pronunciation beside it.
#[derive(Default)]
pub struct RichText {
    pub text: String,
    inside: bool,
    phonetic: usize,
}

impl RichText {
    /// Takes in what stands between the tags around the text.
    pub fn take(&mut self, event: &Event<'_>) -> Result<()> {
        match event {
            Event::Start(tag) if tag.local_name().as_ref() == "rPh" => self.phonetic += 1,
            Event::End(tag) if tag.local_name().as_ref() == "rPh" => {
                self.phonetic = self.phonetic.saturating_sub(1);
            }
            Event::Start(tag) if tag.local_name().as_ref() == "t" => {
                self.inside = self.phonetic == 0
            }
            Event::End(tag) if tag.local_name().as_ref() == "t" => self.inside = false,
            other if self.inside => push_text(other, &mut self.text)?,
            _ => {}
        }
        Ok(())
    }
}

/// Appends what an event says as text.
pub fn push_text(event: &Event<'_>, text: &mut String) -> Result<()> {
    match event {
        Event::Text(piece) => text.push_str(&piece.xml10_content()),
        Event::CData(piece) => text.push_str(&piece.xml10_content()),
        Event::GeneralRef(reference) => {
            let c = match reference.resolve_char_ref() {
                Ok(Some(c)) => Some(c),
                Ok(None) => match reference.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => None,
                },
                Err(_) => None,
            };
            text.push(c.ok_or_else(|| no_workbook("it has a reference to nothing"))?);
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn package(xml: &str) -> Package<Cursor<Vec<u8>>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        zip.start_file("s.xml", options).expect("a part");
        zip.write_all(xml.as_bytes()).expect("written");
        Package::open(zip.finish().expect("a zip")).expect("a package")
    }

    #[test]
    fn shared_strings_are_bounded() {
        let xml = "<sst><si><t>ab</t></si><si><r><t>c</t></r><r><t>d</t></r><rPh><t>x</t></rPh></si></sst>";
        // Two of two bytes, with four for each to say where it ends.
        let strings = SharedStrings::limited(&mut package(xml), Some("s.xml"), 12).expect("fits");
        assert_eq!(strings.get(0), Some("ab"));
        assert_eq!(strings.get(1), Some("cd"));
        assert_eq!(strings.get(2), None);
        assert!(SharedStrings::limited(&mut package(xml), Some("s.xml"), 11).is_err());
    }
}
