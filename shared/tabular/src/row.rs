//! Rows of a table to entries.

use crate::columns::Columns;
use crate::entry::{
    Address, AddressPart, ContactPoint, ContactPointType, Entry, ExternalId, Single,
};
use crate::field::{Field, Group};
use crate::limits::{CELL_BYTES_MAX, FAULTS_MAX};
use crate::origin::Origin;
use crate::{list, words};

/// A customer as one row, card or line of a file says it.
#[derive(Debug)]
pub struct Record {
    /// Counted from 1, without the header.
    pub number: u64,
    pub entry: Entry,
    pub origin: Origin,
    /// What could not be read: the first of it.
    pub faults: Vec<Fault>,
    /// How long the row is in the file, in bytes of its texts.
    pub bytes: usize,
}

/// One thing wrong with one field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field in the customer; empty when the row as a whole is wrong.
    pub field: String,
    /// What would be right, without the value.
    pub words: String,
}

impl Fault {
    pub fn new(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            words: words.into(),
        }
    }

    /// Adds it to `faults`, as long as it is one of the first.
    pub(crate) fn tell(self, faults: &mut Vec<Self>) {
        if faults.len() < FAULTS_MAX {
            faults.push(self);
        }
    }
}

impl Record {
    /// A row that is wrong as a whole.
    pub fn wrong(number: u64, words: impl Into<String>) -> Self {
        Self {
            number,
            entry: Entry::default(),
            origin: Origin::default(),
            faults: vec![Fault::new("", words)],
            bytes: 0,
        }
    }

    /// Reads one row; `None` is a cell that says nothing.
    pub fn read(number: u64, cells: &[Option<&str>], columns: &Columns) -> Self {
        if cells.len() != columns.fields.len() {
            let (has, wanted) = (cells.len(), columns.fields.len());
            return Self::wrong(
                number,
                format!("has {has} cells where the header has {wanted}"),
            );
        }
        let mut row = Reader {
            record: Self {
                number,
                entry: Entry::default(),
                origin: Origin {
                    header: Some(columns.names.clone()),
                    ..Origin::default()
                },
                faults: Vec::new(),
                bytes: cells.iter().flatten().map(|cell| cell.len()).sum(),
            },
            groups: Vec::new(),
            numbered: Vec::new(),
            labels: Vec::new(),
        };
        // Lists first: what columns say of the same thing is in them.
        for lists in [true, false] {
            for (index, (cell, field)) in cells.iter().zip(&columns.fields).enumerate() {
                let is_list = matches!(field, Field::ContactPoints | Field::Addresses);
                let Some(cell) = cell else { continue };
                if is_list != lists {
                    continue;
                }
                if cell.len() > CELL_BYTES_MAX {
                    let words = format!("must have at most {CELL_BYTES_MAX} bytes");
                    let name = columns
                        .meanings
                        .get(index)
                        .map(|meaning| meaning.field.clone());
                    row.fault(&name.unwrap_or_default(), words);
                    continue;
                }
                row.cell(index, cell, field);
            }
        }
        row.finish()
    }
}

/// A row that is being read.
struct Reader {
    record: Record,
    /// Addresses that columns make up, with the group that each column names.
    groups: Vec<(Group, Address, usize)>,
    /// Contact points that are in numbered groups, by their place.
    numbered: Vec<(usize, ContactPointType, u16)>,
    /// Labels of contact points, by their group.
    labels: Vec<(ContactPointType, u16, String)>,
}

impl Reader {
    fn fault(&mut self, field: &str, words: impl Into<String>) {
        Fault::new(field, words).tell(&mut self.record.faults);
    }

