//! Entries to cards of vCard 4.0.

use super::card::label_of_type;
use super::content::{escaped, write_param};
use super::{UID_NAMESPACE, address};
use crate::entry::{ContactPointType, Entry, Single};

/// A line is folded behind this many bytes (RFC 6350, section 3.2).
const LINE_BYTES_MAX: usize = 75;

/// Appends one card to `file`. What vCard has no property for goes into ones that begin with
/// `X-DOSSIER-`, which other programs skip.
pub fn write_card(entry: &Entry, file: &mut Vec<u8>) {
    let mut card = Writer { file };
    card.line("BEGIN:VCARD");
    card.line("VERSION:4.0");
    match entry.get(Single::Type) {
        Some("ORGANIZATION") => card.line("KIND:org"),
        Some(_) => card.line("KIND:individual"),
        None => {}
    }
    card.text("FN", entry.get(Single::DisplayName).unwrap_or_default());
    let name = |single| escaped(entry.get(single).unwrap_or_default());
    let (family, given) = (name(Single::FamilyName), name(Single::GivenName));
    if !family.is_empty() || !given.is_empty() {
        card.line(&format!("N:{family};{given};;;"));
    }
    let sex = match entry.get(Single::Gender) {
        Some("FEMALE") => Some("F"),
        Some("MALE") => Some("M"),
        Some(_) => Some("O"),
        None => None,
    };
    let birth_date = entry
        .get(Single::BirthDate)
        .map(|date| date.replace('-', ""));
    for (property, text) in [
        ("ORG", entry.get(Single::LegalName)),
        ("GENDER", sex),
        ("BDAY", birth_date.as_deref()),
        ("LANG", entry.get(Single::LanguageCode)),
        ("TZ", entry.get(Single::TimeZone)),
        ("X-DOSSIER-REGION", entry.get(Single::RegionCode)),
        ("X-DOSSIER-OWNER", entry.get(Single::Owner)),
        ("X-DOSSIER-TEAM", entry.get(Single::Team)),
        ("X-DOSSIER-INDUSTRY", entry.get(Single::Industry)),
    ] {
        if let Some(text) = text {
            card.text(property, text);
        }
    }
    for point in &entry.contact_points {
        let mut line = match point.kind {
            ContactPointType::Email => "EMAIL",
            ContactPointType::Phone => "TEL",
        }
        .to_owned();
        write_use(&point.label, point.primary, &mut line);
        if let Some(time) = &point.verify_time {
            write_param("X-VERIFY-TIME", time, &mut line);
        }
        card.line(&format!("{line}:{}", escaped(&point.value)));
    }
    for one in &entry.addresses {
        let mut line = "ADR".to_owned();
        write_use(&one.label, one.primary, &mut line);
        if !one.region_code.is_empty() {
            write_param("CC", &one.region_code, &mut line);
        }
        if !one.division_code.is_empty() {
            write_param("X-DIVISION", &one.division_code, &mut line);
        }
        card.line(&format!("{line}:{}", address::write(one)));
    }
    if !entry.tags.is_empty() {
        let tags: Vec<String> = entry.tags.iter().map(|tag| escaped(tag)).collect();
        card.line(&format!("CATEGORIES:{}", tags.join(",")));
    }
    let mut uid = true;
    for id in &entry.external_ids {
        let mut line = "X-DOSSIER-ID".to_owned();
        if id.namespace == UID_NAMESPACE && std::mem::take(&mut uid) {
            "UID".clone_into(&mut line);
        } else {
            write_param("X-NAMESPACE", &id.namespace, &mut line);
        }
        card.line(&format!("{line}:{}", escaped(&id.value)));
    }
    for (id, text) in &entry.attributes {
        let mut line = "X-DOSSIER-ATTRIBUTE".to_owned();
        write_param("X-ID", id, &mut line);
        card.line(&format!("{line}:{}", escaped(text)));
    }
    if !entry.masked_fields.is_empty() {
        card.text("X-DOSSIER-MASKED", &entry.masked_fields.join(" "));
    }
    card.line("END:VCARD");
}

/// What it is for, and whether it is the first to use.
fn write_use(label: &str, primary: bool, line: &mut String) {
    if !label.is_empty() {
        // What other programs call it; beside it our own word, where that is another.
        let text = if label == "mobile" { "cell" } else { label };
        let read = label_of_type(text);
        // Types that say something else would be taken at their word.
        if read.is_some() {
            write_param("TYPE", text, line);
        }
        if read.as_deref() != Some(label) {
            write_param("X-LABEL", label, line);
        }
    }
    if primary {
        line.push_str(";PREF=1");
    }
}

struct Writer<'f> {
    file: &'f mut Vec<u8>,
}

impl Writer<'_> {
    fn text(&mut self, property: &str, text: &str) {
        self.line(&format!("{property}:{}", escaped(text)));
    }

    fn line(&mut self, line: &str) {
        let mut used = 0;
        for c in line.chars() {
            if used + c.len_utf8() > LINE_BYTES_MAX {
                self.file.extend_from_slice(b"\r\n ");
                used = 1;
            }
            let mut bytes = [0; 4];
            self.file
                .extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            used += c.len_utf8();
        }
        self.file.extend_from_slice(b"\r\n");
    }
}
