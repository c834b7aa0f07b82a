//! What a comparison of two records found: a level per field, packed.

use crate::comparator::{Comparator, Level};
use crate::schema::Schema;
use crate::table::{Row, Table};

/// Levels of a pair, four bits each: the fields, then two for each exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(u128);

/// The straight comparison was close enough, so the crossed one was not made.
const NOT_CROSSED: Level = Level(14);

/// How a field agreed, and the values in which it did.
#[derive(Clone, Copy)]
pub(crate) struct Agreement {
    pub level: Level,
    /// Places of the two values in the pool; of no meaning when one is missing.
    pub values: (u32, u32),
}

impl Pattern {
    pub fn of(table: &Table, a: Row, b: Row) -> Self {
        let mut pattern = Self(u128::MAX);
        for (field, described) in table.schema().fields().iter().enumerate() {
            pattern.set(
                field,
                agree(described.comparator, table, (field, a), (field, b)).level,
            );
        }
        let schema = table.schema();
        for (at, (left, right)) in schema.exchanges().iter().enumerate() {
            let straight = [pattern.level(*left), pattern.level(*right)];
            let levels = cross(table, at, straight, a, b).unwrap_or([NOT_CROSSED; 2]);
            let place = schema.fields().len() + 2 * at;
            pattern.set(place, levels[0]);
            pattern.set(place + 1, levels[1]);
        }
        pattern
    }

    pub fn level(self, place: usize) -> Level {
        Level((self.0 >> (4 * place)) as u8 & 15)
    }

    /// The crossed levels of an exchange, where they were compared.
    pub fn crossed(self, schema: &Schema, exchange: usize) -> Option<[Level; 2]> {
        let place = schema.fields().len() + 2 * exchange;
        let levels = [self.level(place), self.level(place + 1)];
        (levels[0] != NOT_CROSSED).then_some(levels)
    }

    pub fn set(&mut self, place: usize, level: Level) {
        self.0 &= !(15 << (4 * place));
        self.0 |= u128::from(level.0) << (4 * place);
    }
}

/// The levels of exchanged fields compared crosswise, where they do not agree straight.
pub(crate) fn cross(
    table: &Table,
    exchange: usize,
    straight: [Level; 2],
    a: Row,
    b: Row,
) -> Option<[Level; 2]> {
    if straight.iter().any(|level| *level <= Level(1)) {
        return None;
    }
    let schema = table.schema();
    let (left, right) = schema.exchanges()[exchange];
    let by = crossed(schema, exchange);
    Some([
        agree(by, table, (left, a), (right, b)).level,
        agree(by, table, (right, a), (left, b)).level,
    ])
}

/// The comparator of crossed fields: theirs, or that of names when they have different ones.
pub(crate) fn crossed(schema: &Schema, exchange: usize) -> Comparator {
    let (left, right) = schema.exchanges()[exchange];
    let [left, right] = [left, right].map(|field| schema.fields()[field].comparator);
    if left == right {
        left
    } else {
        Comparator::Name
    }
}

/// A level at least as good as the best agreement of two records in two fields, at a glance.
pub(crate) fn agree_at_best(
    comparator: Comparator,
    table: &Table,
    (left, a): (usize, Row),
    (right, b): (usize, Row),
) -> Level {
    let mut best = Level::MISSING;
    for one in table.values(left, a) {
        for other in table.values(right, b) {
            if one.shape == other.shape {
                return Level::EQUAL;
            }
            best = best.min(comparator.level_at_best(*one, *other));
        }
    }
    best
}

/// The best agreement of the values of two records in two fields.
pub(crate) fn agree(
    comparator: Comparator,
    table: &Table,
    (left, a): (usize, Row),
    (right, b): (usize, Row),
) -> Agreement {
    let mut best = Agreement {
        level: Level::MISSING,
        values: (0, 0),
    };
    for one in table.values(left, a) {
        for other in table.values(right, b) {
            let level = if one.shape == other.shape {
                Level::EQUAL
            } else if comparator.level_at_best(*one, *other) == comparator.last() {
                comparator.last()
            } else {
                comparator.level(table.value(one.place), table.value(other.place))
            };
            let values = (one.place.min(other.place), one.place.max(other.place));
            if (level, values) < (best.level, best.values) || best.level == Level::MISSING {
                best = Agreement { level, values };
            }
        }
    }
    best
}