    fn cell(&mut self, index: usize, cell: &str, field: &Field) {
        match field {
            Field::Ignored => {}
            Field::Single(single) => self.single(*single, cell),
            Field::ContactPoint { kind, group } => {
                // Google puts several into one cell so.
                for value in cell.split(":::").map(str::trim).filter(|v| !v.is_empty()) {
                    let entry = &mut self.record.entry;
                    let listed = |point: &ContactPoint| point.kind == *kind && point.value == value;
                    if entry.contact_points.iter().any(listed) {
                        continue;
                    }
                    if group.number > 0 {
                        let place = entry.contact_points.len();
                        self.numbered.push((place, *kind, group.number));
                    }
                    let point = ContactPoint::new(*kind, value.to_owned(), group.label.clone());
                    entry.contact_points.push(point);
                    self.record.origin.contact_points.push(index);
                }
            }
            Field::ContactPointLabel { kind, group } => {
                self.labels.push((*kind, group.number, label(cell)));
            }
            Field::ContactPoints => match serde_json::from_str::<Vec<ContactPoint>>(cell) {
                Ok(points) => {
                    self.record.origin.contact_points = vec![index; points.len()];
                    self.record.entry.contact_points = points;
                }
                Err(_) => self.fault(
                    "contact_points",
                    r#"must be a JSON array such as [{"type":"EMAIL","value":"name@example.com"}]"#,
                ),
            },
            Field::ExternalId { namespace } => self.external_id(index, namespace, cell),
            Field::ExternalIds => {
                for text in list::read(cell) {
                    match text.split_once(':') {
                        Some((namespace, value)) => self.external_id(index, namespace, value),
                        None => self.fault("external_ids", "must be of the form namespace:id"),
                    }
                }
            }
            Field::Address { part, group } => {
                let same = |entry: &&mut (Group, Address, usize)| entry.0 == *group;
                let address = match self.groups.iter_mut().find(same) {
                    Some((_, address, _)) => address,
                    None => {
                        let address = Address {
                            label: group.label.clone(),
                            ..Address::default()
                        };
                        self.groups.push((group.clone(), address, index));
                        match self.groups.last_mut() {
                            Some((_, address, _)) => address,
                            None => return,
                        }
                    }
                };
                match part {
                    AddressPart::Label => address.label = label(cell),
                    part => address.set(*part, cell),
                }
            }
            Field::Addresses => match serde_json::from_str::<Vec<Address>>(cell) {
                Ok(addresses) => {
                    self.record.origin.addresses = vec![index; addresses.len()];
                    self.record.entry.addresses = addresses;
                }
                Err(_) => self.fault(
                    "addresses",
                    r#"must be a JSON array such as [{"regionCode":"CN","locality":"上海"}]"#,
                ),
            },
            Field::Tags => self.record.entry.tags = list::read(cell),
            Field::Attribute { id } => {
                let attributes = &mut self.record.entry.attributes;
                attributes.insert(id.clone(), cell.to_owned());
            }
        }
    }

    fn single(&mut self, single: Single, cell: &str) {
        let read = match single {
            Single::Type => words::kind(cell)
                .map(str::to_owned)
                .ok_or("must be PERSON or ORGANIZATION"),
            Single::Gender => words::gender(cell)
                .map(str::to_owned)
                .ok_or("must be FEMALE, MALE or OTHER"),
            Single::BirthDate => words::date(cell).ok_or("must be a date such as 1990-01-31"),
            // What is a code already stays as it is.
            Single::RegionCode if cell.len() != 2 => Ok(words::region(cell)),
            _ => Ok(cell.to_owned()),
        };
        match read {
            Ok(text) => self.record.entry.set(single, text),
            Err(words) => self.fault(single.as_str(), words),
        }
    }

    fn external_id(&mut self, index: usize, namespace: &str, value: &str) {
        self.record.entry.external_ids.push(ExternalId {
            namespace: namespace.to_owned(),
            value: value.to_owned(),
        });
        self.record.origin.external_ids.push(index);
    }

    fn finish(mut self) -> Record {
        for (place, kind, number) in self.numbered {
            let mut labels = self.labels.iter();
            let of_group = labels.find(|(k, group, _)| (*k, *group) == (kind, number));
            let point = self.record.entry.contact_points.get_mut(place);
            if let (Some(point), Some((.., label))) = (point, of_group) {
                point.label.clone_from(label);
            }
        }
        for (_, address, index) in self.groups {
            let listed = |other: &Address| {
                Address {
                    primary: false,
                    ..other.clone()
                } == address
            };
            let bare = Address {
                label: address.label.clone(),
                ..Address::default()
            };
            if address != bare && !self.record.entry.addresses.iter().any(listed) {
                self.record.entry.addresses.push(address);
                self.record.origin.addresses.push(index);
            }
        }
        self.record
    }
}

/// A label; Google marks its own with a star.
fn label(cell: &str) -> String {
    let text = cell.trim();
    text.strip_prefix("* ").unwrap_or(text).to_owned()
}
