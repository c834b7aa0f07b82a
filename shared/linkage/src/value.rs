//! A value as it is compared: folded, with the forms that comparators ask for.

use unicode_normalization::UnicodeNormalization as _;

use crate::comparator::Comparator;

/// A folded value.
#[derive(Debug)]
pub(crate) struct Value {
    /// Folded text.
    pub text: Box<str>,
    /// The text without spaces.
    pub squeezed: Box<str>,
    /// The words in alphabetical order without spaces, where that is another text.
    pub sorted: Option<Box<str>>,
}

impl Value {
    pub fn new(text: Box<str>) -> Self {
        let mut words: Vec<&str> = text.split(' ').collect();
        let squeezed = words.concat().into_boxed_str();
        let sorted = (words.len() > 1)
            .then(|| {
                words.sort_unstable();
                words.concat().into_boxed_str()
            })
            .filter(|sorted| *sorted != squeezed);
        Self {
            squeezed,
            sorted,
            text,
        }
    }

    /// The words in alphabetical order, without spaces.
    pub fn in_order(&self) -> &str {
        self.sorted.as_deref().unwrap_or(&self.squeezed)
    }
}

/// The form in which values are compared: NFKC (so that full-width letters are letters), lower case,
/// and single spaces for all that is neither letter nor digit; e-mail addresses and numbers keep
/// their punctuation. Empty when nothing is left.
pub(crate) fn fold(comparator: Comparator, raw: &str) -> String {
    if raw.is_ascii() {
        // Which NFKC leaves as it is.
        fold_letters(
            comparator,
            raw.chars().map(|letter| letter.to_ascii_lowercase()),
        )
    } else {
        fold_letters(comparator, raw.nfkc().flat_map(char::to_lowercase))
    }
}

fn fold_letters(comparator: Comparator, letters: impl Iterator<Item = char>) -> String {
    match comparator {
        Comparator::Email | Comparator::Number => {
            letters.filter(|letter| !letter.is_whitespace()).collect()
        }
        Comparator::Date => letters.filter(char::is_ascii_digit).collect(),
        _ => {
            let mut words = String::new();
            let mut is_between = false;
            for letter in letters {
                if !letter.is_alphanumeric() {
                    is_between = true;
                    continue;
                }
                if is_between && !words.is_empty() {
                    words.push(' ');
                }
                is_between = false;
                words.push(letter);
            }
            words
        }
    }
}
