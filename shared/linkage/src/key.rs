//! Block keys: what two records must share to be compared at all.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::comparator::Comparator;
use crate::record::Record;
use crate::schema::Schema;
use crate::table::{Row, Table};
use crate::value::Value;

/// Something of a value, as a number; records that share it may be of one customer.
pub(crate) type Key = u64;

/// Letters at either end of a name or word that make a key. One edit cannot touch both ends of a
/// word of six letters or more (the pigeonhole principle), so one of the two keys survives it.
const END: usize = 3;

/// What of a value makes a key.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    Start,
    End,
    Word,
    YearMonth,
    YearDay,
    MonthDay,
}

/// The block keys of a record, sorted, each once: hashes of parts of its values.
///
/// Whoever stores records can index them by these to find candidates for
/// [`Model::compare`](crate::Model::compare). They are not secret: a store that holds its values
/// encrypted puts a keyed hash over them.
pub fn block_keys(schema: &Schema, record: Record) -> Vec<u64> {
    let mut found = Vec::new();
    keys(&Table::new(schema, [record]), 0, &mut found);
    found
}

/// The keys of a record, each once.
pub(crate) fn keys(table: &Table, row: Row, keys: &mut Vec<Key>) {
    keys.clear();
    for (field, described) in table.schema().fields().iter().enumerate() {
        for value in table.values(field, row) {
            of_value(
                described.comparator,
                space(table.schema(), field),
                table.value(value.place),
                keys,
            );
        }
    }
    keys.sort_unstable();
    keys.dedup();
}

/// Fields that are exchanged share their keys, so that exchanged values meet.
fn space(schema: &Schema, field: usize) -> u64 {
    schema.family(field) as u64
}

fn of_value(comparator: Comparator, space: u64, value: &Value, keys: &mut Vec<Key>) {
    let mut add = |part: Part, text: &str| {
        let seed = space << 8 | part as u64;
        keys.push(xxh3_64_with_seed(text.as_bytes(), seed));
    };
    add(Part::Whole, &value.squeezed);
    match comparator {
        Comparator::Category | Comparator::Identifier | Comparator::Number => {}
        Comparator::Name => ends(&value.squeezed, &mut add),
        Comparator::Text => {
            ends(&value.squeezed, &mut add);
            for word in value.text.split(' ') {
                add(Part::Word, word);
            }
        }
        Comparator::Code => {
            let digits = value.squeezed.chars().count();
            if digits >= 2 * END {
                halves(&value.squeezed, digits, &mut add);
            }
        }
        Comparator::Date if value.squeezed.len() == 8 => {
            let date = &value.squeezed;
            add(Part::YearMonth, &date[..6]);
            add(Part::MonthDay, &date[4..]);
            add(Part::YearDay, &[&date[..4], &date[6..]].concat());
        }
        Comparator::Date => {}
        Comparator::Email => {
            let mailbox = value.text.split('@').next().unwrap_or_default();
            add(Part::Word, mailbox);
        }
    }
}

fn ends(text: &str, add: &mut impl FnMut(Part, &str)) {
    let letters = text.chars().count();
    if letters > END {
        halves_of(text, END, add);
    }
}

fn halves(text: &str, letters: usize, add: &mut impl FnMut(Part, &str)) {
    halves_of(text, letters / 2, add);
}

/// The first and the last letters.
fn halves_of(text: &str, letters: usize, add: &mut impl FnMut(Part, &str)) {
    let start = text
        .char_indices()
        .nth(letters)
        .map_or(text.len(), |(at, _)| at);
    let end = text
        .char_indices()
        .rev()
        .nth(letters - 1)
        .map_or(0, |(at, _)| at);
    add(Part::Start, &text[..start]);
    add(Part::End, &text[end..]);
}
