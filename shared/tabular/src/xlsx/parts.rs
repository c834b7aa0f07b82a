//! Which part of the package is what.

use std::io::{Read, Seek};

use dossier_kernel::Result;
use quick_xml::events::{BytesStart, Event};

use super::package::{Package, no_workbook};
use crate::limits::{PARTS_MAX, RELATIONS_BYTES_MAX, file_exceeded};

/// What a workbook says of itself.
#[derive(Debug, Default)]
pub struct Workbook {
    /// The parts of its sheets, in their order.
    pub sheets: Vec<String>,
    pub shared_strings: Option<String>,
    pub styles: Option<String>,
    /// Dates count from 1904, not from 1900.
    pub since_1904: bool,
}

impl Workbook {
    pub fn read<R: Read + Seek>(package: &mut Package<R>) -> Result<Self> {
        let root = relations(package, "_rels/.rels")?;
        let main = root.into_iter().find(|one| one.is("officeDocument"));
        let main = main.map_or_else(
            || "xl/workbook.xml".to_owned(),
            |one| resolved("", &one.target),
        );
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let related = relations(package, &format!("{folder}/_rels/{file}.rels"))?;
        let target = |kind: &str| {
            let one = related.iter().find(|one| one.is(kind));
            one.map(|one| resolved(folder, &one.target))
        };
        let mut workbook = Self {
            shared_strings: target("sharedStrings"),
            styles: target("styles"),
            ..Self::default()
        };
        let mut xml = package
            .part(&main)?
            .ok_or_else(|| no_workbook("it has no workbook part"))?;
        let mut sheets = 0;
        loop {
            match xml.next()? {
                Event::Start(tag) if tag.local_name().as_ref() == "sheet" => {
                    sheets += 1;
                    if sheets > PARTS_MAX {
                        return Err(file_exceeded("sheets", PARTS_MAX as u64, "Leave some out."));
                    }
                    let id = attribute(&tag, "r:id").or_else(|| attribute(&tag, "id"));
                    let of_id = related.iter().find(|one| Some(&one.id) == id.as_ref());
                    if let Some(one) = of_id.filter(|one| one.is("worksheet")) {
                        let part = resolved(folder, &one.target);
                        if workbook.sheets.contains(&part) {
                            return Err(no_workbook("two of its sheets are one"));
                        }
                        workbook.sheets.push(part);
                    }
                }
                Event::Start(tag) if tag.local_name().as_ref() == "workbookPr" => {
                    let since = attribute(&tag, "date1904");
                    workbook.since_1904 = since.is_some_and(|flag| flag == "1" || flag == "true");
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match workbook.sheets.is_empty() {
            true => Err(no_workbook("it has no sheet")),
            false => Ok(workbook),
        }
    }
}

/// One part's relation to another.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl Relation {
    /// Transitional and strict workbooks differ in what stands before the last name.
    fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

fn relations<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Result<Vec<Relation>> {
    let Some(mut xml) = package.part(part)? else {
        return Ok(Vec::new());
    };
    let mut relations = Vec::new();
    let mut bytes = 0;
    loop {
        match xml.next()? {
            Event::Start(tag) if tag.local_name().as_ref() == "Relationship" => {
                let one = Relation {
                    id: attribute(&tag, "Id").unwrap_or_default(),
                    kind: attribute(&tag, "Type").unwrap_or_default(),
                    target: attribute(&tag, "Target").unwrap_or_default(),
                };
                bytes += size_of::<Relation>() + one.id.len() + one.kind.len() + one.target.len();
                if bytes > RELATIONS_BYTES_MAX {
                    let cure = "Save it anew with a spreadsheet program.";
                    let limit = RELATIONS_BYTES_MAX as u64;
                    return Err(file_exceeded("bytes of relations", limit, cure));
                }
                relations.push(one);
            }
            Event::Eof => return Ok(relations),
            _ => {}
        }
    }
}

fn resolved(folder: &str, target: &str) -> String {
    match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None if folder.is_empty() => target.to_owned(),
        None => format!("{folder}/{target}"),
    }
}

/// The value of an attribute; what cannot be read is as if it were not there.
pub fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    let value = attribute
        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
        .ok()?;
    Some(value.into_owned())
}
