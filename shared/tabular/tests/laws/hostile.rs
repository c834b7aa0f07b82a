//! Files made to break their reader.

use std::io::{Cursor, Write as _};

use dossier_kernel::Reason;
use dossier_tabular::{Entry, Format, Single};
use proptest::collection::vec;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{read, written};

/// A workbook of these parts, over a small one that is fine.
fn workbook(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let fine = written(Format::Xlsx, &[]);
    let mut from = zip::ZipArchive::new(Cursor::new(fine)).expect("a zip");
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for index in 0..from.len() {
        let mut part = from.by_index(index).expect("a part");
        let name = part.name().expect("a name").into_owned();
        if parts.iter().any(|(other, _)| *other == name) {
            continue;
        }
        to.start_file(name, options).expect("a part");
        std::io::copy(&mut part, &mut to).expect("copied");
    }
    for (name, bytes) in parts {
        to.start_file(*name, options).expect("a part");
        to.write_all(bytes).expect("written");
    }
    to.finish().expect("a zip").into_inner()
}

const SHEET: &str = "xl/worksheets/sheet1.xml";

fn refused(parts: &[(&str, &[u8])]) -> Reason {
    let file = workbook(parts);
    read(Format::Xlsx, &[&file]).expect_err("refused").reason()
}

#[test]
fn a_part_that_unpacks_to_far_more_is_refused() {
    let head = b"<worksheet><sheetData>";
    // Blank rows take no memory, but time without end.
    let rows = b"<row></row>".repeat(1_000_000);
    assert_eq!(
        refused(&[(SHEET, &[head.as_slice(), &rows].concat())]),
        Reason::LimitExceeded
    );
    // One cell that is all of it.
    let cell = [
        b"<row><c t=\"inlineStr\"><is><t>".as_slice(),
        &vec![b'a'; 3 << 20],
    ]
    .concat();
    assert_eq!(
        refused(&[(SHEET, &[head.as_slice(), &cell].concat())]),
        Reason::LimitExceeded
    );
    // A start tag that is all of it.
    let tag = [b"<row a=\"".as_slice(), &vec![b'a'; 3 << 20]].concat();
    assert_eq!(refused(&[(SHEET, &tag)]), Reason::LimitExceeded);
}

#[test]
fn what_xml_could_expand_is_refused() {
    let lol = b"<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><worksheet/>";
    assert_eq!(refused(&[(SHEET, lol)]), Reason::InvalidArgument);
    let undefined = b"<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>&b;</t></is></c></row></sheetData></worksheet>";
    assert_eq!(refused(&[(SHEET, undefined)]), Reason::InvalidArgument);
}

#[test]
fn what_names_nothing_is_refused() {
    assert_eq!(
        refused(&[(
            SHEET,
            b"<worksheet><row><c t=\"s\"><v>7</v></c></row></worksheet>"
        )]),
        Reason::InvalidArgument
    );
    assert_eq!(
        refused(&[("xl/workbook.xml", b"<workbook/>")]),
        Reason::InvalidArgument
    );
    assert_eq!(
        refused(&[("xl/_rels/workbook.xml.rels", b"<Relationships/>")]),
        Reason::InvalidArgument
    );
    let far = b"<worksheet><row><c r=\"ZZZ1\" t=\"str\"><v>x</v></c></row></worksheet>";
    assert_eq!(refused(&[(SHEET, far)]), Reason::LimitExceeded);
}

/// Small parts of these names.
fn refused_named(names: &[String]) -> Reason {
    let parts: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), b"x".as_slice()))
        .collect();
    refused(&parts)
}

#[test]
fn too_many_parts_are_refused() {
    let names: Vec<String> = (0..1_000).map(|number| format!("x/{number}")).collect();
    assert_eq!(refused_named(&names), Reason::LimitExceeded);
}

#[test]
fn a_text_in_any_number_of_pieces_is_bounded() {
    // Twice the longest row, in events that are short and a part that is not large.
    let piece = format!("<![CDATA[{}]]><!---->", "a".repeat(1_000));
    let text = piece.repeat(2_000);
    let inline = format!("<worksheet><row><c t=\"inlineStr\"><is><t>{text}");
    let value = format!("<worksheet><row><c t=\"str\"><v>{text}");
    for unended in [inline, value] {
        let part: &[(&str, &[u8])] = &[(SHEET, unended.as_bytes())];
        assert_eq!(refused(part), Reason::LimitExceeded);
    }
}

