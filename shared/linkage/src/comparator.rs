//! How two values of a field are compared, and into which levels the answer falls.

use serde::{Deserialize, Serialize};

use crate::similarity::{SIMILARITY_MIN, best_word_similarity, edits, jaro_winkler};
use crate::sketch::Sketch;
use crate::value::Value;

/// How the values of a field are compared.
///
/// Each comparator sorts a pair of values into ordered levels, the first being equality and the last
/// plain difference. What a level is worth is not decided here: the model learns it from the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparator {
    /// Equal or not, out of a few: a country, a state, a gender.
    Category,
    /// Equal or not, and hardly ever equal by chance: an id of another system.
    Identifier,
    /// A personal name: Jaro-Winkler similarity (Winkler 1990) without spaces.
    Name,
    /// Several words, such as a line of an address or a firm: the best of Jaro-Winkler, of
    /// Damerau-Levenshtein relative to length, and of Jaro-Winkler with the words sorted.
    Text,
    /// A number used as a name (telephone, postal code, house number): Damerau-Levenshtein distance.
    Code,
    /// A calendar date, year first: digits off, day and month exchanged, two of three parts equal.
    Date,
    /// An e-mail address: equal, or the part before the `@` equal or similar.
    Email,
    /// A quantity: equal, or within 1 % or 10 % of the larger.
    Number,
}

/// The level of a pair in a field: 0 is equality, the comparator's last one is difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(pub u8);

impl Level {
    /// One of the two records has no value.
    pub const MISSING: Self = Self(15);

    pub const EQUAL: Self = Self(0);
}

/// Similarities from which a name or a text counts as closer.
///
/// They follow the steps of Winkler's comparison tables and Splink's name comparison, more finely:
/// with the weights learned, a superfluous step costs nothing.
const STEPS: [f64; 4] = [0.94, 0.88, 0.8, SIMILARITY_MIN];

impl Comparator {
    /// The names of the levels, best first.
    pub const fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Category | Self::Identifier => &["equal", "different"],
            Self::Name | Self::Text => &[
                "equal",
                "nearly equal",
                "similar",
                "somewhat similar",
                "faintly similar",
                "different",
            ],
            Self::Code => &["equal", "one edit", "two edits", "different"],
            Self::Date => &[
                "equal",
                "one edit or parts exchanged",
                "two parts equal",
                "one part equal",
                "different",
            ],
            Self::Email => &["equal", "same mailbox", "similar mailbox", "different"],
            Self::Number => &["equal", "within 1 %", "within 10 %", "different"],
        }
    }

    /// The name of a level.
    pub(crate) fn level_name(self, level: Level) -> &'static str {
        let names = self.levels();
        names
            .get(usize::from(level.0))
            .copied()
            .unwrap_or("missing")
    }

    /// What is believed of matching records before any were seen, level by level.
    ///
    /// Nine in ten values agree, most others nearly: the error rates that Winkler (1990) and
    /// Christen (2012, chapter 7) give for administrative data, rounded.
    pub(crate) const fn belief(self) -> &'static [f64] {
        match self {
            Self::Category | Self::Identifier => &[0.9, 0.1],
            Self::Name | Self::Text => &[0.85, 0.05, 0.03, 0.02, 0.01, 0.04],
            Self::Code => &[0.87, 0.05, 0.03, 0.05],
            Self::Date => &[0.87, 0.06, 0.03, 0.01, 0.03],
            Self::Email => &[0.8, 0.05, 0.05, 0.1],
            Self::Number => &[0.8, 0.05, 0.05, 0.1],
        }
    }

    /// What is believed of other records before any were seen, level by level: the orders of
    /// magnitude of a few hundred names, some ten thousand birthdays, addresses by the million.
    pub(crate) const fn chance(self) -> &'static [f64] {
        match self {
            Self::Category => &[0.2, 0.8],
            Self::Identifier => &[1e-6, 1.0 - 1e-6],
            Self::Name => &[0.005, 0.001, 0.002, 0.005, 0.02, 0.967],
            Self::Text => &[0.001, 0.0005, 0.001, 0.005, 0.02, 0.9725],
            Self::Code => &[0.005, 0.01, 0.05, 0.935],
            Self::Date => &[5e-5, 1e-3, 3e-3, 0.1, 0.895_95],
            Self::Email => &[1e-5, 1e-3, 3e-3, 0.995_99],
            Self::Number => &[0.01, 0.01, 0.05, 0.93],
        }
    }

    /// The level of difference.
    pub(crate) const fn last(self) -> Level {
        Level(self.levels().len() as u8 - 1)
    }

    /// Compares two values that differ in more than spaces; symmetric.
    pub(crate) fn level(self, a: &Value, b: &Value) -> Level {
        match self {
            Self::Category | Self::Identifier => self.last(),
            Self::Name => step(jaro_winkler(&a.squeezed, &b.squeezed)),
            Self::Text => step(best_word_similarity(a, b)),
            Self::Code => match edits(&a.squeezed, &b.squeezed, 2) {
                Some(1) => Level(1),
                Some(2) => Level(2),
                _ => self.last(),
            },
            Self::Date => date_level(a, b),
            Self::Email => email_level(&a.text, &b.text),
            Self::Number => number_level(&a.text, &b.text),
        }
    }
}

impl Comparator {
    /// A level at least as good as [`Self::level`] says of two values that differ, from what is
    /// known of them at a glance; symmetric.
    pub(crate) fn level_at_best(self, a: Sketch, b: Sketch) -> Level {
        match self {
            Self::Category | Self::Identifier => self.last(),
            Self::Name | Self::Text if a.may_be_similar(b) => Level(1),
            Self::Name | Self::Text => self.last(),
            Self::Code => Level(a.edits_min(b).clamp(1, 3) as u8),
            // One digit off is one edit, parts exchanged are none.
            Self::Date => Level(a.edits_min(b).clamp(1, 2) as u8),
            Self::Email | Self::Number => Level(1),
        }
    }
}

