//! Postal addresses, with the fields of `google.type.PostalAddress`.

use dossier_kernel::Pii;

use super::{Many, Violations, normalize};

pub const COUNT_MAX: usize = 20;
const LINES_MAX: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub region_code: String,
    pub postal_code: Option<Pii<String>>,
    /// State or province (省).
    pub administrative_area: Option<String>,
    /// City (市).
    pub locality: Option<String>,
    /// District (区).
    pub sublocality: Option<String>,
    /// Street, house, floor.
    pub lines: Vec<Pii<String>>,
    /// What it is for, such as `home`; may be empty.
    pub label: String,
    /// The one to use first.
    pub primary: bool,
}

impl Address {
    fn check(self, path: &str, violations: &mut Violations) -> Option<Self> {
        let Self {
            region_code,
            postal_code,
            administrative_area,
            locality,
            sublocality,
            lines,
            label,
            primary,
        } = self;
        let region_code = normalize::region_code(&region_code);
        if region_code.is_none() {
            violations.add(format!("{path}.region_code"), normalize::REGION_CODE_WORDS);
        }
        if lines.len() > LINES_MAX {
            violations.add(format!("{path}.address_lines"), "must have at most 5 lines");
        }
        let mut short = |field: &str, text: &str, longest: usize| {
            let text = normalize::text(text);
            if text.chars().count() > longest {
                let words = format!("must have at most {longest} characters");
                violations.add(format!("{path}.{field}"), words);
            }
            (!text.is_empty()).then_some(text)
        };
        Some(Self {
            postal_code: postal_code
                .and_then(|text| short("postal_code", text.expose(), 32))
                .map(Pii::new),
            administrative_area: administrative_area
                .and_then(|text| short("administrative_area", &text, 128)),
            locality: locality.and_then(|text| short("locality", &text, 128)),
            sublocality: sublocality.and_then(|text| short("sublocality", &text, 128)),
            label: short("label", &label, 64).unwrap_or_default(),
            lines: lines
                .iter()
                .enumerate()
                .filter_map(|(index, line)| {
                    short(&format!("address_lines[{index}]"), line.expose(), 256)
                })
                .map(Pii::new)
                .collect(),
            region_code: region_code?,
            primary,
        })
    }
}

pub fn check(addresses: Many<Address>, violations: &mut Violations) -> Many<Address> {
    let mut primary = false;
    addresses.filter_map(|index, address| {
        let path = format!("addresses[{index}]");
        if address.primary && std::mem::replace(&mut primary, address.primary) {
            violations.add(format!("{path}.primary"), "only one address can be primary");
        }
        address.check(&path, violations)
    })
}

pub fn apply(addresses: Many<Address>, field: &mut Vec<Address>) {
    addresses.apply(
        field,
        |a, b| a == b,
        |field, address| {
            if field.contains(&address) {
                return;
            }
            if address.primary {
                field.iter_mut().for_each(|other| other.primary = false);
            }
            field.push(address);
        },
    );
}
