//! Postal addresses, with the fields of `google.type.PostalAddress`.

use dossier_kernel::Pii;

use super::{Many, Violations, division, normalize, postal_code};

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
    /// Of the division of China (GB/T 2260) whose names the three fields above have.
    pub division_code: Option<String>,
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
            division_code,
            mut lines,
            label,
            primary,
        } = self;
        let region_code = normalize::region_code(&region_code);
        if region_code.is_none() {
            violations.add(format!("{path}.region_code"), normalize::REGION_CODE_WORDS);
        }
        if lines.len() > LINES_MAX {
            violations.add(format!("{path}.address_lines"), "must have at most 5 lines");
            lines.clear();
        }
        let mut short = |field: &str, text: &str, longest: usize| {
            let text = normalize::text(text);
            if text.chars().count() > longest {
                let words = format!("must have at most {longest} characters");
                violations.add(format!("{path}.{field}"), words);
            }
            (!text.is_empty()).then_some(text)
        };
        let mut checked = Self {
            postal_code: postal_code
                .and_then(|text| short("postal_code", text.expose(), 32))
                .map(Pii::new),
            administrative_area: administrative_area
                .and_then(|text| short("administrative_area", &text, 128)),
            locality: locality.and_then(|text| short("locality", &text, 128)),
            sublocality: sublocality.and_then(|text| short("sublocality", &text, 128)),
            division_code: division_code
                .map(|code| normalize::code(&code))
                .filter(|code| !code.is_empty()),
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
        };
        checked.complete(path, violations);
        if let Some(code) = checked.postal_code.take() {
            match postal_code::normalize(&checked.region_code, code.expose()) {
                Ok(code) => checked.postal_code = Some(Pii::new(code)),
                Err(words) => violations.add(format!("{path}.postal_code"), words),
            }
        }
        Some(checked)
    }

    /// Fills in the names of the division, where a code says which one.
    fn complete(&mut self, path: &str, violations: &mut Violations) {
        let Some(code) = &self.division_code else {
            return;
        };
        let field = format!("{path}.division_code");
        if self.region_code != "CN" {
            violations.add(field, "belongs to addresses of region_code CN only");
            return;
        }
        let Some(names) = division::names(code) else {
            violations.add(field, division::CODE_WORDS);
            return;
        };
        for (field, name, official) in [
            (
                "administrative_area",
                &mut self.administrative_area,
                Some(names.province),
            ),
            ("locality", &mut self.locality, names.city),
            ("sublocality", &mut self.sublocality, names.district),
        ] {
            let Some(official) = official else {
                continue;
            };
            // People write 广东 for 广东省.
            if name
                .as_ref()
                .is_some_and(|given| !official.starts_with(given.as_str()))
            {
                let words = format!("must be {official} as division_code says, or empty");
                violations.add(format!("{path}.{field}"), words);
            }
            *name = Some(official.to_owned());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: Address) -> (Option<Address>, Vec<String>) {
        let mut violations = Violations::default();
        let checked = address.check("addresses[0]", &mut violations);
        let fields = violations
            .as_slice()
            .iter()
            .map(|wrong| wrong.field.clone());
        (checked, fields.collect())
    }

    fn chinese(division_code: &str) -> Address {
        Address {
            region_code: "cn".to_owned(),
            division_code: Some(division_code.to_owned()),
            ..Address::default()
        }
    }

    #[test]
    fn a_division_is_completed_and_stays_so() {
        let given = Address {
            administrative_area: Some("广东".to_owned()),
            ..chinese("４４０３０５")
        };
        let (nanshan, wrong) = check(given);
        assert!(wrong.is_empty(), "{wrong:?}");
        let nanshan = nanshan.expect("legal");
        let names = [
            &nanshan.administrative_area,
            &nanshan.locality,
            &nanshan.sublocality,
        ];
        let names = names.map(|name| name.as_deref());
        assert_eq!(names, [Some("广东省"), Some("深圳市"), Some("南山区")]);
        assert_eq!(check(nanshan.clone()), (Some(nanshan), vec![]));
        let shenzhen = Address {
            sublocality: Some("大鹏新区".to_owned()),
            ..chinese("440300")
        };
        let (shenzhen, wrong) = check(shenzhen);
        assert!(wrong.is_empty(), "{wrong:?}");
        let below = shenzhen.and_then(|address| address.sublocality);
        assert_eq!(
            below.as_deref(),
            Some("大鹏新区"),
            "what the code does not say stays"
        );
    }

    #[test]
    fn a_division_that_does_not_fit_is_refused() {
        let elsewhere = Address {
            locality: Some("广州市".to_owned()),
            ..chinese("440305")
        };
        assert_eq!(check(elsewhere).1, ["addresses[0].locality"]);
        assert_eq!(check(chinese("440399")).1, ["addresses[0].division_code"]);
        let abroad = Address {
            region_code: "DE".to_owned(),
            ..chinese("440305")
        };
        assert_eq!(check(abroad).1, ["addresses[0].division_code"]);
    }

    #[test]
    fn lines_beyond_the_limit_are_one_violation() {
        let long = Pii::new("x".repeat(1_000));
        let tall = Address {
            lines: vec![long; 100_000],
            ..chinese("440305")
        };
        assert_eq!(check(tall).1, ["addresses[0].address_lines"]);
    }

    #[test]
    fn postal_codes_look_as_their_region_has_them() {
        let british = |code: &str| Address {
            region_code: "GB".to_owned(),
            postal_code: Some(Pii::from(code)),
            ..Address::default()
        };
        let (kept, wrong) = check(british(" ec1y 8sy"));
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(
            kept.and_then(|address| address.postal_code),
            Some(Pii::from("EC1Y 8SY"))
        );
        assert_eq!(check(british("200000")).1, ["addresses[0].postal_code"]);
    }
}
