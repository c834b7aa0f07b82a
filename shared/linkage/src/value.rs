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
        let squeezed: String = text.split(' ').collect();
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        let sorted = Some(words.concat())
            .filter(|sorted| *sorted != squeezed)
            .map(String::into_boxed_str);
        Self {
            squeezed: squeezed.into_boxed_str(),
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
    let lower = raw.nfkc().flat_map(char::to_lowercase);
    match comparator {
        Comparator::Email | Comparator::Number => {
            lower.filter(|letter| !letter.is_whitespace()).collect()
        }
        Comparator::Date => lower.filter(char::is_ascii_digit).collect(),
        _ => {
            let spaced: String = lower
                .map(|letter| {
                    if letter.is_alphanumeric() {
                        letter
                    } else {
                        ' '
                    }
                })
                .collect();
            let words: Vec<&str> = spaced.split_whitespace().collect();
            words.join(" ")
        }
    }
}
