//! Records laid out for comparing: sorted by id, each distinct value folded once.

use rustc_hash::FxHashMap;

use crate::record::{Record, RecordId, Side};
use crate::schema::Schema;
use crate::sketch::Sketch;
use crate::value::{Value, fold};

/// Records laid out for comparing.
///
/// The order in which records are given does not matter; of records with the same id the last one
/// given is kept. Memory: a few words per value, and every distinct value once.
#[derive(Debug)]
pub struct Table {
    schema: Schema,
    ids: Vec<RecordId>,
    sides: Vec<Side>,
    is_linked: bool,
    /// Where each record's values of each field begin: a record's fields lie side by side.
    begins: Vec<u32>,
    values: Vec<Sketch>,
    pool: Vec<Value>,
}

/// The place of a record in its table.
pub(crate) type Row = u32;

impl Table {
    /// Lays out records, whose values are in the order of the schema's fields.
    pub fn new(schema: &Schema, records: impl IntoIterator<Item = Record>) -> Self {
        let mut records: Vec<Record> = records.into_iter().collect();
        // Stable, and reversed first, so that the last of equal ids leads its run and is kept.
        records.reverse();
        records.sort_by_key(|record| record.id);
        records.dedup_by_key(|record| record.id);
        let mut pool = Pool::default();
        let (mut begins, mut values) = (vec![0], Vec::new());
        for record in &records {
            for (place, field) in schema.fields().iter().enumerate() {
                let begin = values.len();
                for raw in record.values.get(place).into_iter().flatten() {
                    if let Some(value) = pool.place(fold(field.comparator, raw))
                        && !values[begin..]
                            .iter()
                            .any(|other: &Sketch| other.shape == value.shape)
                    {
                        values.push(value);
                    }
                }
                begins.push(values.len() as u32);
            }
        }
        Self {
            schema: schema.clone(),
            ids: records.iter().map(|record| record.id).collect(),
            is_linked: records.iter().any(|record| record.side == Side::Right),
            sides: records.iter().map(|record| record.side).collect(),
            begins,
            values,
            pool: pool.values,
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The schema it was laid out by.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn id(&self, row: Row) -> RecordId {
        self.ids[row as usize]
    }

    pub(crate) fn side(&self, row: Row) -> Side {
        self.sides[row as usize]
    }

    /// Whether two data sets are linked, instead of one with itself.
    pub(crate) const fn is_linked(&self) -> bool {
        self.is_linked
    }

    /// Whether two rows can be of one customer: two rows, of different sides where there are two.
    pub(crate) fn may_match(&self, a: Row, b: Row) -> bool {
        a != b && (!self.is_linked || self.side(a) != self.side(b))
    }

    /// How many pairs that may match these rows make.
    pub(crate) fn pairs_among(&self, rows: impl Iterator<Item = Row>) -> u64 {
        let (mut left, mut right) = (0_u64, 0_u64);
        for row in rows {
            match self.side(row) {
                Side::Left => left += 1,
                Side::Right => right += 1,
            }
        }
        if self.is_linked {
            left * right
        } else {
            left * left.saturating_sub(1) / 2
        }
    }

    /// The row of a record.
    pub(crate) fn row(&self, id: RecordId) -> Option<Row> {
        self.ids.binary_search(&id).ok().map(|row| row as Row)
    }

    /// How many records there are up to this one, which need not be among them.
    pub(crate) fn rows_to(&self, id: RecordId) -> usize {
        self.ids.partition_point(|other| *other <= id)
    }

    /// A record's values of a field, no two of one shape.
    pub(crate) fn values(&self, field: usize, row: Row) -> &[Sketch] {
        let at = row as usize * self.schema.fields().len() + field;
        &self.values[self.begins[at] as usize..self.begins[at + 1] as usize]
    }

    pub(crate) fn value(&self, place: u32) -> &Value {
        &self.pool[place as usize]
    }
}

/// Distinct values while a table is laid out.
#[derive(Default)]
struct Pool {
    values: Vec<Value>,
    known: FxHashMap<String, Sketch>,
    /// Values that differ in nothing but spaces have one shape.
    shapes: FxHashMap<Box<str>, u32>,
}

impl Pool {
    /// The sketch of a text, none if it is empty.
    fn place(&mut self, text: String) -> Option<Sketch> {
        if text.is_empty() {
            return None;
        }
        if let Some(known) = self.known.get(&text) {
            return Some(*known);
        }
        let place = self.values.len() as u32;
        let value = Value::new(text.as_str().into());
        let shape = *self.shapes.entry(value.squeezed.clone()).or_insert(place);
        let sketch = Sketch::new(place, shape, &value);
        self.values.push(value);
        self.known.insert(text, sketch);
        Some(sketch)
    }
}
