//! Customers as records that are compared, and what comes of comparing them.
//!
//! Ids of other systems are not compared: the store lets no two customers have the same one, so that
//! they could only differ, and who is in the files twice most often has two. Numbers of identity cards
//! and licences differ as well, and there that says something.

use std::collections::BTreeSet;

use dossier_kernel::CustomerId;
use dossier_linkage::{
    Comparator, Error, Limits, Link, Model, Record, RecordId, Scan, Schema, Side, Table,
};
use uuid::Uuid;

use super::external_id::{CREDIT_CODE, RESIDENT_ID};
use super::{ContactPointType, Customer, CustomerType, DuplicateEvidence, Likeness};

/// Values of a field of one customer, and characters of a value, that are compared at most: what a
/// customer takes of a scan's memory is bounded.
const VALUES_MAX: usize = 8;
const VALUE_CHARS_MAX: usize = 128;
/// Pairs of one customer with those whose ids are larger; those beyond it are the least alike.
const PAIRS_MAX: usize = 50;
/// Parts of a scan that are handed on together: about a thousand customers.
const STEP_PARTS: usize = 4;

/// What is compared of customers of a type; evidence has these names.
pub fn schema(kind: CustomerType) -> Result<Schema, Error> {
    let fields: &[(&str, Comparator)] = match kind {
        CustomerType::Person => &[
            ("name", Comparator::Text),
            ("email", Comparator::Email),
            ("phone", Comparator::Code),
            ("birth_date", Comparator::Date),
            ("gender", Comparator::Category),
            ("address", Comparator::Text),
            ("resident_id", Comparator::Identifier),
        ],
        CustomerType::Organization => &[
            ("name", Comparator::Text),
            ("email", Comparator::Email),
            ("phone", Comparator::Code),
            ("address", Comparator::Text),
            ("credit_code", Comparator::Identifier),
        ],
    };
    Schema::new(fields.iter().copied(), &[])
}

/// The values of a customer, in the order of its type's schema.
pub fn record(customer: &Customer) -> Record {
    let contacts = |kind: ContactPointType| {
        let points = customer.contact_points.iter();
        let of_kind = points.filter(move |point| point.kind == kind);
        values(of_kind.map(|point| point.normalized.expose().clone()))
    };
    let emails = contacts(ContactPointType::Email);
    let phones = contacts(ContactPointType::Phone);
    let addresses = values(customer.addresses.iter().map(|address| {
        let lines: Vec<&str> = address
            .lines
            .iter()
            .map(|line| line.expose().as_str())
            .collect();
        lines.join(" ")
    }));
    let id_of = |namespace: &str| {
        let ids = customer.external_ids.iter();
        let of_namespace = ids.filter(move |id| id.namespace == namespace);
        values(of_namespace.map(|id| id.value.expose().clone()))
    };
    let fields = match customer.kind {
        CustomerType::Person => vec![
            names(customer),
            emails,
            phones,
            values(customer.birth_date.map(|date| date.to_string())),
            values(customer.gender.map(|gender| gender.as_str().to_owned())),
            addresses,
            id_of(RESIDENT_ID),
        ],
        CustomerType::Organization => {
            vec![
                names(customer),
                emails,
                phones,
                addresses,
                id_of(CREDIT_CODE),
            ]
        }
    };
    Record {
        id: RecordId(customer.id.uuid().as_u128()),
        side: Side::Left,
        values: fields,
    }
}

/// Everything a customer is called, in either order of given and family name. A name that was made of
/// an identifier, because there is no other, would say the same twice.
fn names(customer: &Customer) -> Vec<String> {
    let legal = customer.legal_name.as_ref();
    let legal = legal.map(|name| name.expose().clone());
    let parts = customer
        .given_name
        .as_ref()
        .zip(customer.family_name.as_ref());
    let orders = parts.map(|(given, family)| {
        let (given, family) = (given.expose(), family.expose());
        [format!("{given} {family}"), format!("{family} {given}")]
    });
    let shown = std::iter::once(customer.display_name.expose().clone());
    let names = shown.chain(legal).chain(orders.into_iter().flatten());
    let points = customer.contact_points.iter();
    let points = points.map(|point| point.normalized.expose().as_str());
    let ids = customer
        .external_ids
        .iter()
        .map(|id| id.value.expose().as_str());
    let identifiers: BTreeSet<&str> = points.chain(ids).collect();
    values(names.filter(|name| !identifiers.contains(name.as_str())))
}

