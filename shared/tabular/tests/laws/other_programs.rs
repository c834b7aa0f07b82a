//! Our workbooks in another reader, another writer's workbooks in ours.

use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};
use dossier_tabular::{Format, Single};
use proptest::collection::vec;
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format as Look, Workbook};

use crate::entries::entry;
use crate::{read, written};

#[test]
fn workbooks_of_another_writer_are_read() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let names = ["姓名", "手机", "生日", "标签", "Email"];
    for (column, name) in names.into_iter().enumerate() {
        sheet
            .write_string(0, u16::try_from(column).expect("few"), name)
            .expect("a cell");
    }
    let dated = Look::new().set_num_format("yyyy/m/d");
    let day = ExcelDateTime::from_ymd(1990, 1, 31).expect("a day");
    sheet.write_string(1, 0, "王小明").expect("a cell");
    sheet.write_number(1, 1, 13_800_000_000.0).expect("a cell");
    sheet
        .write_datetime_with_format(1, 2, &day, &dated)
        .expect("a cell");
    sheet.write_string(1, 3, "vip; new").expect("a cell");
    // The next row is blank.
    sheet
        .write_string(3, 0, "a\r\u{1}_x0041_ b")
        .expect("a cell");
    let bold = Look::new().set_bold();
    let plain = Look::new();
    sheet
        .write_rich_string(3, 4, &[(&bold, "li"), (&plain, "@example.com")])
        .expect("a cell");
    let other = book.add_worksheet();
    other.write_string(0, 0, "notes").expect("a cell");
    other.write_string(1, 0, "not ours").expect("a cell");
    let file = book.save_to_buffer().expect("a workbook");

    let records = read(Format::Xlsx, &[&file]).expect("a workbook");
    assert_eq!(records.len(), 2);
    let wang = &records[0].entry;
    assert_eq!(wang.get(Single::DisplayName), Some("王小明"));
    assert_eq!(wang.get(Single::BirthDate), Some("1990-01-31"));
    assert_eq!(wang.contact_points[0].value, "13800000000");
    assert_eq!(wang.contact_points[0].label, "mobile");
    assert_eq!(wang.tags, ["vip", "new"]);
    let second = &records[1].entry;
    assert_eq!(second.get(Single::DisplayName), Some("a\r\u{1}_x0041_ b"));
    assert_eq!(second.contact_points[0].value, "li@example.com");
    assert_eq!(
        records[1].origin.column_of("contact_points[0].value"),
        "Email"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn another_reader_reads_our_workbooks(entries in vec(entry(), 1..3)) {
        let file = written(Format::Xlsx, &entries);
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(file)).expect("a workbook");
        prop_assert_eq!(book.sheet_names(), ["Customers 1"]);
        let sheet = book.worksheet_range("Customers 1").expect("a sheet");
        let names: Vec<String> = sheet.rows().next().expect("a header").iter().map(ToString::to_string).collect();
        let column = names.iter().position(|name| name == "display_name").expect("a column");
        for (row, entry) in sheet.rows().skip(1).zip(&entries) {
            let wanted = match entry.get(Single::DisplayName) {
                // What would look like a mark has one.
                Some(name) if name.starts_with('\'') => Data::String(format!("'{name}")),
                Some(name) => Data::String(name.to_owned()),
                None => Data::Empty,
            };
            // It takes escapes as they stand, and so do not compare.
            if !wanted.to_string().contains("_x") && !wanted.to_string().contains(char::is_control) {
                prop_assert_eq!(&row[column], &wanted);
            }
        }
    }
}
