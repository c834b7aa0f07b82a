//! What holds of every file: it reads as what was written, however it is cut, and nothing that it
//! may hold breaks its reader.

mod cuts;
mod entries;
mod formulas;
mod hostile;
mod other_programs;
mod round_trips;

use std::io::Cursor;

use dossier_kernel::Result;
use dossier_tabular::{
    CardReader, CsvReader, Entry, Format, Found, Mapping, Record, Writer, read_workbook,
};

/// The attributes that generated entries have.
const ATTRIBUTES: [&str; 2] = ["score", "tier"];

fn mapping() -> Mapping {
    Mapping {
        attributes: ATTRIBUTES.map(str::to_owned).into(),
        ..Mapping::default()
    }
}

/// The file of these entries.
fn written(format: Format, entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::begin(format, ATTRIBUTES.map(str::to_owned).to_vec(), &mut file);
    for entry in entries {
        writer.write(entry, &mut file).expect("short cells");
    }
    writer.finish(&mut file).expect("a file");
    file
}

/// The records of a file that comes in these chunks.
fn read(format: Format, chunks: &[&[u8]]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    match format {
        Format::Csv => {
            let mut csv = CsvReader::new(mapping(), None, None);
            for chunk in chunks {
                csv.read(chunk, &mut records)?;
            }
            csv.finish(&mut records)?;
        }
        Format::Vcard => {
            let mut cards = CardReader::new(None);
            for chunk in chunks {
                cards.read(chunk, &mut records)?;
            }
            cards.finish(&mut records)?;
        }
        Format::Xlsx => {
            let mut take = |found: Found<'_>| {
                if let Found::Record(record) = found {
                    records.push(*record);
                }
                Ok(())
            };
            read_workbook(Cursor::new(chunks.concat()), mapping(), &mut take)?;
        }
    }
    Ok(records)
}
