//! The CDNOW purchases, as messages. `demo/README.md` says what they are.

use std::collections::BTreeMap;

use dossier_kernel::Timestamp;
use dossier_kernel::money::parse_decimal_micros;
use dossier_kernel::{Currency, Money};
use dossier_proto::common::v1 as common;
use dossier_proto::common::v1::customer_key::Key;
use dossier_proto::common::v1::{CustomerKey, ExternalId};
use dossier_proto::interaction::v1::interaction::Details;
use dossier_proto::interaction::v1::{Interaction, Purchase};
use dossier_proto::profile::v1::{Customer, CustomerType};

const FILE: &str = include_str!("../../demo/cdnow_sample.txt");

/// The system that the ids and events come from.
pub(crate) const NAMESPACE: &str = "cdnow";

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The id in the full data set.
    pub id: String,
    pub occur_time: Timestamp,
    pub quantity: i32,
    pub amount: Money,
    /// Which of the customer's purchases, from 1 in the order of the file.
    pub number: usize,
}

/// All purchases in the order of the file; `None` when a line cannot be read.
pub(crate) fn lines() -> Option<Vec<Line>> {
    let mut numbers = BTreeMap::new();
    FILE.lines()
        .filter(|text| !text.trim().is_empty())
        .map(|text| {
            let mut words = text.split_whitespace();
            let id = words.next()?.to_owned();
            let _in_sample = words.next()?;
            let date = words.next()?;
            let quantity = words.next()?.parse().ok()?;
            let micros = parse_decimal_micros(words.next()?)?;
            let (year, rest) = date.split_at_checked(4)?;
            let (month, day) = rest.split_at_checked(2)?;
            let occur_time = Timestamp::parse(&format!("{year}-{month}-{day}"))?;
            let number = numbers.entry(id.clone()).or_insert(0);
            *number += 1;
            let amount = Money::new(micros, Currency::USD);
            Some(Line {
                id,
                occur_time,
                quantity,
                amount,
                number: *number,
            })
        })
        .collect()
}

/// The ids of those who bought, each once, in the order of the file.
pub(crate) fn ids(lines: &[Line]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line.number == 1)
        .map(|line| line.id.as_str())
        .collect()
}

pub(crate) fn customer(id: &str) -> Customer {
    Customer {
        r#type: CustomerType::Person.into(),
        display_name: format!("CDNOW {id}"),
        external_ids: vec![external_id(id)],
        ..Customer::default()
    }
}

pub(crate) fn key(id: &str) -> CustomerKey {
    CustomerKey {
        key: Some(Key::ExternalId(external_id(id))),
        region_code: String::new(),
    }
}

fn external_id(id: &str) -> ExternalId {
    ExternalId {
        namespace: NAMESPACE.to_owned(),
        value: id.to_owned(),
    }
}

pub(crate) fn purchase(line: &Line) -> Interaction {
    let (units, nanos) = line.amount.to_units_nanos();
    let (seconds, sub) = line.occur_time.to_secs_nanos();
    let amount = common::Money {
        currency_code: line.amount.currency.to_string(),
        units,
        nanos,
    };
    Interaction {
        source: NAMESPACE.to_owned(),
        event_id: format!("{}-{}", line.id, line.number),
        occur_time: Some(prost_types::Timestamp {
            seconds,
            nanos: sub,
        }),
        channel: "web".to_owned(),
        details: Some(Details::Purchase(Purchase {
            amount: Some(amount),
            quantity: line.quantity,
            ..Purchase::default()
        })),
        ..Interaction::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_what_its_readme_says() {
        let lines = lines().expect("every line reads");
        assert_eq!(lines.len(), 6_919);
        assert_eq!(ids(&lines).len(), 2_357);
        assert_eq!(
            lines
                .iter()
                .map(|line| i64::from(line.quantity))
                .sum::<i64>(),
            16_479
        );
        let micros: i64 = lines.iter().map(|line| line.amount.micros).sum();
        assert_eq!(
            Money::new(micros, Currency::USD).to_string(),
            "244091.94 USD"
        );
        assert_eq!(
            lines.iter().filter(|line| line.amount.micros == 0).count(),
            8
        );
        assert_eq!(lines.iter().filter(|line| line.number == 2).count(), 1_152);
        assert_eq!(
            lines[0].occur_time,
            Timestamp::parse("1997-01-01").expect("a date")
        );
    }

    #[test]
    fn every_purchase_has_an_id_of_its_own() {
        let lines = lines().expect("every line reads");
        let ids: std::collections::HashSet<_> =
            lines.iter().map(|line| purchase(line).event_id).collect();
        assert_eq!(ids.len(), lines.len());
    }
}
