//! What somebody looks for.

use std::collections::BTreeSet;

use super::pinyin::{self, Spelling, Typed};
use super::terms::{
    can_be_similar, digits, homophones_of, initials_term, joined_term, literal_of, names, of_phone,
    phones, similar_to,
};
use super::word::{Script, Word, words};
use crate::domain::{Customer, Key, KeyKind, Violations};

const QUERY_CHARS_MAX: usize = 200;
const QUERY_WORDS_MAX: usize = 8;

/// How well a customer is what was meant; the better comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// All of a name, an e-mail address or a phone number.
    Whole = 1,
    /// Whole words of a name.
    Word = 2,
    /// Beginnings of words, a part of a run of Chinese characters, the last digits of a phone number.
    Part = 3,
    /// Syllables of how a name is read.
    Pinyin = 4,
    /// First letters of how a name is read.
    Initials = 5,
    /// One letter is wrong, or other characters that sound the same.
    Similar = 6,
}

/// Why a customer is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub rank: Rank,
    /// The contract's names of the fields.
    pub fields: BTreeSet<&'static str>,
}

/// A text that was parted into what it may mean.
#[derive(Clone)]
pub struct Query {
    words: Vec<Word>,
    email: Option<Key>,
    /// Of a text that may be a phone number or the end of one.
    digits: Option<String>,
}

/// Who is looked at next.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    /// A customer has at least one term of each.
    pub groups: Vec<Vec<String>>,
    /// No worse match counts.
    pub reach: Rank,
}

impl Query {
    /// Says in `violations` what keeps the text from being one.
    pub fn parse(text: &str, violations: &mut Violations) -> Option<Self> {
        let words = words(text);
        let objection = if text.chars().count() > QUERY_CHARS_MAX {
            format!("must have at most {QUERY_CHARS_MAX} characters")
        } else if words.is_empty() {
            "must have a letter or a digit".to_owned()
        } else if words.len() > QUERY_WORDS_MAX {
            format!("must have at most {QUERY_WORDS_MAX} words")
        } else {
            let is_of_phones = |c: char| c.is_ascii_digit() || " +-()".contains(c);
            let is_phone = text.trim().chars().all(is_of_phones);
            let is_email = text.contains('@');
            return Some(Self {
                words,
                email: is_email.then(|| Key::email(text).ok()).flatten(),
                digits: Some(digits(text)).filter(|digits| is_phone && of_phone(digits).is_some()),
            });
        };
        violations.add_to_request("query", objection);
        None
    }

    /// An e-mail address is found as an identifier.
    pub const fn email(&self) -> Option<&Key> {
        self.email.as_ref()
    }

