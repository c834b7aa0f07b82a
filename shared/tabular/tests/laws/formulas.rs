//! No cell that is written is run by a spreadsheet.

use dossier_tabular::{Entry, Format, Single};
use proptest::prelude::*;

use crate::entries::entry;
use crate::written;

proptest! {
    #[test]
    fn no_cell_of_csv_begins_as_a_formula_does(entry in entry()) {
        let file = written(Format::Csv, &[entry]);
        let text = String::from_utf8(file).expect("UTF-8");
        let mut reader = csv_cells(text.trim_start_matches('\u{feff}'));
        for cell in reader.by_ref() {
            let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
            prop_assert!(!cell.starts_with(signs), "{cell}");
        }
    }
}

/// The cells as any reader of RFC 4180 has them.
fn csv_cells(text: &str) -> impl Iterator<Item = String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells.last_mut().expect("a cell").push('"');
            }
            '"' => quoted = !quoted,
            ',' | '\n' if !quoted => cells.push(String::new()),
            '\r' if !quoted => {}
            other => cells.last_mut().expect("a cell").push(other),
        }
    }
    cells.into_iter()
}

#[test]
fn a_workbook_has_texts_and_no_formulas() {
    let mut entry = Entry::default();
    entry.set(Single::DisplayName, "=HYPERLINK(\"http://x\")");
    let file = written(Format::Xlsx, &[entry]);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(file)).expect("a zip");
    let mut sheet = String::new();
    let mut part = zip.by_name("xl/worksheets/sheet1.xml").expect("a sheet");
    std::io::Read::read_to_string(&mut part, &mut sheet).expect("UTF-8");
    assert!(!sheet.contains("<f>"));
    // The third format says that a text is one, also when somebody edits it.
    assert!(
        sheet.contains("s=\"2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">=HYPERLINK"),
        "{sheet}"
    );
}
