//! Purchases: facts that never change, and sums over all of them.

use dossier_kernel::{Money, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    pub occur_time: Timestamp,
    /// Not negative.
    pub amount: Money,
}

/// All purchases of a customer in one currency. The order in which they are added makes no
/// difference, so late and out-of-order events give the same totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    pub count: i64,
    /// Micros. Stays at the largest amount there is instead of overflowing.
    pub sum: i64,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Totals {
    pub const fn of(purchase: &Purchase) -> Self {
        Self {
            count: 1,
            sum: purchase.amount.micros,
            first: purchase.occur_time,
            last: purchase.occur_time,
        }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// The mean amount in micros, rounded down.
    pub fn average(self) -> Option<i64> {
        self.sum.checked_div_euclid(self.count)
    }
}
