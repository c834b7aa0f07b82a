//! Rows and bytes a second of every format, each way: `cargo bench -p dossier-tabular --bench
//! throughput`.

use std::io::Cursor;
use std::time::Instant;

use dossier_kernel::Result;
use dossier_tabular::{
    Address, CardReader, ContactPoint, ContactPointType, CsvReader, Entry, ExternalId, Format,
    Found, LineReader, Mapping, Single, Writer, read_workbook,
};

const ROWS: u32 = 200_000;
const CHUNK_BYTES: usize = 64 * 1024;

fn main() -> Result<()> {
    let entries: Vec<Entry> = (0..ROWS).map(customer).collect();
    for format in [Format::Csv, Format::Xlsx, Format::Vcard] {
        let mut file = Vec::new();
        let begun = Instant::now();
        let mut writer = Writer::begin(format, vec!["tier".to_owned()], &mut file);
        for entry in &entries {
            writer.write(entry, &mut file)?;
        }
        writer.finish(&mut file)?;
        report(&format!("{format:?} written"), file.len(), begun);
        let begun = Instant::now();
        let count = read(format, &file)?;
        report(&format!("{format:?} read"), file.len(), begun);
        assert_eq!(count, ROWS);
    }
    let line = "{\"displayName\":\"王小明\",\"contactPoints\":[{\"type\":\"CONTACT_POINT_TYPE_EMAIL\",\"value\":\"wang@example.com\"}]}\n";
    let file = line.repeat(ROWS as usize).into_bytes();
    let begun = Instant::now();
    let mut lines = LineReader::new(None);
    let mut count = 0;
    let mut take = |_, _: &[u8]| count += 1;
    for chunk in file.chunks(CHUNK_BYTES) {
        lines.read(chunk, &mut take)?;
    }
    lines.finish(&mut take)?;
    assert_eq!(count, ROWS);
    report("NDJSON parted", file.len(), begun);
    Ok(())
}

fn read(format: Format, file: &[u8]) -> Result<u32> {
    let mapping = Mapping {
        attributes: ["tier".to_owned()].into(),
        ..Mapping::default()
    };
    let mut count = 0;
    let mut records = Vec::new();
    let mut add = |records: &mut Vec<_>| {
        count += u32::try_from(records.len()).unwrap_or(u32::MAX);
        records.clear();
    };
    match format {
        Format::Csv => {
            let mut csv = CsvReader::new(mapping, None, None);
            for chunk in file.chunks(CHUNK_BYTES) {
                csv.read(chunk, &mut records)?;
                add(&mut records);
            }
            csv.finish(&mut records)?;
            add(&mut records);
        }
        Format::Vcard => {
            let mut cards = CardReader::new(None);
            for chunk in file.chunks(CHUNK_BYTES) {
                cards.read(chunk, &mut records)?;
                add(&mut records);
            }
            cards.finish(&mut records)?;
            add(&mut records);
        }
        Format::Xlsx => read_workbook(Cursor::new(file), mapping, &mut |found| {
            if let Found::Record(record) = found {
                add(&mut vec![*record]);
            }
            Ok(())
        })?,
    }
    Ok(count)
}

fn report(what: &str, bytes: usize, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let rows = f64::from(ROWS) / seconds;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let megabytes = bytes as f64 / 1e6;
    let rate = megabytes / seconds;
    println!("{what:14} {megabytes:7.1} MB in {seconds:5.2} s: {rate:6.1} MB/s, {rows:9.0} rows/s");
}

fn customer(number: u32) -> Entry {
    let mut entry = Entry::default();
    entry.set(Single::Type, "PERSON");
    entry.set(Single::DisplayName, format!("王小明 {number}"));
    entry.set(Single::GivenName, "小明");
    entry.set(Single::FamilyName, "王");
    entry.set(Single::Gender, "MALE");
    entry.set(Single::BirthDate, "1990-01-31");
    entry.set(Single::RegionCode, "CN");
    let point = |kind, value| ContactPoint::new(kind, value, String::new());
    entry.contact_points = vec![
        point(
            ContactPointType::Email,
            format!("wang.{number}@example.com"),
        ),
        point(ContactPointType::Phone, format!("+86138{number:08}")),
    ];
    entry.external_ids = vec![ExternalId {
        namespace: "crm".to_owned(),
        value: number.to_string(),
    }];
    entry.addresses = vec![Address {
        region_code: "CN".to_owned(),
        administrative_area: "上海市".to_owned(),
        locality: "上海市".to_owned(),
        sublocality: "黄浦区".to_owned(),
        address_lines: vec![format!("南京东路 {number} 号")],
        ..Address::default()
    }];
    entry.tags = vec!["vip".to_owned(), "new".to_owned()];
    entry.attributes = [("tier".to_owned(), "gold".to_owned())].into();
    entry
}
