//! ADR: an address in parts between semicolons.

use super::content::{Line, escaped, split, unescaped};
use crate::entry::Address;
use crate::words;

/// The places of RFC 6350, section 6.3.1, and of RFC 9554, section 2.1.
const POST_OFFICE_BOX: usize = 0;
const EXTENDED: usize = 1;
const STREET: usize = 2;
const LOCALITY: usize = 3;
const REGION: usize = 4;
const CODE: usize = 5;
const COUNTRY: usize = 6;
const DISTRICT: usize = 15;

pub fn read(line: &Line<'_>, label: String, primary: bool) -> Address {
    let parts = split(line.value, ';');
    let raw = |place: usize| parts.get(place).copied().unwrap_or_default();
    let text = |place: usize| unescaped(raw(place)).trim().to_owned();
    let lines = [POST_OFFICE_BOX, EXTENDED, STREET].map(|place| split(raw(place), ','));
    let lines = lines.iter().flatten().map(|part| unescaped(part));
    let lines: Vec<String> = lines
        .flat_map(|part| {
            let lines = part.lines().map(|line| line.trim().to_owned());
            lines.collect::<Vec<_>>()
        })
        .filter(|line| !line.is_empty())
        .collect();
    let region_code = match line.param("CC") {
        Some(code) => code.to_owned(),
        None => words::region(&text(COUNTRY)),
    };
    Address {
        region_code,
        postal_code: text(CODE),
        administrative_area: text(REGION),
        locality: text(LOCALITY),
        sublocality: text(DISTRICT),
        division_code: line.param("X-DIVISION").unwrap_or_default().to_owned(),
        address_lines: lines,
        label,
        primary,
    }
}

/// The value of the line.
pub fn write(address: &Address) -> String {
    let lines: Vec<String> = address
        .address_lines
        .iter()
        .map(|line| escaped(line))
        .collect();
    let mut parts = vec![String::new(); COUNTRY + 1];
    parts[STREET] = lines.join(",");
    parts[LOCALITY] = escaped(&address.locality);
    parts[REGION] = escaped(&address.administrative_area);
    parts[CODE] = escaped(&address.postal_code);
    parts[COUNTRY] = escaped(&address.region_code);
    if !address.sublocality.is_empty() {
        parts.resize(DISTRICT, String::new());
        parts.push(escaped(&address.sublocality));
    }
    parts.join(";")
}
