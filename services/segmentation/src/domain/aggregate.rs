//! The functions of the rule language: `count(purchase)`, `sum(purchase.amount, "CNY", 30d)`, ….

use std::time::Duration;

use dossier_filter::{Arg, Call, FieldType, Value};
use dossier_kernel::{Currency, Timestamp};

use super::{Customer, Purchase, Totals};

/// The names, as error messages show them.
pub const FUNCTIONS: [&str; 5] = ["count()", "sum()", "average()", "first()", "last()"];

/// An aggregate over a customer's purchases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    of: Of,
    /// Only purchases that occurred within this long before now; `None` is all time.
    window: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Count,
    First,
    Last,
    /// In this currency, or else the tenant's. Purchases in others are left out, never added.
    Sum(Option<Currency>),
    Average(Option<Currency>),
}

impl Aggregate {
    /// What a call means; `None` when it is no function of ours, `Err` says what is wrong with it.
    pub fn of(call: &Call) -> Option<Result<Self, String>> {
        Some(match call.name.as_str() {
            "count" => Self::about_purchases(call, Of::Count),
            "first" => Self::about_purchases(call, Of::First),
            "last" => Self::about_purchases(call, Of::Last),
            "sum" => Self::about_amounts(call, Of::Sum),
            "average" => Self::about_amounts(call, Of::Average),
            _ => return None,
        })
    }

    fn about_purchases(call: &Call, of: Of) -> Result<Self, String> {
        let window = match call.args.as_slice() {
            [Arg::Path(path)] if names(path, &["purchase"]) => None,
            [Arg::Path(path), Arg::Duration(window)] if names(path, &["purchase"]) => Some(*window),
            _ => {
                let name = &call.name;
                return Err(format!("write {name}(purchase) or {name}(purchase, 30d)"));
            }
        };
        Self { of, window }.checked()
    }

    fn about_amounts(call: &Call, of: fn(Option<Currency>) -> Of) -> Result<Self, String> {
        let amount = ["purchase", "amount"];
        let (code, window) = match call.args.as_slice() {
            [Arg::Path(path)] if names(path, &amount) => (None, None),
            [Arg::Path(path), Arg::Text(code)] if names(path, &amount) => (Some(code), None),
            [Arg::Path(path), Arg::Duration(window)] if names(path, &amount) => {
                (None, Some(*window))
            }
            [Arg::Path(path), Arg::Text(code), Arg::Duration(window)] if names(path, &amount) => {
                (Some(code), Some(*window))
            }
            _ => {
                let name = &call.name;
                return Err(format!(
                    "write {name}(purchase.amount), with a currency such as \"CNY\" and a window \
                     such as 30d after it where they are wanted"
                ));
            }
        };
        let currency = match code {
            None => None,
            Some(code) => Some(Currency::parse(code).ok_or_else(|| {
                "a currency is an ISO 4217 code of three capital letters, such as \"CNY\""
                    .to_owned()
            })?),
        };
        Self {
            of: of(currency),
            window,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, String> {
        if self.window.is_some_and(|window| window.is_zero()) {
            return Err("a window is longer than 0 seconds".to_owned());
        }
        Ok(self)
    }

    pub const fn window(&self) -> Option<Duration> {
        self.window
    }

    pub const fn result_type(&self) -> FieldType {
        match self.of {
            Of::Count => FieldType::Int,
            Of::First | Of::Last => FieldType::Time,
            Of::Sum(_) | Of::Average(_) => FieldType::Decimal,
        }
    }

    /// Whether the result depends on which currency is the tenant's.
    pub const fn uses_tenant_currency(&self) -> bool {
        matches!(self.of, Of::Sum(None) | Of::Average(None))
    }

    /// The value at `at`, with `currency` as the tenant's. Count and sum of nothing are 0; first,
    /// last and average of nothing are missing.
    pub fn value(&self, customer: &Customer, at: Timestamp, currency: Currency) -> Value {
        let only = self.currency(currency);
        let totals = match self.window {
            None => all_time(customer, only),
            Some(window) => relevant(customer, only)
                .filter(|purchase| is_inside(purchase, window, at))
                .map(Totals::of)
                .reduce(Totals::plus),
        };
        match (self.of, totals) {
            (Of::Count, totals) => Value::Int(totals.map_or(0, |totals| totals.count)),
            (Of::Sum(_), totals) => Value::Decimal(totals.map_or(0, |totals| totals.sum)),
            (Of::Average(_), Some(totals)) => totals.average().map_or(Value::Null, Value::Decimal),
            (Of::First, Some(totals)) => Value::Time(totals.first),
            (Of::Last, Some(totals)) => Value::Time(totals.last),
            (Of::Average(_) | Of::First | Of::Last, None) => Value::Null,
        }
    }

    /// The first instant after `at` at which the value can change although nothing happens: a
    /// purchase leaves the window, or one that is dated in the future occurs.
    pub fn next_change(
        &self,
        customer: &Customer,
        at: Timestamp,
        currency: Currency,
    ) -> Option<Timestamp> {
        let window = self.window?;
        relevant(customer, self.currency(currency))
            .filter_map(|purchase| {
                let occurs = purchase.occur_time;
                let leaves = occurs.plus(window);
                if occurs > at {
                    Some(occurs)
                } else {
                    (leaves > at).then_some(leaves)
                }
            })
            .min()
    }

    /// The currency that counts; `None` where no money is added.
    fn currency(&self, tenant: Currency) -> Option<Currency> {
        match self.of {
            Of::Sum(named) | Of::Average(named) => Some(named.unwrap_or(tenant)),
            Of::Count | Of::First | Of::Last => None,
        }
    }
}

fn names(path: &[String], expected: &[&str]) -> bool {
    path.iter().map(String::as_str).eq(expected.iter().copied())
}

fn all_time(customer: &Customer, only: Option<Currency>) -> Option<Totals> {
    match only {
        Some(currency) => customer.totals.get(&currency).copied(),
        None => customer.totals.values().copied().reduce(Totals::plus),
    }
}

fn relevant(customer: &Customer, only: Option<Currency>) -> impl Iterator<Item = &Purchase> {
    customer
        .purchases
        .iter()
        .filter(move |purchase| only.is_none_or(|currency| purchase.amount.currency == currency))
}

/// A purchase is in a window from the instant it occurs until, and not at, the window's length
/// later.
fn is_inside(purchase: &Purchase, window: Duration, at: Timestamp) -> bool {
    purchase.occur_time <= at && at < purchase.occur_time.plus(window)
}
