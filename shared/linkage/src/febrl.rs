//! The data sets of the Febrl generator (Christen 2008), whose duplicates are known: what tests and
//! benches measure accuracy on. The labels are used for nothing else.

use std::collections::HashMap;

use crate::cluster::Cluster;
use crate::comparator::Comparator;
use crate::error::Error;
use crate::record::{Couple, Record, RecordId, Side};
use crate::schema::Schema;

/// The columns that are compared. `soc_sec_id`, which nearly gives the answer away, is not read.
const FIELDS: [(&str, Comparator); 9] = [
    ("given_name", Comparator::Name),
    ("surname", Comparator::Name),
    ("street_number", Comparator::Code),
    ("address_1", Comparator::Text),
    ("address_2", Comparator::Text),
    ("suburb", Comparator::Text),
    ("postcode", Comparator::Code),
    ("state", Comparator::Category),
    ("date_of_birth", Comparator::Date),
];
/// What clerks put into each other's place on such a form: neighbouring fields.
const EXCHANGES: [(&str, &str); 3] = [
    ("given_name", "surname"),
    ("address_1", "address_2"),
    ("suburb", "postcode"),
];

/// Records whose duplicates are known.
#[derive(Debug, Default)]
pub struct Febrl {
    /// The records.
    pub records: Vec<Record>,
    /// Who a record is really of.
    owners: HashMap<RecordId, String>,
}

/// How couples that were found compare with the true ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// The share of the couples found that are true.
    pub precision: f64,
    /// The share of the true couples that were found.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

impl Febrl {
    /// The schema of the records.
    ///
    /// # Errors
    /// None: the schema is a constant.
    pub fn schema() -> Result<Schema, Error> {
        Schema::new(FIELDS, &EXCHANGES)
    }

    /// Adds the records of a file, as one side of a link or, all [`Side::Left`], to be compared with
    /// one another.
    ///
    /// # Errors
    /// When the text is not CSV.
    pub fn read(mut self, text: &str, side: Side) -> Result<Self, csv::Error> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        for row in reader.deserialize() {
            let row: HashMap<String, String> = row?;
            let column = |name: &str| row.get(name).cloned().unwrap_or_default();
            let id = RecordId(self.records.len() as u128);
            // rec-1496-org and rec-1496-dup-0 are of one person.
            let name = column("rec_id");
            let owner = name.split('-').nth(1).unwrap_or(&name).to_owned();
            self.owners.insert(id, owner);
            self.records.push(Record {
                id,
                side,
                values: FIELDS.iter().map(|(name, _)| vec![column(name)]).collect(),
            });
        }
        Ok(self)
    }

    /// Compares what was found with what is true.
    pub fn accuracy(&self, clusters: &[Cluster]) -> Accuracy {
        let found = clusters.iter().flat_map(|cluster| &cluster.links);
        let mut right = 0.0;
        let mut all = 0.0;
        for link in found {
            let Couple { low, high } = link.couple;
            all += 1.0;
            right += f64::from(u8::from(self.owners.get(&low) == self.owners.get(&high)));
        }
        let (precision, recall) = (right / all, right / self.couples());
        Accuracy {
            precision,
            recall,
            f1: 2.0 * precision * recall / (precision + recall),
        }
    }

    /// How many couples are true.
    fn couples(&self) -> f64 {
        let mut sizes: HashMap<&str, [u32; 2]> = HashMap::new();
        for record in &self.records {
            let owner = self.owners.get(&record.id).map_or("", String::as_str);
            sizes.entry(owner).or_default()[record.side as usize] += 1;
        }
        let linked = self.records.iter().any(|record| record.side == Side::Right);
        let couples = sizes.values().map(|[left, right]| {
            let couples = if linked {
                left * right
            } else {
                left * left.saturating_sub(1) / 2
            };
            f64::from(couples)
        });
        couples.sum()
    }
}
