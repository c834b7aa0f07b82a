//! Totals over the tenant's live customers, in the tenant's currency.

use dossier_kernel::{Currency, Money, Timestamp};

use super::{Scheme, ValueClass};

/// A live customer with at least one purchase in the tenant's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buyer {
    pub purchase_count: i64,
    /// Micros.
    pub purchase_total: i64,
    pub last_purchase_time: Timestamp,
}

/// One quadrant of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixCell {
    pub class: ValueClass,
    pub customer_count: i64,
    /// Micros.
    pub purchase_total: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchases {
    pub customer_count: i64,
    pub buyer_count: i64,
    pub repeat_buyer_count: i64,
    pub purchase_count: i64,
    pub purchase_total: Money,
    /// Rounded half to even to the cent.
    pub average_order_value: Option<Money>,
    /// Millionths, rounded down.
    pub repeat_purchase_rate_ppm: i32,
    pub other_currency_purchase_count: i64,
}

/// All four quadrants. `customer_count` live customers are in them; those that bought nothing are
/// ordinary.
pub fn matrix(scheme: &Scheme, customer_count: i64, buyers: &[Buyer]) -> [MatrixCell; 4] {
    let mut cells = ValueClass::ALL.map(|class| MatrixCell {
        class,
        customer_count: 0,
        purchase_total: 0,
    });
    let mut add = |class: ValueClass, customers: i64, total: i64| {
        for cell in cells.iter_mut().filter(|cell| cell.class == class) {
            cell.customer_count += customers;
            cell.purchase_total = cell.purchase_total.saturating_add(total);
        }
    };
    for buyer in buyers {
        let class = scheme.classify(buyer.purchase_count, buyer.purchase_total);
        add(class, 1, buyer.purchase_total);
    }
    add(
        scheme.classify(0, 0),
        customer_count - count(buyers.len()),
        0,
    );
    cells
}

pub fn purchases(
    currency: Currency,
    customer_count: i64,
    buyers: &[Buyer],
    other_currency_purchase_count: i64,
) -> Purchases {
    let repeat_buyers = buyers.iter().filter(|buyer| buyer.purchase_count >= 2);
    let repeat_buyer_count = count(repeat_buyers.count());
    let purchase_count = buyers.iter().map(|buyer| buyer.purchase_count).sum();
    let total = buyers
        .iter()
        .fold(0_i64, |sum, buyer| sum.saturating_add(buyer.purchase_total));
    let rate = (repeat_buyer_count * 1_000_000)
        .checked_div(count(buyers.len()))
        .unwrap_or(0);
    Purchases {
        customer_count,
        buyer_count: count(buyers.len()),
        repeat_buyer_count,
        purchase_count,
        purchase_total: Money::new(total, currency),
        average_order_value: average_to_the_cent(total, purchase_count)
            .map(|micros| Money::new(micros, currency)),
        repeat_purchase_rate_ppm: i32::try_from(rate).unwrap_or(i32::MAX),
        other_currency_purchase_count,
    }
}

fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// `total / count` in micros, rounded half to even to hundredths; `None` for a count of 0.
fn average_to_the_cent(total_micros: i64, count: i64) -> Option<i64> {
    const MICROS_PER_CENT: i128 = 10_000;
    let divisor = i128::from(count) * MICROS_PER_CENT;
    if divisor <= 0 {
        return None;
    }
    let total = i128::from(total_micros);
    let (cents, rest) = (total.div_euclid(divisor), total.rem_euclid(divisor));
    let up = match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => cents & 1,
        std::cmp::Ordering::Greater => 1,
    };
    i64::try_from((cents + up) * MICROS_PER_CENT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(count: i64, units: i64) -> Buyer {
        Buyer {
            purchase_count: count,
            purchase_total: units * 1_000_000,
            last_purchase_time: Timestamp(0),
        }
    }

    #[test]
    fn averages_are_rounded_half_to_even() {
        assert_eq!(
            average_to_the_cent(244_091_940_000, 6_919),
            Some(35_280_000)
        );
        assert_eq!(average_to_the_cent(5_000, 1), Some(0));
        assert_eq!(average_to_the_cent(15_000, 1), Some(20_000));
        assert_eq!(average_to_the_cent(25_000, 1), Some(20_000));
        assert_eq!(average_to_the_cent(25_001, 1), Some(30_000));
        assert_eq!(average_to_the_cent(0, 0), None);
    }

    #[test]
    fn the_matrix_holds_every_customer_once() {
        let buyers = [buyer(3, 100), buyer(1, 500), buyer(9, 20), buyer(1, 5)];
        let cells = matrix(&Scheme::default(), 6, &buyers);
        let shape = cells.map(|cell| (cell.class, cell.customer_count, cell.purchase_total));
        assert_eq!(
            shape,
            [
                (ValueClass::HighValue, 1, 100_000_000),
                (ValueClass::Potential, 1, 500_000_000),
                (ValueClass::Growing, 1, 20_000_000),
                (ValueClass::Ordinary, 3, 5_000_000),
            ]
        );
    }

    #[test]
    fn rates_and_totals_leave_non_buyers_out() {
        let report = purchases(Currency::USD, 10, &[buyer(2, 30), buyer(1, 15)], 4);
        assert_eq!(report.repeat_purchase_rate_ppm, 500_000);
        assert_eq!(report.purchase_count, 3);
        assert_eq!(
            report.average_order_value,
            Some(Money::new(15_000_000, Currency::USD))
        );
        let nobody = purchases(Currency::USD, 10, &[], 0);
        assert_eq!(
            (nobody.average_order_value, nobody.repeat_purchase_rate_ppm),
            (None, 0)
        );
    }
}
