//! A segment's rule: text, typed against what there is, and its verdict about a customer.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use dossier_filter::{Filter, Target};
use dossier_kernel::{Currency, Error, Timestamp};

use super::row::CustomerRow;
use super::schema::{self, RuleSchema};
use super::{Aggregate, AttributeType, Attributes, Customer};

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    filter: Filter,
    /// The types of the attributes that the rule names. They are kept with the rule: a type never
    /// changes once it is defined, and the rule must be readable without asking profile.
    attributes: Attributes,
    needs: Needs,
}

/// What must be known of a customer before a rule can decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub totals: bool,
    /// How far back purchases are looked at one by one.
    pub window: Option<Duration>,
    pub feedback: bool,
}

impl Needs {
    /// What both need.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            totals: self.totals || other.totals,
            window: self.window.max(other.window),
            feedback: self.feedback || other.feedback,
        }
    }
}

/// A rule's word about one customer at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub member: bool,
    /// Until here the verdict stands unless something happens; `None` is for ever.
    pub next_change: Option<Timestamp>,
}

impl Rule {
    /// Fails with `InvalidFilter` and a violation on the field `filter`.
    pub fn parse(text: &str, attributes: &Attributes) -> Result<Self, Error> {
        let filter = Filter::parse(text, &RuleSchema { attributes })?;
        let named =
            |target: &&Target| matches!(target, Target::Field { path, .. } if path.len() == 2);
        let used = filter
            .targets()
            .into_iter()
            .filter(named)
            .filter_map(|target| match target {
                Target::Field { path, .. } => attributes.get_key_value(path.get(1)?),
                Target::Call { .. } => None,
            });
        let attributes = used.map(|(id, kind)| (id.clone(), kind.clone())).collect();
        let needs = needs(&filter);
        Ok(Self {
            filter,
            attributes,
            needs,
        })
    }

    pub fn cost(&self) -> u32 {
        self.filter.cost()
    }

    /// Whether the rule says nothing and so keeps everybody.
    pub fn is_empty(&self) -> bool {
        self.filter == Filter::everything()
    }

    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether the verdict can change when the tenant's currency does.
    pub fn uses_tenant_currency(&self) -> bool {
        aggregates(&self.filter).any(|aggregate| aggregate.uses_tenant_currency())
            || self
                .attributes
                .values()
                .any(|kind| *kind == AttributeType::Money)
    }

    /// Only live customers are members.
    pub fn decide(&self, customer: &Customer, at: Timestamp, currency: Currency) -> Verdict {
        let Some(profile) = customer.live_profile() else {
            return Verdict {
                member: false,
                next_change: None,
            };
        };
        let row = CustomerRow {
            customer,
            profile,
            at,
            currency,
            next_change: Cell::new(None),
        };
        let member = self.filter.evaluate(&row);
        Verdict {
            member,
            next_change: row.next_change.get(),
        }
    }
}

fn needs(filter: &Filter) -> Needs {
    let mut needs = Needs::default();
    for aggregate in aggregates(filter) {
        match aggregate.window() {
            Some(window) => needs.window = needs.window.max(Some(window)),
            None => needs.totals = true,
        }
    }
    needs.feedback = filter
        .targets()
        .into_iter()
        .any(|target| matches!(target, Target::Field { path, .. } if schema::is_feedback(path)));
    needs
}

fn aggregates(filter: &Filter) -> impl Iterator<Item = Aggregate> {
    filter
        .targets()
        .into_iter()
        .filter_map(|target| match target {
            Target::Call { call, .. } => Aggregate::of(call)?.ok(),
            Target::Field { .. } => None,
        })
}

