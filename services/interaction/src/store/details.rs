//! The column `details`: what a kind says beyond its own columns, as JSON.

use std::borrow::Cow;

use dossier_kernel::Money;
use serde::{Deserialize, Serialize};

use crate::domain::{Details, Kind, Purchase, PurchaseLine};

type Text<'a> = Option<Cow<'a, str>>;

/// One struct for all kinds; `kind` says which fields count. Fields are only ever added, with a
/// default, so that every older row stays readable.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Clear<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    order_id: Text<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    quantity: i32,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    page: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    product_id: Text<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    duration_seconds: i32,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    outcome: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    place_id: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    network: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    action: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    medium: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    topic: Text<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    custom_type: Text<'a>,
}

/// A line's currency is its purchase's.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    quantity: i32,
    amount_micros: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    category: Text<'a>,
}

impl<'a> Clear<'a> {
    pub fn of(details: &'a Details) -> Self {
        let none = Self::default();
        match details {
            Details::Purchase(Purchase {
                amount: _,
                order_id,
                quantity,
                lines,
            }) => Self {
                order_id: text(order_id),
                quantity: *quantity,
                lines: lines.iter().map(Line::of).collect(),
                ..none
            },
            Details::PageView {
                page,
                product_id,
                duration_seconds,
            } => Self {
                page: text(page),
                product_id: text(product_id),
                duration_seconds: *duration_seconds,
                ..none
            },
            Details::Call {
                duration_seconds,
                outcome,
            } => Self {
                duration_seconds: *duration_seconds,
                outcome: text(outcome),
                ..none
            },
            Details::Email => none,
            Details::Meeting { duration_seconds } => Self {
                duration_seconds: *duration_seconds,
                ..none
            },
            Details::Visit { place_id } => Self {
                place_id: text(place_id),
                ..none
            },
            Details::Social { network, action } => Self {
                network: text(network),
                action: text(action),
                ..none
            },
            Details::Message { medium } => Self {
                medium: text(medium),
                ..none
            },
            Details::Service { topic, outcome } => Self {
                topic: text(topic),
                outcome: text(outcome),
                ..none
            },
            Details::Custom { custom_type } => Self {
                custom_type: text(custom_type),
                ..none
            },
        }
    }

    /// `None` when there is nothing to say, as in most page views and e-mails.
    pub fn to_column(&self) -> serde_json::Result<Option<String>> {
        let json = serde_json::to_string(self)?;
        Ok((json != "{}").then_some(json))
    }

    pub fn parse(column: Option<&'a str>) -> serde_json::Result<Self> {
        column.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }

    /// `None` when a purchase has no amount.
    pub fn into_details(self, kind: Kind, amount: Option<Money>) -> Option<Details> {
        Some(match kind {
            Kind::Purchase => {
                let amount = amount?;
                let lines = self
                    .lines
                    .into_iter()
                    .map(|line| line.read(amount))
                    .collect();
                let order_id = owned(self.order_id);
                Details::Purchase(Purchase {
                    amount,
                    order_id,
                    quantity: self.quantity,
                    lines,
                })
            }
            Kind::PageView => Details::PageView {
                page: owned(self.page),
                product_id: owned(self.product_id),
                duration_seconds: self.duration_seconds,
            },
            Kind::Call => Details::Call {
                duration_seconds: self.duration_seconds,
                outcome: owned(self.outcome),
            },
            Kind::Email => Details::Email,
            Kind::Meeting => Details::Meeting {
                duration_seconds: self.duration_seconds,
            },
            Kind::Visit => Details::Visit {
                place_id: owned(self.place_id),
            },
            Kind::Social => Details::Social {
                network: owned(self.network),
                action: owned(self.action),
            },
            Kind::Message => Details::Message {
                medium: owned(self.medium),
            },
            Kind::Service => Details::Service {
                topic: owned(self.topic),
                outcome: owned(self.outcome),
            },
            Kind::Custom => Details::Custom {
                custom_type: owned(self.custom_type),
            },
        })
    }
}

impl<'a> Line<'a> {
    fn of(line: &'a PurchaseLine) -> Self {
        let PurchaseLine {
            product_id,
            quantity,
            amount,
            category,
        } = line;
        Self {
            product_id: Cow::Borrowed(product_id),
            quantity: *quantity,
            amount_micros: amount.micros,
            category: text(category),
        }
    }

    fn read(self, of: Money) -> PurchaseLine {
        PurchaseLine {
            product_id: self.product_id.into_owned(),
            quantity: self.quantity,
            amount: Money::new(self.amount_micros, of.currency),
            category: owned(self.category),
        }
    }
}

fn text(text: &str) -> Text<'_> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

fn owned(text: Text<'_>) -> String {
    text.map(Cow::into_owned).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &i32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    fn money() -> impl Strategy<Value = Money> {
        any::<i64>().prop_map(|micros| Money::new(micros, Currency::USD))
    }

    fn line() -> impl Strategy<Value = PurchaseLine> {
        (".{1,9}", any::<i32>(), money(), ".{0,9}").prop_map(
            |(product_id, quantity, amount, category)| PurchaseLine {
                product_id,
                quantity,
                amount,
                category,
            },
        )
    }

    fn details() -> impl Strategy<Value = Details> {
        let purchase = (
            money(),
            ".{0,9}",
            any::<i32>(),
            prop::collection::vec(line(), 0..4),
        )
            .prop_map(|(amount, order_id, quantity, lines)| {
                Details::Purchase(Purchase {
                    amount,
                    order_id,
                    quantity,
                    lines,
                })
            });
        let rest =
            (0..9_usize, ".{0,9}", ".{0,9}", any::<i32>()).prop_map(|(kind, a, b, n)| match kind {
                0 => Details::PageView {
                    page: a,
                    product_id: b,
                    duration_seconds: n,
                },
                1 => Details::Call {
                    duration_seconds: n,
                    outcome: a,
                },
                2 => Details::Email,
                3 => Details::Meeting {
                    duration_seconds: n,
                },
                4 => Details::Visit { place_id: a },
                5 => Details::Social {
                    network: a,
                    action: b,
                },
                6 => Details::Message { medium: a },
                7 => Details::Service {
                    topic: a,
                    outcome: b,
                },
                _ => Details::Custom { custom_type: a },
            });
        prop_oneof![purchase, rest]
    }

    proptest! {
        #[test]
        fn details_come_back_from_their_column(details in details()) {
            let amount = match &details {
                Details::Purchase(purchase) => Some(purchase.amount),
                _ => None,
            };
            let column = Clear::of(&details).to_column().expect("serialises");
            let read = Clear::parse(column.as_deref()).expect("parses");
            prop_assert_eq!(read.into_details(details.kind(), amount), Some(details));
        }
    }

    #[test]
    fn a_mail_needs_no_column() {
        assert_eq!(
            Clear::of(&Details::Email).to_column().expect("serialises"),
            None
        );
    }

    #[test]
    fn a_row_of_a_later_version_is_still_readable() {
        let read = Clear::parse(Some(r#"{"medium":"sms","added_later":[1]}"#)).expect("parses");
        let message = Details::Message {
            medium: "sms".into(),
        };
        assert_eq!(read.into_details(Kind::Message, None), Some(message));
    }
}
