//! A purchase: exact money, and lines that add up to it.

use dossier_kernel::Money;

use super::Violations;

/// How many lines a purchase may have.
pub const LINES_MAX: usize = 500;
const ID_CHARS_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// What was paid in total.
    pub amount: Money,
    /// The order's number in the source; empty when there is none.
    pub order_id: String,
    /// How many pieces in all; 0 when the lines say so or nobody knows.
    pub quantity: i32,
    pub lines: Vec<PurchaseLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseLine {
    pub product_id: String,
    pub quantity: i32,
    /// What was paid for the line.
    pub amount: Money,
    /// Empty when there is none.
    pub category: String,
}

impl Purchase {
    /// `amounts_read` is false when an amount could not be read at all and was reported as such;
    /// the amounts are then not judged against each other.
    pub fn check(&self, amounts_read: bool, violations: &mut Violations) {
        violations.label(
            "interaction.purchase.order_id",
            &self.order_id,
            ID_CHARS_MAX,
        );
        violations.not_negative("interaction.purchase.quantity", self.quantity);
        if self.lines.len() > LINES_MAX {
            violations.add("interaction.purchase.lines", "must be at most 500 lines");
            return;
        }
        if amounts_read {
            self.check_amounts(violations);
        }
        for (index, line) in self.lines.iter().enumerate() {
            line.check(index, violations);
        }
    }

    fn check_amounts(&self, violations: &mut Violations) {
        if self.amount.micros < 0 {
            violations.add("interaction.purchase.amount", "must not be negative");
        }
        let mut same_currency = true;
        for (index, line) in self.lines.iter().enumerate() {
            let field = || format!("interaction.purchase.lines[{index}].amount");
            if line.amount.micros < 0 {
                violations.add(field(), "must not be negative");
            }
            if line.amount.currency != self.amount.currency {
                same_currency = false;
                violations.add(
                    field() + ".currency_code",
                    "must be the currency of the purchase's amount",
                );
            }
        }
        let sum: i128 = self
            .lines
            .iter()
            .map(|line| i128::from(line.amount.micros))
            .sum();
        if same_currency && !self.lines.is_empty() && sum != i128::from(self.amount.micros) {
            violations.add(
                "interaction.purchase.amount",
                "must equal the sum of the lines' amounts exactly",
            );
        }
    }
}

impl PurchaseLine {
    fn check(&self, index: usize, violations: &mut Violations) {
        let mut found = Violations::default();
        found.required_label("product_id", &self.product_id, ID_CHARS_MAX);
        found.label("category", &self.category, ID_CHARS_MAX);
        if self.quantity < 1 {
            found.add("quantity", "must be at least 1");
        }
        if !found.is_empty() {
            violations.append(found.under(&format!("interaction.purchase.lines[{index}]")));
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    fn line(micros: i64) -> PurchaseLine {
        PurchaseLine {
            product_id: "cd-1".into(),
            quantity: 1,
            amount: Money::new(micros, Currency::USD),
            category: String::new(),
        }
    }

    fn purchase(micros: i64, lines: Vec<PurchaseLine>) -> Purchase {
        let amount = Money::new(micros, Currency::USD);
        Purchase {
            amount,
            order_id: String::new(),
            quantity: 0,
            lines,
        }
    }

    fn fields(purchase: &Purchase) -> Vec<String> {
        let mut violations = Violations::default();
        purchase.check(true, &mut violations);
        match violations.into_result() {
            Ok(()) => Vec::new(),
            Err(error) => error.violations().iter().map(|v| v.field.clone()).collect(),
        }
    }

    proptest! {
        #[test]
        fn lines_that_add_up_are_accepted_and_others_refused(
            amounts in proptest::collection::vec(0..=i64::MAX / 600, 1..20),
            off in prop_oneof![Just(0_i64), -5_i64..=5],
        ) {
            let sum: i64 = amounts.iter().sum();
            let lines = amounts.into_iter().map(line).collect();
            let wrong = fields(&purchase(sum.saturating_add(off), lines));
            prop_assert_eq!(wrong.is_empty(), off == 0);
        }
    }

    #[test]
    fn a_sum_beyond_64_bits_is_no_equality_by_overflow() {
        let lines = vec![line(i64::MAX), line(i64::MAX), line(2)];
        assert_eq!(fields(&purchase(0, lines)), ["interaction.purchase.amount"]);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut euro = line(-1);
        euro.amount.currency = Currency::parse("EUR").expect("a code");
        euro.product_id.clear();
        euro.quantity = 0;
        let mut wrong = purchase(-5, vec![euro]);
        wrong.quantity = -1;
        wrong.order_id = "x".repeat(129);
        assert_eq!(
            fields(&wrong),
            [
                "interaction.purchase.order_id",
                "interaction.purchase.quantity",
                "interaction.purchase.amount",
                "interaction.purchase.lines[0].amount",
                "interaction.purchase.lines[0].amount.currency_code",
                "interaction.purchase.lines[0].product_id",
                "interaction.purchase.lines[0].quantity",
            ]
        );
    }

    #[test]
    fn more_than_500_lines_are_refused_once() {
        let lines = vec![line(1); LINES_MAX + 1];
        assert_eq!(
            fields(&purchase(501, lines)),
            ["interaction.purchase.lines"]
        );
    }
}
