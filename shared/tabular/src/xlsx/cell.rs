//! Texts of cells: characters that XML has not are written `_xHHHH_` (ST_Xstring).

use std::fmt::Write as _;

/// The text that was written so.
pub fn unescaped(text: &str) -> String {
    if !text.contains("_x") {
        return text.to_owned();
    }
    // A character beyond U+FFFF is written as its two halves.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("_x") {
        let (before, from) = rest.split_at(place);
        units.extend(before.encode_utf16());
        let (read, length) = match code(from) {
            Some(unit) => (unit, 7),
            None => (u16::from(b'_'), 1),
        };
        units.push(read);
        rest = &from[length..];
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

/// The unit of UTF-16 that `_xHHHH_` at the beginning of `text`, which begins with `_x`, means.
fn code(text: &str) -> Option<u16> {
    let digits = text.get(2..6)?;
    let fine =
        text.as_bytes().get(6) == Some(&b'_') && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fine.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// Appends `text` as content of an element.
pub fn escape(text: &str, xml: &mut String) {
    for (place, c) in text.char_indices() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // What looks like an escaped character is one no more.
            '_' if code(text.get(place..).unwrap_or_default()).is_some()
                && text[place..].starts_with("_x") =>
            {
                xml.push_str("_x005F_");
            }
            '\t' | '\n' => xml.push(c),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(xml, "_x{:04X}_", u32::from(c));
            }
            other => xml.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_read() {
        assert_eq!(unescaped("a_x000D_b_x005F_x0041_"), "a\rb_x0041_");
        assert_eq!(unescaped("_xD83D__xDE00_!"), "😀!");
        assert_eq!(unescaped("_x12_x"), "_x12_x");
        assert_eq!(unescaped("_x0041_"), "A");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in r"[_x0-9a-f\x00-\x20&<王]{0,16}|\PC{0,8}") {
            let mut xml = String::new();
            escape(&text, &mut xml);
            let plain = quick_xml::escape::unescape(&xml).expect("well formed").into_owned();
            prop_assert_eq!(unescaped(&plain), text);
        }
    }
}