fn values(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let texts = texts.into_iter().filter(|text| !text.is_empty());
    let short = |text: String| match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    };
    texts.take(VALUES_MAX).map(short).collect()
}

/// Two customers that were found to be alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    pub low: CustomerId,
    pub high: CustomerId,
    pub likeness: Likeness,
}

/// Some of the customers, compared with all others.
#[derive(Debug)]
pub struct Step {
    /// All up to this one have been compared, in the order of their ids.
    pub last: CustomerId,
    /// How many those are.
    pub done: usize,
    pub found: Vec<Alike>,
}

/// Compares records of one type with each other, those up to `after` having been compared before, and
/// hands on step by step what is found; stops where `take` says so. The same records give the same.
/// `score_min` is in thousandths.
pub fn compare(
    schema: &Schema,
    records: Vec<Record>,
    score_min: i32,
    after: Option<CustomerId>,
    mut take: impl FnMut(Step) -> bool,
) -> Result<(), Error> {
    let table = Table::new(schema, records);
    let model = Model::train(&table);
    // Also those that were dismissed are judged anew: the decision stays, and what it was about is
    // not older than the rest.
    let dismissed = BTreeSet::new();
    let limits = Limits {
        probability_min: f64::from(score_min) / 1_000.0,
        ..Limits::default()
    };
    let scan = Scan::new(&table, &model, &dismissed, limits)?;
    let mut part = after.map_or(0, |id| scan.part_after(RecordId(id.uuid().as_u128())));
    while part < scan.parts() {
        let end = scan.parts().min(part + STEP_PARTS);
        let links = (part..end).flat_map(|part| scan.part(part));
        let found = strongest(links.collect()).into_iter();
        let found = found.map(|link| found_by(&scan, link)).collect();
        let Some(last) = scan.last_of(end - 1) else {
            break;
        };
        let step = Step {
            last: customer(last),
            done: scan.records_before(end),
            found,
        };
        if !take(step) {
            break;
        }
        part = end;
    }
    Ok(())
}

/// The most alike of each record: links of one lie side by side.
fn strongest(links: Vec<Link>) -> Vec<Link> {
    let of_one = links.chunk_by(|one, other| one.couple.low == other.couple.low);
    let strongest = of_one.flat_map(|links| {
        let mut links = links.to_vec();
        links.sort_by(|one, other| {
            let heavier = other.weight.total_cmp(&one.weight);
            heavier.then(one.couple.cmp(&other.couple))
        });
        links.truncate(PAIRS_MAX);
        links
    });
    strongest.collect()
}

fn found_by(scan: &Scan<'_>, link: Link) -> Alike {
    let evidence = scan.evidence(link.couple).into_iter();
    let evidence = evidence.filter(|evidence| evidence.level != "missing");
    let evidence = evidence.map(|evidence| {
        let agreement = evidence.level.to_owned();
        DuplicateEvidence(evidence.field, agreement, hundredths(evidence.weight))
    });
    Alike {
        low: customer(link.couple.low),
        high: customer(link.couple.high),
        likeness: Likeness {
            score: (link.probability * 1_000.0).round() as i32,
            weight: hundredths(link.weight),
            evidence: evidence.collect(),
        },
    }
}

fn hundredths(bits: f64) -> i32 {
    (bits * 100.0).round() as i32
}

const fn customer(id: RecordId) -> CustomerId {
    CustomerId(Uuid::from_u128(id.0))
}
