//! One card, line by line, to an entry.

use super::content::Line;
use super::{UID_NAMESPACE, address};
use crate::entry::{ContactPoint, ContactPointType, Entry, ExternalId, Single};
use crate::row::{Fault, Record};
use crate::words;

/// What the lines so far say.
#[derive(Default)]
pub struct Card {
    entry: Entry,
    faults: Vec<Fault>,
    /// Whose it is says the kind, which may come later.
    organization: String,
}

impl Card {
    /// Takes one line in; says whether a customer's file has a place for it.
    pub fn line(&mut self, line: &Line<'_>) -> bool {
        match line.name.as_str() {
            "VERSION" if line.value.trim() == "2.1" => self.fault(
                "",
                "is vCard 2.1, which has other rules; export it as vCard 3.0 or 4.0",
            ),
            "VERSION" => {}
            "KIND" | "X-ADDRESSBOOKSERVER-KIND" => self.kind(line),
            "X-ABSHOWAS" if line.value.eq_ignore_ascii_case("company") => {
                self.entry.set(Single::Type, "ORGANIZATION");
            }
            "FN" => self.entry.set_filled(Single::DisplayName, &line.text()),
            "N" => {
                let parts = line.parts(';');
                let names = [Single::FamilyName, Single::GivenName];
                for (single, text) in names.into_iter().zip(parts) {
                    self.entry.set_filled(single, &text);
                }
            }
            "ORG" => self.organization = line.parts(';').into_iter().next().unwrap_or_default(),
            "GENDER" => match line.parts(';').first().map(String::as_str) {
                Some("") | None | Some("N" | "U" | "n" | "u") => return false,
                Some(sex) => match words::gender(sex) {
                    Some(gender) => self.entry.set(Single::Gender, gender),
                    None => self.fault("gender", "must be F, M or O"),
                },
            },
            "BDAY" => match words::date(&line.text()) {
                Some(date) => self.entry.set(Single::BirthDate, date),
                None => self.fault("birth_date", "must be a whole date such as 1990-01-31"),
            },
            "EMAIL" => self.point(ContactPointType::Email, line),
            "TEL" => self.point(ContactPointType::Phone, line),
            "ADR" => {
                let first = !self.entry.addresses.iter().any(|other| other.primary);
                let address = address::read(line, label(line), is_preferred(line) && first);
                self.entry.addresses.push(address);
            }
            "CATEGORIES" => {
                let tags = line.parts(',').into_iter();
                let tags = tags.filter(|tag| !tag.is_empty());
                self.entry.tags.extend(tags);
            }
            "LANG" => self.entry.set_filled(Single::LanguageCode, &line.text()),
            "TZ" if line.value.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                self.entry.set_filled(Single::TimeZone, &line.text());
            }
            "UID" => self.external_id(UID_NAMESPACE, line),
            "X-DOSSIER-ID" => match line.param("X-NAMESPACE") {
                Some(namespace) => self.external_id(namespace, line),
                None => self.fault("external_ids", "must have the parameter X-NAMESPACE"),
            },
            "X-DOSSIER-REGION" => self.entry.set_filled(Single::RegionCode, &line.text()),
            "X-DOSSIER-OWNER" => self.entry.set_filled(Single::Owner, &line.text()),
            "X-DOSSIER-TEAM" => self.entry.set_filled(Single::Team, &line.text()),
            "X-DOSSIER-INDUSTRY" => self.entry.set_filled(Single::Industry, &line.text()),
            "X-DOSSIER-ATTRIBUTE" => match line.param("X-ID") {
                Some(id) => {
                    let attributes = &mut self.entry.attributes;
                    attributes.insert(id.to_owned(), line.text());
                }
                None => self.fault("attributes", "must have the parameter X-ID"),
            },
            _ => return false,
        }
        true
    }

    pub fn fault(&mut self, field: &str, words: &str) {
        Fault::new(field, words).tell(&mut self.faults);
    }

    pub fn finish(mut self, number: u64, bytes: usize) -> Record {
        let entry = &mut self.entry;
        if !self.organization.is_empty() {
            let named = |single| entry.get(single).is_some();
            // Address books keep companies as cards without a person's name.
            let unnamed = !named(Single::GivenName) && !named(Single::FamilyName);
            let shown = entry.get(Single::DisplayName) == Some(self.organization.as_str());
            if !named(Single::Type) && unnamed && shown {
                entry.set(Single::Type, "ORGANIZATION");
            }
            if entry.get(Single::Type) == Some("ORGANIZATION") {
                entry.set(Single::LegalName, self.organization);
            }
        }
        Record {
            number,
            entry: self.entry,
            origin: crate::origin::Origin::default(),
            faults: self.faults,
            bytes,
        }
    }

    fn kind(&mut self, line: &Line<'_>) {
        match words::kind(line.value) {
            Some(kind) => self.entry.set(Single::Type, kind),
            None => self.fault("type", "must be individual or org: others are no customers"),
        }
    }

    fn point(&mut self, kind: ContactPointType, line: &Line<'_>) {
        let mut value = line.text();
        // A phone is text unless the card says that it is an address (RFC 6350, section 6.4.1).
        let is_uri = line
            .param("VALUE")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("uri"));
        if is_uri && let Some(number) = value.strip_prefix("tel:") {
            value = number.to_owned();
        }
        let points = &mut self.entry.contact_points;
        let first = !points
            .iter()
            .any(|other| other.kind == kind && other.primary);
        points.push(ContactPoint {
            kind,
            value,
            label: label(line),
            primary: is_preferred(line) && first,
            verify_time: line.param("X-VERIFY-TIME").map(str::to_owned),
        });
    }

    fn external_id(&mut self, namespace: &str, line: &Line<'_>) {
        self.entry.external_ids.push(ExternalId {
            namespace: namespace.to_owned(),
            value: line.text(),
        });
    }
}

/// What it is for: the parameter made for that, else the first type that says so.
fn label(line: &Line<'_>) -> String {
    if let Some(label) = line.param("X-LABEL") {
        return label.to_owned();
    }
    line.all("TYPE").find_map(label_of_type).unwrap_or_default()
}

/// `None` for types that say something else.
pub fn label_of_type(text: &str) -> Option<String> {
    let small = text.to_ascii_lowercase();
    Some(match small.as_str() {
        "" | "internet" | "voice" | "pref" | "text" | "x400" | "dom" | "intl" | "postal"
        | "parcel" => return None,
        "cell" => "mobile".to_owned(),
        _ => small,
    })
}

fn is_preferred(line: &Line<'_>) -> bool {
    line.param("PREF").map(str::trim) == Some("1")
        || line
            .all("TYPE")
            .any(|text| text.eq_ignore_ascii_case("pref"))
}
