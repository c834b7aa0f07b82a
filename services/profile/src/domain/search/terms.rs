//! By which terms customers are found.
//!
//! A term is a letter that says what it is, a colon and a text. What the letters are is no part of
//! the schema: only the keyed hash of a term is stored.

use std::collections::HashSet;

use super::pinyin;
use super::word::{Script, Word, words};
use crate::domain::{ContactPointType, Customer};

/// Terms of one customer at most; beyond them nothing is found that no other term finds.
const TERMS_MAX: usize = 96;

/// Lengths of the beginnings that are terms; others are found by the next shorter one.
const BEGINNINGS: [usize; 7] = [1, 2, 3, 4, 5, 6, 8];
/// Words of a customer that are looked at.
const WORDS_MAX: usize = 12;
/// Characters of an unspaced run that are looked at.
const RUN_MAX: usize = 24;
/// Ways in which one run may be read.
const READINGS_MAX: usize = 8;
/// Shorter words have too many neighbours.
const SIMILAR_MIN: usize = 4;
/// Letters of a word in which one may be wrong or missing; what is wrong behind them is found by
/// the beginning.
const SIMILAR_LETTERS: usize = 6;
/// Digits a phone number is found by: its last ones.
const DIGITS: usize = 4;

/// What a customer is called, by the contract's names of the fields.
pub fn names(customer: &Customer) -> impl Iterator<Item = (&'static str, &str)> {
    let optional = [
        ("given_name", &customer.given_name),
        ("family_name", &customer.family_name),
        ("legal_name", &customer.legal_name),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(field, name)| Some((field, name.as_ref()?.expose().as_str())));
    std::iter::once(("display_name", customer.display_name.expose().as_str())).chain(optional)
}

/// The digits of a customer's phone numbers.
pub fn phones(customer: &Customer) -> impl Iterator<Item = String> {
    let points = customer.contact_points.iter();
    let phones = points.filter(|point| point.kind == ContactPointType::Phone);
    phones.map(|point| digits(point.normalized.expose()))
}

pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Each once; the same customer always has the same.
pub fn terms(customer: &Customer) -> Vec<String> {
    let mut known: Vec<Word> = Vec::new();
    for word in names(customer).flat_map(|(_, name)| words(name)) {
        if known.len() < WORDS_MAX && !known.contains(&word) {
            known.push(word);
        }
    }
    let mut terms = Vec::new();
    known.iter().for_each(|word| literal(word, &mut terms));
    known.iter().for_each(|word| sounds(word, &mut terms));
    terms.extend(phones(customer).filter_map(|digits| of_phone(&digits)));
    known.iter().for_each(|word| similar(word, &mut terms));
    let mut seen = HashSet::with_capacity(terms.len());
    terms.retain(|term| seen.insert(term.clone()));
    terms.truncate(TERMS_MAX);
    terms
}

fn literal(word: &Word, terms: &mut Vec<String>) {
    match word.script {
        Script::Spaced => {
            let fitting = BEGINNINGS
                .iter()
                .filter(|length| **length <= word.chars.len());
            terms.extend(fitting.map(|length| tagged('l', &word.chars[..*length])));
        }
        Script::Unspaced => {
            let run = &word.chars[..word.chars.len().min(RUN_MAX)];
            terms.push(tagged('h', &run[..1]));
            terms.extend(run.windows(2).map(|two| tagged('h', two)));
        }
    }
}

/// All of them together find who has the word; empty never.
pub fn literal_of(word: &Word) -> Vec<String> {
    match word.script {
        Script::Spaced => {
            let fitting = BEGINNINGS.iter().rev();
            let longest = fitting
                .copied()
                .find(|length| *length <= word.chars.len())
                .unwrap_or(1);
            vec![tagged('l', &word.chars[..longest])]
        }
        Script::Unspaced => match word.chars.len() {
            1 => vec![tagged('h', &word.chars)],
            length => {
                let run = &word.chars[..length.min(RUN_MAX)];
                run.windows(2).map(|two| tagged('h', two)).collect()
            }
        },
    }
}

