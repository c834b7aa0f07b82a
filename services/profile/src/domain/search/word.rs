//! Texts as words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::normalize;

/// How a word can be parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Words have spaces between them: found by their beginnings.
    Spaced,
    /// Han, kana, Hangul: a run of characters may be several words, and is found by any part of it.
    Unspaced,
}

/// Letters and digits that stand together, folded.
#[derive(Clone, PartialEq, Eq)]
pub struct Word {
    pub script: Script,
    pub chars: Vec<char>,
}

impl Word {
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }
}

/// The words of a text in their order: NFKC, lower case, without accents and apostrophes.
pub fn words(text: &str) -> Vec<Word> {
    let lower = normalize::text(text).to_lowercase();
    let bare = lower.nfd().filter(|c| !is_accent(*c)).nfc();
    let mut words: Vec<Word> = Vec::new();
    let mut is_open = false;
    for c in bare {
        if matches!(c, '\'' | '’' | 'ʼ') {
            continue;
        }
        let script = match c {
            _ if is_unspaced(c) => Script::Unspaced,
            _ if c.is_alphanumeric() || is_combining_mark(c) => Script::Spaced,
            _ => {
                is_open = false;
                continue;
            }
        };
        match words.last_mut() {
            Some(word) if is_open && word.script == script => word.chars.push(c),
            _ => words.push(Word {
                script,
                chars: vec![c],
            }),
        }
        is_open = true;
    }
    words
}

/// Of Latin, Greek and Cyrillic letters; other scripts' marks are letters to their readers.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

const fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_parted_where_scripts_change() {
        let texts = |text: &str| -> Vec<String> { words(text).iter().map(Word::text).collect() };
        assert_eq!(texts("Ｗａｎｇ 小明"), ["wang", "小明"]);
        assert_eq!(texts("王小明Tom"), ["王小明", "tom"]);
        assert_eq!(texts("O’Brien-José"), ["obrien", "jose"]);
        assert_eq!(texts("阿依古丽·买买提"), ["阿依古丽", "买买提"]);
        assert_eq!(texts("ガガ 김민수"), ["ガガ", "김민수"]);
        assert_eq!(texts("7-Eleven"), ["7", "eleven"]);
        assert!(texts(" -'·").is_empty());
    }
}