#[test]
fn a_table_of_contents_is_bounded_before_it_is_read() {
    let name = "x".repeat(60_000);
    let names: Vec<String> = (0..40).map(|number| format!("{number}{name}")).collect();
    assert_eq!(refused_named(&names), Reason::LimitExceeded);
}

#[test]
fn what_hangs_together_without_end_is_refused() {
    let related = format!(
        "<Relationships>{}</Relationships>",
        "<Relationship/>".repeat(30_000)
    );
    assert_eq!(
        refused(&[("xl/_rels/workbook.xml.rels", related.as_bytes())]),
        Reason::LimitExceeded
    );
    let sheet = r#"<sheet r:id="rId1"/>"#;
    let sheets = |count: usize, sheet: &str| {
        let all = sheet.repeat(count);
        format!(r#"<workbook xmlns:r="r"><sheets>{all}</sheets></workbook>"#)
    };
    let twice = sheets(2, sheet);
    let twice: &[(&str, &[u8])] = &[("xl/workbook.xml", twice.as_bytes())];
    assert_eq!(refused(twice), Reason::InvalidArgument);
    let many = sheets(1_001, "<sheet/>");
    let many: &[(&str, &[u8])] = &[("xl/workbook.xml", many.as_bytes())];
    assert_eq!(refused(many), Reason::LimitExceeded);
    let styles = format!("<styleSheet><cellXfs>{}", "<xf/>".repeat(65_537));
    let styles: &[(&str, &[u8])] = &[("xl/styles.xml", styles.as_bytes())];
    assert_eq!(refused(styles), Reason::LimitExceeded);
}

#[test]
fn a_formula_that_failed_is_one_wrong_row() {
    let sheet = "<worksheet><sheetData><row><c t=\"str\"><v>display_name</v></c></row>\
                 <row><c t=\"e\"><f>1/0</f><v>#DIV/0!</v></c></row>\
                 <row><c t=\"str\"><f>A1</f><v>Wang</v></c></row></sheetData></worksheet>";
    let file = workbook(&[(SHEET, sheet.as_bytes())]);
    let records = read(Format::Xlsx, &[&file]).expect("a workbook");
    assert_eq!(records[0].faults.len(), 1);
    assert_eq!(records[1].entry.get(Single::DisplayName), Some("Wang"));
}

fn some_file() -> Vec<u8> {
    let mut entry = Entry::default();
    entry.set(Single::DisplayName, "王小明");
    entry.tags = vec!["vip".to_owned()];
    written(Format::Xlsx, &[entry.clone(), entry])
}

proptest! {
    #[test]
    fn no_bytes_break_a_reader(bytes in vec(any::<u8>(), 0..300)) {
        for format in [Format::Csv, Format::Xlsx, Format::Vcard] {
            let _ = read(format, &[&bytes]);
        }
    }

    #[test]
    fn no_spoilt_workbook_breaks_its_reader(
        spoils in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in option_of_index(),
    ) {
        let mut file = some_file();
        for (place, byte) in spoils {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Some(length) = length {
            file.truncate(length.index(file.len()));
        }
        let _ = read(Format::Xlsx, &[&file]);
    }

    #[test]
    fn no_xml_breaks_its_reader(
        pieces in vec(proptest::sample::select(vec![
            "<row>", "</row>", "<c t=\"s\">", "<c r=\"B2\" t=\"inlineStr\">", "</c>", "<v>", "</v>", "<is>",
            "</is>", "<t>", "</t>", "1", "email", "&lt;", "&#x0;", "&#xD83D;", "<rPh>", "</rPh>", "<c s=\"9\"/>", "<",
        ]), 0..30),
    ) {
        let sheet = format!("<worksheet><sheetData>{}", pieces.concat());
        let _ = read(Format::Xlsx, &[&workbook(&[(SHEET, sheet.as_bytes())])]);
    }
}

fn option_of_index() -> impl Strategy<Value = Option<prop::sample::Index>> {
    proptest::option::of(any::<prop::sample::Index>())
}
