//! What an organisation does for a living, as a code of a published list.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::normalize;

/// Which list a code is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndustryScheme {
    /// United Nations, ST/ESA/STAT/SER.M/4/Rev.4: sections `A` to `U`, below them divisions of two
    /// digits, groups of three and classes of four.
    #[serde(rename = "ISIC_REV_4")]
    IsicRev4,
}

impl IndustryScheme {
    pub const ALL: [Self; 1] = [Self::IsicRev4];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IsicRev4 => "ISIC_REV_4",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == word)
    }

    fn table(self) -> &'static Table {
        match self {
            Self::IsicRev4 => &ISIC_REV_4,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::IsicRev4 => "must be a code of ISIC Rev. 4, such as C, 10, 107 or 1071",
        }
    }
}

/// Source and licence: `data/README.md`.
static ISIC_REV_4: LazyLock<Table> =
    LazyLock::new(|| Table::read(include_str!("../../data/isic-rev-4.tsv")));

/// The entries of a list by their codes.
struct Table(HashMap<&'static str, Entry>);

struct Entry {
    title: &'static str,
    /// The letter that it belongs to; its own for a letter.
    section: &'static str,
}

impl Table {
    /// Rows stand below the letter they belong to.
    fn read(text: &'static str) -> Self {
        let rows = text.lines().filter_map(|row| row.split_once('\t'));
        let entries = rows.scan("", |section, (code, title)| {
            if is_section(code) {
                *section = code;
            }
            Some((code, Entry { title, section }))
        });
        Self(entries.collect())
    }
}

/// An industry at any level of its list. Its serde form is part of feed bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Industry {
    pub scheme: IndustryScheme,
    /// As given until checked, then a code of the list.
    pub code: String,
}

impl Industry {
    /// Errors are the words of a violation.
    pub fn check(self) -> Result<Self, &'static str> {
        let code = normalize::code(&self.code);
        match self.scheme.table().0.contains_key(code.as_str()) {
            true => Ok(Self { code, ..self }),
            false => Err(self.scheme.words()),
        }
    }

    /// In the words of the list; empty for a code that it does not have.
    pub fn title(&self) -> &'static str {
        let entry = self.scheme.table().0.get(self.code.as_str());
        entry.map_or("", |entry| entry.title)
    }

    /// The code and those above it, highest first: `C`, `10`, `107`, `1071`.
    pub fn path(&self) -> Vec<String> {
        let code = self.code.as_str();
        let Some(entry) = self.scheme.table().0.get(code) else {
            return Vec::new();
        };
        let section = std::iter::once(entry.section);
        let below = (2..=code.len()).filter_map(|digits| code.get(..digits));
        section.chain(below).map(str::to_owned).collect()
    }
}

/// The beginnings of all codes that belong to `code`, whichever list has it: of a letter its
/// divisions and itself, of digits themselves. None for what is no code.
pub fn stems(code: &str) -> Vec<&'static str> {
    let mut stems: Vec<&'static str> = Vec::new();
    for scheme in IndustryScheme::ALL {
        let entries = &scheme.table().0;
        let Some((known, _)) = entries.get_key_value(code) else {
            continue;
        };
        stems.push(known);
        if is_section(code) {
            let below = entries
                .iter()
                .filter(|(below, entry)| below.len() == 2 && entry.section == code);
            stems.extend(below.map(|(below, _)| *below));
        }
    }
    stems.sort_unstable();
    stems
}

fn is_section(code: &str) -> bool {
    code.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isic(code: &str) -> Industry {
        Industry {
            scheme: IndustryScheme::IsicRev4,
            code: code.to_owned(),
        }
    }

    #[test]
    fn the_list_is_whole_and_everything_but_a_section_lies_below_something() {
        let entries = &ISIC_REV_4.0;
        let count = |length: usize| {
            let of_length = entries.keys().filter(|code| code.len() == length);
            of_length
                .filter(|code| length > 1 || is_section(code))
                .count()
        };
        assert_eq!(
            (count(1), count(2), count(3), count(4), entries.len()),
            (21, 88, 238, 419, 766)
        );
        for code in entries.keys() {
            let path = isic(code).path();
            assert_eq!(path.last().map(String::as_str), Some(*code));
            assert!(
                path.iter()
                    .all(|above| entries.contains_key(above.as_str())),
                "{path:?}"
            );
        }
    }

    #[test]
    fn codes_are_read_and_placed() {
        let bread = isic(" １０７１").check().expect("a code");
        assert_eq!(
            (bread.code.as_str(), bread.title()),
            ("1071", "Manufacture of bakery products")
        );
        assert_eq!(bread.path(), ["C", "10", "107", "1071"]);
        assert_eq!(
            isic("c").check().map(|section| section.path()),
            Ok(vec!["C".to_owned()])
        );
        for wrong in ["", "V", "04", "1072x", "9999", "C10", "制造"] {
            assert!(isic(wrong).check().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_belongs_to_a_code_begins_with_one_of_its_stems() {
        for code in ISIC_REV_4.0.keys() {
            let industry = isic(code);
            for above in ISIC_REV_4.0.keys() {
                let below = stems(above).iter().any(|stem| code.starts_with(stem));
                assert_eq!(
                    below,
                    industry.path().contains(&(*above).to_owned()),
                    "{code} {above}"
                );
            }
        }
        assert!(stems("99999").is_empty());
    }
}
