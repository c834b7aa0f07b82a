//! Any chunking of the bytes gives the same records.

use dossier_tabular::{Encoding, Format, LineReader, Record};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::entries::entry;
use crate::{read, written};

fn cut<'f>(file: &'f [u8], cuts: &[prop::sample::Index]) -> Vec<&'f [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
    places.extend([0, file.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|ends| &file[ends[0]..ends[1]])
        .collect()
}

fn same(
    one: &dossier_kernel::Result<Vec<Record>>,
    other: &dossier_kernel::Result<Vec<Record>>,
) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| {
                    one.number == other.number
                        && one.entry == other.entry
                        && one.faults == other.faults
                })
        }
        (Err(one), Err(other)) => one.to_string() == other.to_string(),
        _ => false,
    }
}

/// Bytes that are nearly a table.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b",;\t\"\r\n'=a ".to_vec())
    ];
    vec(byte, 0..200).prop_map(|bytes| [b"display_name,email,tags\n", bytes.as_slice()].concat())
}

/// Bytes that are nearly cards.
fn cards() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 14] = [
        b"BEGIN:VCARD\r\n",
        b"END:VCARD\n",
        b"FN:\xe7\x8e\x8b\n",
        b"TEL;TYPE=\"cell\":1\r\n",
        b" folded\r\n",
        b"PHOTO:AAAA",
        b"\n",
        b"ADR:;;;",
        b"\\",
        b"^n",
        b"\xff",
        b"BDAY:--0131\n",
        b"\r",
        b"item1.EMAIL:a\n",
    ];
    let piece = prop_oneof![
        6 => proptest::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..30).prop_map(|pieces| [b"BEGIN:VCARD\n".as_slice(), &pieces.concat()].concat())
}

fn lines(encoding: Option<Encoding>, chunks: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
    let mut reader = LineReader::new(encoding);
    let mut lines = Vec::new();
    let mut take = |number, line: &[u8]| lines.push((number, line.to_vec()));
    for chunk in chunks {
        reader.read(chunk, &mut take).expect("short lines");
    }
    reader.finish(&mut take).expect("short lines");
    lines
}

proptest! {
    #[test]
    fn tables_may_be_cut_anywhere(file in table(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let (whole, pieces) = (read(Format::Csv, &[&file]), read(Format::Csv, &cut(&file, &cuts)));
        prop_assert!(same(&whole, &pieces));
    }

    #[test]
    fn cards_may_be_cut_anywhere(file in cards(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let (whole, pieces) = (read(Format::Vcard, &[&file]), read(Format::Vcard, &cut(&file, &cuts)));
        prop_assert!(same(&whole, &pieces));
    }

    #[test]
    fn lines_may_be_cut_anywhere(
        file in vec(prop_oneof![any::<u8>(), Just(b'\n')], 0..100),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
        encoding in proptest::sample::select(vec![None, Some(Encoding::Gb18030), Some(Encoding::Utf16Le)]),
    ) {
        prop_assert_eq!(lines(encoding, &[&file]), lines(encoding, &cut(&file, &cuts)));
    }

    #[test]
    fn files_in_two_bytes_a_character_read_the_same(
        entries in vec(entry(), 1..3),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let file = written(Format::Csv, &entries);
        let text = String::from_utf8(file.clone()).expect("UTF-8");
        // It begins with the mark.
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        prop_assert!(same(&read(Format::Csv, &[&file]), &read(Format::Csv, &cut(&wide, &cuts))));
    }
}
