//! What is compared.

/// Who a record is: the bits of a UUID, or any other number that is unique in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u128);

/// The data set that a record came from, when two are linked with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The only data set, or the first of two.
    #[default]
    Left,
    /// The second of two.
    Right,
}

/// A record with its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its identity.
    pub id: RecordId,
    /// Its data set.
    pub side: Side,
    /// Per field of the schema its values, none where it is missing. Values that are empty once they
    /// are folded count as missing; of several values the best agreement counts.
    pub values: Vec<Vec<String>>,
}

/// Two records, the smaller id first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Couple {
    /// The smaller id.
    pub low: RecordId,
    /// The larger id.
    pub high: RecordId,
}

impl Couple {
    /// The couple of two records, in whichever order they are given.
    pub fn of(one: RecordId, other: RecordId) -> Self {
        Self {
            low: one.min(other),
            high: one.max(other),
        }
    }
}