    /// From what is nearest to what may be meant: each next one is for who is not found yet.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(term) = self.digits.as_deref().and_then(of_phone) {
            steps.push(Step {
                groups: vec![vec![term]],
                reach: Rank::Part,
            });
        }
        for reach in [Rank::Part, Rank::Initials, Rank::Similar] {
            let groups: Vec<Vec<String>> = self
                .words
                .iter()
                .flat_map(|word| groups(word, reach))
                .collect();
            if steps.last().is_none_or(|last: &Step| last.groups != groups) {
                steps.push(Step { groups, reach });
            }
        }
        steps
    }

    /// `None` where a customer is not what was meant, or matches worse than `reach` only.
    pub fn judge(&self, customer: &Customer, reach: Rank) -> Option<Match> {
        let by_key = self.of_email(customer).or_else(|| self.of_phone(customer));
        if by_key.is_some() {
            return by_key;
        }
        let mut found = Match {
            rank: Rank::Whole,
            fields: BTreeSet::new(),
        };
        let called: Vec<(&'static str, Vec<Word>)> = names(customer)
            .map(|(field, name)| (field, words(name)))
            .collect();
        for typed in &self.words {
            let of_fields = called.iter().filter_map(|(field, words)| {
                let ranks = words.iter().filter_map(|word| rank(typed, word, reach));
                Some((ranks.min()?, *field))
            });
            let of_fields: Vec<(Rank, &'static str)> = of_fields.collect();
            let best = of_fields.iter().map(|(rank, _)| *rank).min()?;
            found.rank = found.rank.max(best);
            let fields = of_fields.iter().filter(|(rank, _)| *rank == best);
            found.fields.extend(fields.map(|(_, field)| *field));
        }
        let whole = called.iter().filter(|(_, words)| *words == self.words);
        let whole: BTreeSet<&'static str> = whole.map(|(field, _)| *field).collect();
        Some(match whole.is_empty() {
            true => found,
            false => Match {
                rank: Rank::Whole,
                fields: whole,
            },
        })
    }

    fn of_email(&self, customer: &Customer) -> Option<Match> {
        let email = self.email.as_ref()?;
        let mut keys = customer.contact_points.iter().map(Key::from);
        keys.any(|key| key == *email && key.kind == KeyKind::Email)
            .then(|| contact_point(Rank::Whole))
    }

    fn of_phone(&self, customer: &Customer) -> Option<Match> {
        let typed = self.digits.as_deref()?;
        // The zero that is dialled within a country.
        let national = typed.trim_start_matches('0');
        let ranks = phones(customer).filter_map(|digits| match digits == typed {
            true => Some(Rank::Whole),
            false if digits.ends_with(typed) => Some(Rank::Part),
            false => (national.len() >= 7 && digits.ends_with(national)).then_some(Rank::Part),
        });
        ranks.min().map(contact_point)
    }
}

fn contact_point(rank: Rank) -> Match {
    Match {
        rank,
        fields: BTreeSet::from(["contact_points"]),
    }
}

/// Terms by which who has the word is found among others; more of them the further it reaches.
fn groups(word: &Word, reach: Rank) -> Vec<Vec<String>> {
    let mut others = Vec::new();
    if reach >= Rank::Initials && word.script == Script::Spaced {
        let Typed { joined, initials } = Typed::parse(&word.text());
        others.extend(joined.iter().map(|one| joined_term(one)));
        others.extend(initials.iter().map(|one| initials_term(one)));
    }
    if reach >= Rank::Similar {
        others.extend(similar_to(word));
        others.extend(homophones_of(word));
    }
    let literal = literal_of(word).into_iter();
    literal
        .map(|term| {
            let mut group = vec![term];
            group.extend(others.iter().cloned());
            group.sort_unstable();
            group.dedup();
            group
        })
        .collect()
}

/// How well what was typed fits a word of a name.
fn rank(typed: &Word, word: &Word, reach: Rank) -> Option<Rank> {
    let found = match (typed.script, word.script) {
        _ if typed == word => Some(Rank::Word),
        (Script::Spaced, Script::Spaced) if word.chars.starts_with(&typed.chars) => {
            Some(Rank::Part)
        }
        (Script::Spaced, Script::Spaced) => is_similar(typed, word).then_some(Rank::Similar),
        (Script::Spaced, Script::Unspaced) => by_sound(&typed.text(), word),
        (Script::Unspaced, Script::Unspaced) if contains(word, typed) => Some(Rank::Part),
        (Script::Unspaced, Script::Unspaced) => sounds_like(typed, word).then_some(Rank::Similar),
        (Script::Unspaced, Script::Spaced) => None,
    };
    found.filter(|rank| *rank <= reach)
}

/// One character alone must be the first.
fn contains(word: &Word, typed: &Word) -> bool {
    match typed.chars.as_slice() {
        [one] => word.chars.first() == Some(one),
        several => word
            .chars
            .windows(several.len())
            .any(|part| part == several),
    }
}

fn by_sound(typed: &str, word: &Word) -> Option<Rank> {
    let syllables = pinyin::readings(&word.chars);
    let starts = pinyin::beginnings(syllables.len());
    let spellings = starts.filter_map(|start| pinyin::spelled(typed, syllables.get(start..)?));
    Some(match spellings.min()? {
        Spelling::Full => Rank::Pinyin,
        Spelling::Abbreviated => Rank::Initials,
    })
}

fn sounds_like(typed: &Word, word: &Word) -> bool {
    let (meant, said) = (
        pinyin::readings(&typed.chars),
        pinyin::readings(&word.chars),
    );
    if meant.len() != typed.chars.len() {
        return false;
    }
    pinyin::beginnings(said.len()).any(|start| {
        let part = said.get(start..start + meant.len()).unwrap_or_default();
        let mut pairs = part.iter().zip(&meant);
        !part.is_empty() && pairs.all(|(said, meant)| said.iter().any(|one| meant.contains(one)))
    })
}

/// Whether one letter is wrong, missing or too many, or two have changed places.
fn is_similar(typed: &Word, word: &Word) -> bool {
    if !can_be_similar(typed) || !can_be_similar(word) {
        return false;
    }
    let (a, b) = (&typed.chars[..], &word.chars[..]);
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        _ => {
            let one_less = |letters: &[char]| letters.get(1..).unwrap_or_default().to_vec();
            one_less(a) == one_less(b) || one_less(a) == b || a == one_less(b)
        }
    }
}

#[cfg(test)]
mod tests;