fn step(similarity: f64) -> Level {
    let steps = STEPS.iter().take_while(|step| similarity < **step).count();
    Level(steps as u8 + 1)
}

fn date_level(a: &Value, b: &Value) -> Level {
    let (a, b) = (a.squeezed.as_bytes(), b.squeezed.as_bytes());
    let (Some(left), Some(right)) = (parts(a), parts(b)) else {
        return Comparator::Date.last();
    };
    let exchanged = left[0] == right[0] && left[1] == right[2] && left[2] == right[1];
    if exchanged || one_digit_off(a, b) {
        return Level(1);
    }
    match (0..3).filter(|part| left[*part] == right[*part]).count() {
        2 => Level(2),
        1 => Level(3),
        _ => Level(4),
    }
}

/// Year, month and day of eight digits.
fn parts(date: &[u8]) -> Option<[&[u8]; 3]> {
    (date.len() == 8).then(|| [&date[..4], &date[4..6], &date[6..]])
}

/// One digit differs, or two neighbouring ones are exchanged.
fn one_digit_off(a: &[u8], b: &[u8]) -> bool {
    let mut off = (0..a.len()).filter(|at| a[*at] != b[*at]);
    match (off.next(), off.next(), off.next()) {
        (Some(_), None, None) => true,
        (Some(first), Some(second), None) => {
            second == first + 1 && a[first] == b[second] && a[second] == b[first]
        }
        _ => false,
    }
}

fn email_level(a: &str, b: &str) -> Level {
    let mailbox = |address: &str| address.split('@').next().unwrap_or_default().to_owned();
    let (a, b) = (mailbox(a), mailbox(b));
    if a == b {
        Level(1)
    } else if jaro_winkler(&a, &b) >= STEPS[1] {
        Level(2)
    } else {
        Comparator::Email.last()
    }
}

fn number_level(a: &str, b: &str) -> Level {
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else {
        return Comparator::Number.last();
    };
    let off = (a - b).abs() / a.abs().max(b.abs());
    match off {
        off if off <= 0.01 => Level(1),
        off if off <= 0.1 => Level(2),
        _ => Comparator::Number.last(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::fold;

    #[test]
    fn values_fall_into_levels() {
        let cases = [
            (Comparator::Name, "Martha", "Marhta", "nearly equal"),
            (Comparator::Name, "Dwayne", "Duane", "somewhat similar"),
            (Comparator::Name, "Dixon", "Dicksonx", "somewhat similar"),
            (Comparator::Name, "王芳", "李娜", "different"),
            (Comparator::Text, "flats bega", "Bega Flats", "nearly equal"),
            (
                Comparator::Text,
                "12 High Street",
                "High Street 12",
                "nearly equal",
            ),
            (Comparator::Code, "2119", "2191", "one edit"),
            (Comparator::Code, "2119", "21", "two edits"),
            (Comparator::Code, "2119", "7000", "different"),
            (
                Comparator::Date,
                "1980-03-04",
                "1980-04-03",
                "one edit or parts exchanged",
            ),
            (
                Comparator::Date,
                "1980-03-04",
                "19800340",
                "one edit or parts exchanged",
            ),
            (
                Comparator::Date,
                "1980-03-04",
                "1980-03-28",
                "two parts equal",
            ),
            (
                Comparator::Date,
                "1980-03-04",
                "1980-11-28",
                "one part equal",
            ),
            (Comparator::Date, "1980-03-04", "1971-11-28", "different"),
            (Comparator::Date, "1980", "1981", "different"),
            (
                Comparator::Email,
                "a.li@example.org",
                "a.li@example.net",
                "same mailbox",
            ),
            (
                Comparator::Email,
                "anna.li@a.org",
                "anna.lee@b.org",
                "similar mailbox",
            ),
            (Comparator::Number, "1000", "1005.5", "within 1 %"),
            (Comparator::Number, "1000", "-1000", "different"),
            (Comparator::Category, "Ely", "Elx", "different"),
        ];
        for (comparator, one, other, expected) in cases {
            let [a, b] = [one, other].map(|raw| Value::new(fold(comparator, raw).into()));
            let level = comparator.level_name(comparator.level(&a, &b));
            assert_eq!(level, expected, "{comparator:?} of {one} and {other}");
        }
    }

    #[test]
    fn folding_leaves_what_is_written_differently_alike() {
        let cases = [
            (Comparator::Name, " O’Brien ", "o brien"),
            (Comparator::Name, "ＭＥＹＥＲ", "meyer"),
            (Comparator::Code, "+49 (151) 123", "49 151 123"),
            (Comparator::Date, "1980-03-04", "19800304"),
            (Comparator::Email, "A.Li@Example.org ", "a.li@example.org"),
            (Comparator::Text, "—", ""),
        ];
        for (comparator, raw, expected) in cases {
            assert_eq!(fold(comparator, raw), expected);
        }
    }

    #[test]
    fn beliefs_are_distributions() {
        use Comparator::{Category, Code, Date, Email, Identifier, Name, Number, Text};
        for comparator in [Category, Identifier, Name, Text, Code, Date, Email, Number] {
            for belief in [comparator.belief(), comparator.chance()] {
                assert_eq!(belief.len(), comparator.levels().len());
                assert!(
                    (belief.iter().sum::<f64>() - 1.0).abs() < 1e-9,
                    "{comparator:?}"
                );
            }
        }
    }
}
