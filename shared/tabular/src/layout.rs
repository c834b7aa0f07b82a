//! Entries to rows of a table: which columns our own export has, and what stands in them.

use std::borrow::Cow;

use crate::entry::{Address, AddressPart, ContactPoint, ContactPointType, Entry, Single};
use crate::list;

/// The columns of an export. People find the first e-mail, phone and address in columns of their
/// own; where these do not say everything, the whole list stands beside them as JSON.
pub struct Layout {
    header: Vec<String>,
    attributes: Vec<String>,
}

impl Layout {
    /// `attributes` are the ids of the attributes that entries may have.
    pub fn new(attributes: Vec<String>) -> Self {
        let singles = Single::ALL.map(|single| single.as_str().to_owned());
        let points = ["email", "phone", "contact_points", "external_ids"].map(str::to_owned);
        let address = AddressPart::ALL.map(|part| format!("address.{}", part.as_str()));
        let lists = ["addresses", "tags"].map(str::to_owned);
        let own = attributes.iter().map(|id| format!("attributes.{id}"));
        let header = singles
            .into_iter()
            .chain(points)
            .chain(address)
            .chain(lists);
        let header = header.chain(own).chain(["masked_fields".to_owned()]);
        Self {
            header: header.collect(),
            attributes,
        }
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The cells of one row, as many as the header has.
    pub fn cells<'e>(&self, entry: &'e Entry) -> Vec<Option<Cow<'e, str>>> {
        let mut cells: Vec<Option<Cow<'_, str>>> = Vec::with_capacity(self.header.len());
        cells.extend(Single::ALL.map(|single| entry.get(single).map(Cow::Borrowed)));

        let points = entry.contact_points.as_slice();
        for kind in [ContactPointType::Email, ContactPointType::Phone] {
            let shown = first(points, |point| point.kind == kind, |point| point.primary);
            cells.push(
                shown
                    .filter(|point| fits(point))
                    .map(|point| Cow::Borrowed(point.value.as_str())),
            );
        }
        cells.push((!are_simple(points)).then(|| Cow::Owned(json(points))));

        let ids = entry.external_ids.iter();
        let ids: Vec<String> = ids
            .map(|id| format!("{}:{}", id.namespace, id.value))
            .collect();
        cells.push(listed(ids.iter().map(String::as_str)));

        let addresses = entry.addresses.as_slice();
        let bare = |address: &&Address| {
            let whole = Address {
                primary: false,
                ..(*address).clone()
            };
            whole.is_simple()
        };
        let shown = first(addresses, |_| true, |address| address.primary).filter(bare);
        for part in AddressPart::ALL {
            let text = shown.map(|address| address.get(part));
            cells.push(text.filter(|text| !text.is_empty()).map(Cow::Owned));
        }
        let simple = match addresses {
            [] => true,
            [only] => only.is_simple(),
            _ => false,
        };
        cells.push((!simple).then(|| Cow::Owned(json(addresses))));

        cells.push(listed(entry.tags.iter().map(String::as_str)));
        for id in &self.attributes {
            let text = entry.attributes.get(id);
            cells.push(text.map(|text| Cow::Borrowed(text.as_str())));
        }
        cells.push(listed(entry.masked_fields.iter().map(String::as_str)));
        cells
    }
}

/// The preferred one of those that count, else the first.
fn first<T>(all: &[T], counts: impl Fn(&T) -> bool, preferred: impl Fn(&T) -> bool) -> Option<&T> {
    let best = all.iter().find(|one| counts(one) && preferred(one));
    best.or_else(|| all.iter().find(|one| counts(one)))
}

/// Whether the columns `email` and `phone` alone say what the points are.
fn are_simple(points: &[ContactPoint]) -> bool {
    let plain = |point: &ContactPoint| {
        let again = ContactPoint::new(point.kind, point.value.clone(), String::new());
        again == *point && fits(point)
    };
    let order = match points {
        [] | [_] => true,
        [one, other] => {
            one.kind == ContactPointType::Email && other.kind == ContactPointType::Phone
        }
        _ => false,
    };
    order && points.iter().all(plain)
}

/// Whether a cell holds just this value.
fn fits(point: &ContactPoint) -> bool {
    let value = &point.value;
    !value.is_empty() && value.trim().len() == value.len() && !value.contains(":::")
}

fn listed<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Option<Cow<'static, str>> {
    (texts.len() > 0).then(|| Cow::Owned(list::write(texts)))
}

fn json<T: serde::Serialize>(all: &[T]) -> String {
    // Structs of texts and flags always serialise.
    serde_json::to_string(all).unwrap_or_default()
}