/// The canonical text.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filter.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dossier_kernel::Money;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        AttributeValue, CustomerType, Feedback, Profile, Purchase, Standing, Totals,
    };

    const DAY: i64 = 86_400;
    const EUR: &str = "EUR";

    fn euro() -> Currency {
        Currency::parse(EUR).expect("a code")
    }

    fn rule(text: &str) -> Rule {
        let attributes = Attributes::from([
            (
                "tier".to_owned(),
                AttributeType::Enum(vec!["gold".to_owned(), "tin".to_owned()]),
            ),
            ("limit".to_owned(), AttributeType::Money),
            ("hobbies".to_owned(), AttributeType::StringList),
        ]);
        Rule::parse(text, &attributes).expect(text)
    }

    /// A live customer from CN with purchases of (second, units, currency).
    fn customer(purchases: &[(i64, i64, Currency)]) -> Customer {
        let mut customer = Customer {
            standing: Standing::Live,
            profile: Some(Profile {
                kind: CustomerType::Person,
                gender: None,
                birth_date: None,
                region_code: Some("CN".to_owned()),
                language_code: None,
                time_zone: None,
                owner: None,
                team: None,
                create_time: Timestamp(0),
                tags: vec!["vip".to_owned()],
                industry: ["C", "10", "107"].map(str::to_owned).to_vec(),
                attributes: BTreeMap::from([
                    ("tier".to_owned(), AttributeValue::String("gold".to_owned())),
                    (
                        "limit".to_owned(),
                        AttributeValue::Money(Money::new(5_000_000, euro())),
                    ),
                ]),
            }),
            ..Customer::unknown()
        };
        for &(second, units, currency) in purchases {
            let amount = Money::new(units * 1_000_000, currency);
            let purchase = Purchase {
                occur_time: Timestamp::from_secs(second),
                amount,
            };
            let totals = Totals::of(&purchase);
            let sum = customer
                .totals
                .get(&currency)
                .map_or(totals, |before| before.plus(totals));
            customer.totals.insert(currency, sum);
            customer.purchases.push(purchase);
        }
        customer
            .purchases
            .sort_by_key(|purchase| purchase.occur_time);
        customer
    }

    fn decide(text: &str, customer: &Customer, second: i64) -> Verdict {
        rule(text).decide(customer, Timestamp::from_secs(second), Currency::USD)
    }

    fn holds(text: &str, customer: &Customer, second: i64) -> bool {
        decide(text, customer, second).member
    }

    #[test]
    fn fields_tags_attributes_and_aggregates_make_one_rule() {
        let usd = Currency::USD;
        let customer = customer(&[(0, 400, usd), (20 * DAY, 300, usd), (29 * DAY, 300, usd)]);
        let text = r#"region_code = "CN" AND tags:"vip" AND industry:"C" AND attributes.tier = gold
            AND count(purchase, 30d) >= 3 AND sum(purchase.amount) >= 1000"#;
        assert!(holds(text, &customer, 29 * DAY));
        assert!(!holds(text, &customer, 31 * DAY));
    }

    #[test]
    fn amounts_in_other_currencies_are_never_added() {
        let customer = customer(&[(0, 10, Currency::USD), (0, 70, euro())]);
        assert!(holds("sum(purchase.amount) = 10", &customer, 1));
        assert!(holds(r#"sum(purchase.amount, "EUR") = 70"#, &customer, 1));
        assert!(holds(r#"sum(purchase.amount, "CNY") = 0"#, &customer, 1));
        assert!(holds("average(purchase.amount, 1d) = 10", &customer, 1));
        assert!(holds("count(purchase) = 2", &customer, 1));
        let in_euro = rule("sum(purchase.amount) = 70").decide(&customer, Timestamp(1), euro());
        assert!(in_euro.member);
    }

    #[test]
    fn a_money_attribute_in_another_currency_is_missing() {
        let customer = customer(&[]);
        assert!(!holds("attributes.limit > 0", &customer, 0));
        assert!(!holds("attributes.limit:*", &customer, 0));
        assert!(
            rule("attributes.limit = 5")
                .decide(&customer, Timestamp(0), euro())
                .member
        );
    }

    #[test]
    fn nothing_counts_as_zero_and_has_no_average_first_or_last() {
        let customer = customer(&[]);
        assert!(holds(
            "count(purchase) = 0 AND sum(purchase.amount, 5d) = 0",
            &customer,
            0
        ));
        for text in [
            "average(purchase.amount):*",
            "first(purchase):*",
            "last(purchase, 5d):*",
        ] {
            assert!(!holds(text, &customer, 0), "{text}");
        }
    }

    #[test]
    fn a_window_is_open_at_its_far_end() {
        let customer = customer(&[(100, 1, Currency::USD)]);
        let text = "count(purchase, 10s) = 1";
        let seen = [99, 100, 109, 110].map(|second| holds(text, &customer, second));
        assert_eq!(seen, [false, true, true, false]);
        let verdict = decide(text, &customer, 105);
        assert_eq!(verdict.next_change, Some(Timestamp::from_secs(110)));
        assert_eq!(
            decide(text, &customer, 99).next_change,
            Some(Timestamp::from_secs(100))
        );
        assert_eq!(decide(text, &customer, 110).next_change, None);
    }

    #[test]
    fn only_what_was_looked_at_wakes_the_customer_up() {
        let customer = customer(&[(100, 1, Currency::USD)]);
        let text = r#"region_code = "DE" AND count(purchase, 10s) = 1"#;
        assert_eq!(
            decide(text, &customer, 105),
            Verdict {
                member: false,
                next_change: None
            }
        );
    }

    #[test]
    fn only_live_customers_are_members() {
        let mut customer = customer(&[]);
        assert!(holds("type:*", &customer, 0));
        for standing in [
            Standing::Unknown,
            Standing::Deleted,
            Standing::Erased,
            Standing::Purged,
        ] {
            customer.standing = standing;
            assert!(!holds("type:*", &customer, 0));
            assert!(!holds("NOT type = ORGANIZATION", &customer, 0));
        }
    }

    #[test]
    fn what_feedback_says_can_be_asked() {
        let mut customer = customer(&[]);
        customer.feedback = Feedback {
            response_count: 1,
            last_response_time: Some(Timestamp::from_secs(5)),
            open_case_count: 2,
        };
        let text = "open_case_count > 1 AND response_count = 1 AND last_response_time > 1970-01-01";
        assert!(holds(text, &customer, 9));
    }

    #[test]
    fn mistakes_in_functions_are_explained() {
        for (text, words) in [
            (
                "count(purchases) > 1",
                "write count(purchase) or count(purchase, 30d)",
            ),
            ("sum(purchase) > 1", "write sum(purchase.amount)"),
            (
                r#"sum(purchase.amount, "yuan") > 1"#,
                "three capital letters",
            ),
            ("count(purchase, 0s) > 1", "longer than 0 seconds"),
            ("median(purchase.amount) > 1", "unknown function `median()`"),
            ("attributes.teir = gold", "did you mean `attributes.tier`?"),
        ] {
            let attributes = Attributes::from([("tier".to_owned(), AttributeType::String)]);
            let error = Rule::parse(text, &attributes).expect_err(text);
            assert!(error.message().contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_rule_knows_what_it_needs() {
        let windows = rule("count(purchase, 7d) > 1 OR last(purchase, 30d):*");
        let window = Some(Duration::from_secs(30 * 86_400));
        let needs = Needs {
            totals: false,
            window,
            feedback: false,
        };
        assert_eq!(windows.needs(), needs);
        assert!(!windows.uses_tenant_currency());
        assert!(rule("sum(purchase.amount) > 1").uses_tenant_currency());
        assert!(!rule(r#"sum(purchase.amount, "EUR") > 1"#).uses_tenant_currency());
        assert!(rule("attributes.limit > 1").uses_tenant_currency());
        assert_eq!(rule("attributes.tier:*").attributes().len(), 1);
        assert_eq!(rule("type:*").needs(), Needs::default());
        let all = rule("open_case_count > 0 OR count(purchase) > 1").needs();
        assert_eq!(
            all.and(windows.needs()),
            Needs {
                totals: true,
                window,
                feedback: true
            }
        );
    }

    fn texts() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("count(purchase, 10s) >= 2".to_owned()),
            Just("count(purchase, 25s) = 1".to_owned()),
            Just("sum(purchase.amount, 15s) > 3".to_owned()),
            Just(r#"sum(purchase.amount, "EUR", 30s) < 4"#.to_owned()),
            Just("average(purchase.amount, 20s) >= 2".to_owned()),
            Just("last(purchase, 5s):*".to_owned()),
            Just(r#"region_code = "CN""#.to_owned()),
            Just("tags:new".to_owned()),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|text| format!("NOT ({text})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) AND ({b})")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) OR ({b})")),
            ]
        })
    }

    fn purchase() -> impl Strategy<Value = (i64, i64, Currency)> {
        let currency = prop_oneof![Just(Currency::USD), Just(euro())];
        (0_i64..100, 0_i64..5, currency)
    }

    proptest! {
        #[test]
        fn a_verdict_stands_until_its_next_change(
            text in texts(),
            purchases in proptest::collection::vec(purchase(), 0..8),
        ) {
            let (rule, customer) = (rule(&text), customer(&purchases));
            let at = |second| rule.decide(&customer, Timestamp::from_secs(second), Currency::USD);
            let mut known = at(0);
            for second in 1..140 {
                let now = at(second);
                if known.next_change.is_some_and(|next| next <= Timestamp::from_secs(second)) {
                    known = now;
                }
                prop_assert_eq!(now.member, known.member, "{} at {}", text, second);
            }
        }

        #[test]
        fn late_and_shuffled_purchases_make_the_same_customer(
            mut purchases in proptest::collection::vec(purchase(), 0..8),
        ) {
            let in_order = customer(&purchases).totals;
            purchases.reverse();
            prop_assert_eq!(in_order, customer(&purchases).totals);
        }
    }
}