fn sounds(word: &Word, terms: &mut Vec<String>) {
    if word.script != Script::Unspaced {
        return;
    }
    let syllables = pinyin::readings(&word.chars);
    for start in pinyin::beginnings(syllables.len()) {
        let mut heads = vec![(String::new(), String::new())];
        let of_name = syllables.iter().skip(start).take(pinyin::INITIALS_MAX);
        for (index, readings) in of_name.enumerate() {
            heads = heads
                .iter()
                .flat_map(|(joined, initials)| {
                    readings.iter().map(move |reading| {
                        (
                            format!("{joined}{reading}"),
                            format!("{initials}{}", &reading[..1]),
                        )
                    })
                })
                .take(READINGS_MAX)
                .collect();
            for (joined, initials) in &heads {
                terms.push(joined_term(joined));
                // One letter in the midst of a name finds everybody.
                if start == 0 || index > 0 {
                    terms.push(initials_term(initials));
                }
            }
        }
    }
}

/// Any of them finds who is called the same by ear.
pub fn homophones_of(word: &Word) -> Vec<String> {
    let syllables = pinyin::readings(&word.chars);
    if word.script != Script::Unspaced || syllables.len() != word.chars.len() {
        return Vec::new();
    }
    let mut joined = vec![String::new()];
    for readings in syllables.iter().take(pinyin::INITIALS_MAX) {
        joined = joined
            .iter()
            .flat_map(|head| readings.iter().map(move |one| format!("{head}{one}")))
            .take(READINGS_MAX)
            .collect();
    }
    joined.iter().map(|one| joined_term(one)).collect()
}

pub fn joined_term(syllables: &str) -> String {
    format!("p:{syllables}")
}

pub fn initials_term(initials: &str) -> String {
    format!("i:{initials}")
}

/// `None` where there are too few digits to tell anybody apart.
pub fn of_phone(digits: &str) -> Option<String> {
    let last = digits.len().checked_sub(DIGITS)?;
    Some(format!("d:{}", &digits[last..]))
}

fn similar(word: &Word, terms: &mut Vec<String>) {
    if can_be_similar(word) {
        let head = &word.chars[..word.chars.len().min(SIMILAR_LETTERS)];
        terms.extend(without_one(head).map(|rest| tagged('s', &rest)));
    }
}

/// Any of them finds who has a word of which this one differs by one letter that is wrong, missing or
/// too many, or by two that changed places.
pub fn similar_to(word: &Word) -> Vec<String> {
    if !can_be_similar(word) {
        return Vec::new();
    }
    let (letters, count) = (&word.chars, word.chars.len());
    let mut terms = Vec::new();
    let head = &letters[..count.min(SIMILAR_LETTERS)];
    // One wrong, or two that changed places.
    terms.extend(without_one(head).map(|rest| tagged('s', &rest)));
    // One missing.
    terms.push(tagged('s', &letters[..count.min(SIMILAR_LETTERS - 1)]));
    // One too many.
    let longer = &letters[..count.min(SIMILAR_LETTERS + 1)];
    let shorter = without_one(longer).filter(|rest| rest.len() >= SIMILAR_MIN);
    terms.extend(shorter.map(|rest| tagged('l', &rest)));
    // Anything behind these letters.
    if count >= SIMILAR_LETTERS {
        terms.push(tagged('l', head));
    }
    terms
}

pub fn can_be_similar(word: &Word) -> bool {
    word.script == Script::Spaced
        && word.chars.len() >= SIMILAR_MIN
        && word.chars.iter().all(|c| c.is_alphabetic())
}

fn without_one(letters: &[char]) -> impl Iterator<Item = Vec<char>> {
    (0..letters.len()).map(move |gone| [&letters[..gone], &letters[gone + 1..]].concat())
}

fn tagged(tag: char, chars: &[char]) -> String {
    let mut term = String::with_capacity(2 + chars.len() * 4);
    term.push(tag);
    term.push(':');
    term.extend(chars);
    term
}
