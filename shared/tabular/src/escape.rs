//! Cells that spreadsheets do not run, and that come back as they were.
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break, or with the wide form of one of
//! the signs, is run as a formula by spreadsheets that open a CSV file (OWASP, "CSV injection"). Such
//! a cell is written with an apostrophe before it, which spreadsheets read as "text". So is one that
//! begins with an apostrophe, has white space at an end, or is empty but there: then what begins with
//! an apostrophe is told from what was given one, and readers may trim everything else.

const MARK: char = '\'';
const SIGNS: [char; 11] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

/// Whether a cell of CSV must be marked.
pub fn needs_mark(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return true;
    };
    first == MARK || SIGNS.contains(&first) || text.trim().len() != text.len()
}

/// What a cell of CSV says; `None` when it says nothing.
pub fn read(cell: &str) -> Option<&str> {
    // Marked cells are not trimmed: what is at their ends is theirs.
    if let Some(text) = cell.strip_prefix(MARK)
        && needs_mark(text)
    {
        return Some(text);
    }
    let trimmed = cell.trim();
    if let Some(text) = trimmed.strip_prefix(MARK)
        && needs_mark(text)
    {
        return Some(text);
    }
    (!trimmed.is_empty()).then_some(trimmed)
}

/// Sheets know which cells are text, and keep white space: only what would look like nothing, or
/// like a mark, is marked.
pub fn needs_sheet_mark(text: &str) -> bool {
    text.is_empty() || text.starts_with(MARK)
}

/// What a cell of a sheet says.
pub fn read_sheet(cell: &str) -> Option<&str> {
    match cell.strip_prefix(MARK) {
        Some(text) if needs_sheet_mark(text) => Some(text),
        _ => (!cell.is_empty()).then_some(cell),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        match needs_mark(text) {
            true => format!("'{text}"),
            false => text.to_owned(),
        }
    }

    #[test]
    fn formulas_are_marked_and_come_back() {
        for formula in [
            "=HYPERLINK(\"http://x\")",
            "+1-2",
            "-2+3",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "＝1",
            "'=1",
            "''",
        ] {
            let cell = written(formula);
            assert!(cell.starts_with('\''), "{formula}");
            assert_eq!(read(&cell), Some(formula));
        }
    }

    #[test]
    fn cells_of_other_programs_are_trimmed_and_else_left() {
        assert_eq!(read("  王 "), Some("王"));
        assert_eq!(read(" "), None);
        assert_eq!(read("'tis"), Some("'tis"));
        // As people keep Excel from reading a number.
        assert_eq!(read(" '+8613800000000"), Some("+8613800000000"));
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in r"['=+\-@ \t\r\na王＝]{0,6}|\PC{0,8}") {
            let cell = written(&text);
            prop_assert_eq!(read(&cell), Some(text.as_str()));
            prop_assert!(!cell.starts_with(SIGNS));
            let sheet = if needs_sheet_mark(&text) { format!("'{text}") } else { text.clone() };
            prop_assert_eq!(read_sheet(&sheet), Some(text.as_str()));
        }
    }
}
