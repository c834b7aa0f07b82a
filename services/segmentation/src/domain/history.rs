//! A customer as the feeds tell from their beginning: what the stored state must equal.

use std::collections::BTreeMap;

use dossier_kernel::Timestamp;
use uuid::Uuid;

use super::{Customer, Feedback, Profile, Purchase, Standing, Totals, What};

/// Everything ever told of one customer, each thing once.
#[derive(Clone, Debug, Default)]
pub struct History {
    file: Option<(Standing, Option<Profile>)>,
    purchases: BTreeMap<Uuid, Purchase>,
    said: BTreeMap<Uuid, (Option<Timestamp>, bool)>,
}

impl History {
    pub fn learn(&mut self, what: What) {
        match what {
            What::File(profile) => self.file = Some((Standing::Live, Some(profile))),
            What::Deleted(profile) => self.file = Some((Standing::Deleted, Some(profile))),
            What::Purged => self.file = Some((Standing::Purged, None)),
            What::Purchase {
                interaction,
                purchase,
            } => {
                self.purchases.insert(interaction.uuid(), purchase);
            }
            What::Response { id, time } => {
                self.said.insert(id, (Some(time), false));
            }
            What::Case { id, open } => {
                self.said.insert(id, (None, open));
            }
        }
    }

    /// The customer with all purchases, oldest first.
    pub fn into_customer(self) -> Customer {
        let Self {
            file,
            purchases,
            said,
        } = self;
        let (standing, profile) = file.unwrap_or((Standing::Unknown, None));
        let mut customer = Customer {
            standing,
            profile,
            ..Customer::unknown()
        };
        if standing == Standing::Purged {
            return customer;
        }
        let mut purchases: Vec<_> = purchases.into_iter().collect();
        purchases.sort_by_key(|(id, purchase)| (purchase.occur_time, *id));
        for (_, purchase) in purchases {
            let one = Totals::of(&purchase);
            let currency = purchase.amount.currency;
            let sum = customer
                .totals
                .get(&currency)
                .map_or(one, |before| before.plus(one));
            customer.totals.insert(currency, sum);
            customer.purchases.push(purchase);
        }
        let mut feedback = Feedback::default();
        said.into_values()
            .for_each(|(time, open)| feedback.add(time, open));
        Customer {
            feedback,
            ..customer
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::id::InteractionId;
    use dossier_kernel::{Currency, Money};

    use super::*;

    #[test]
    fn what_is_told_twice_counts_once_and_a_case_counts_as_it_stands() {
        let mut history = History::default();
        let interaction = InteractionId::generate();
        let amount = Money::new(5, Currency::USD);
        let purchase = Purchase {
            occur_time: Timestamp(1),
            amount,
        };
        let (case, response) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..2 {
            history.learn(What::Purchase {
                interaction,
                purchase,
            });
            history.learn(What::Response {
                id: response,
                time: Timestamp(3),
            });
            history.learn(What::Case {
                id: case,
                open: true,
            });
        }
        let customer = history.clone().into_customer();
        assert_eq!(customer.purchases, [purchase]);
        assert_eq!(customer.totals[&Currency::USD].count, 1);
        let said = (
            customer.feedback.response_count,
            customer.feedback.open_case_count,
        );
        assert_eq!(said, (1, 1));
        history.learn(What::Case {
            id: case,
            open: false,
        });
        assert_eq!(history.clone().into_customer().feedback.open_case_count, 0);
        history.learn(What::Purged);
        assert_eq!(history.into_customer().purchases, []);
    }
}
