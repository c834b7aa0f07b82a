//! Where the frequency × amount matrix cuts. Thresholds are data of the tenant.

use dossier_kernel::{Currency, Error, Money, Timestamp, Violation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Counts the writes; 0 while the defaults hold.
    pub revision: i64,
    pub update_time: Option<Timestamp>,
    /// So many purchases or more are frequent.
    pub purchase_count_min: i64,
    /// So much or more is a high amount. Its currency is the tenant's.
    pub amount_min: Money,
}

/// New values; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemePatch {
    pub purchase_count_min: Option<i64>,
    pub amount_min: Option<Money>,
    pub currency: Option<Currency>,
}

impl SchemePatch {
    /// The contract's names of what it changes.
    pub fn fields(&self) -> Vec<&'static str> {
        let Self {
            purchase_count_min,
            amount_min,
            currency,
        } = self;
        let named = [
            ("purchase_count_min", purchase_count_min.is_some()),
            ("amount_min", amount_min.is_some()),
            ("currency_code", currency.is_some()),
        ];
        let named = named.into_iter().filter(|(_, changed)| *changed);
        named.map(|(name, _)| name).collect()
    }
}

/// A quadrant of frequency × amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueClass {
    /// 高价值: often and much.
    HighValue,
    /// 潜在: seldom but much.
    Potential,
    /// 成长: often but little.
    Growing,
    /// 普通: seldom and little.
    Ordinary,
}

impl ValueClass {
    pub const ALL: [Self; 4] = [
        Self::HighValue,
        Self::Potential,
        Self::Growing,
        Self::Ordinary,
    ];
}

impl Default for Scheme {
    /// 3 purchases, 100 USD.
    fn default() -> Self {
        Self {
            revision: 0,
            update_time: None,
            purchase_count_min: 3,
            amount_min: Money::new(100_000_000, Currency::USD),
        }
    }
}

impl Scheme {
    /// Its resource name: every tenant has one.
    pub const NAME: &'static str = "valueScheme";

    /// The tenant's currency, for aggregates that name none.
    pub const fn currency(&self) -> Currency {
        self.amount_min.currency
    }

    pub const fn classify(&self, purchase_count: i64, purchase_total_micros: i64) -> ValueClass {
        let often = purchase_count >= self.purchase_count_min;
        let much = purchase_total_micros >= self.amount_min.micros;
        match (often, much) {
            (true, true) => ValueClass::HighValue,
            (false, true) => ValueClass::Potential,
            (true, false) => ValueClass::Growing,
            (false, false) => ValueClass::Ordinary,
        }
    }

    /// The scheme after the patch. The currency and that of the amount must agree, so that changing
    /// one takes both.
    pub fn patched(self, patch: SchemePatch, at: Timestamp) -> Result<Self, Error> {
        let SchemePatch {
            purchase_count_min,
            amount_min,
            currency,
        } = patch;
        let next = Self {
            revision: self.revision + 1,
            update_time: Some(at),
            purchase_count_min: purchase_count_min.unwrap_or(self.purchase_count_min),
            amount_min: amount_min.unwrap_or(self.amount_min),
        };
        let mut violations = Vec::new();
        let mut refuse = |field: &str, words: &str| {
            violations.push(Violation::new(format!("value_scheme.{field}"), words));
        };
        if next.purchase_count_min < 1 {
            refuse("purchase_count_min", "must be at least 1");
        }
        if next.amount_min.micros < 1 {
            refuse("amount_min", "must be more than 0");
        }
        if currency.unwrap_or(self.currency()) != next.currency() {
            let words = "must equal the currency of amount_min; change both in one call";
            refuse("currency_code", words);
        }
        if violations.is_empty() {
            Ok(next)
        } else {
            Err(Error::invalid(violations))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_thresholds_belong_to_the_high_side() {
        let scheme = Scheme::default();
        assert_eq!(scheme.classify(3, 100_000_000), ValueClass::HighValue);
        assert_eq!(scheme.classify(2, 100_000_000), ValueClass::Potential);
        assert_eq!(scheme.classify(3, 99_999_999), ValueClass::Growing);
        assert_eq!(scheme.classify(2, 99_999_999), ValueClass::Ordinary);
        assert_eq!(scheme.classify(0, 0), ValueClass::Ordinary);
    }

    #[test]
    fn the_currency_changes_only_together_with_the_amount() {
        let cny = Currency::parse("CNY").expect("a code");
        let at = Timestamp(1);
        let alone = SchemePatch {
            currency: Some(cny),
            ..SchemePatch::default()
        };
        let error = Scheme::default()
            .patched(alone, at)
            .expect_err("the amount is in USD");
        assert_eq!(error.violations()[0].field, "value_scheme.currency_code");
        let amount_alone = SchemePatch {
            amount_min: Some(Money::new(1, cny)),
            ..SchemePatch::default()
        };
        assert!(Scheme::default().patched(amount_alone, at).is_err());
        let both = SchemePatch {
            currency: Some(cny),
            ..amount_alone
        };
        let changed = Scheme::default().patched(both, at).expect("both change");
        assert_eq!((changed.currency(), changed.revision), (cny, 1));
    }

    #[test]
    fn thresholds_that_cut_nothing_are_refused() {
        let patch = SchemePatch {
            purchase_count_min: Some(0),
            amount_min: Some(Money::new(0, Currency::USD)),
            currency: None,
        };
        let error = Scheme::default()
            .patched(patch, Timestamp(1))
            .expect_err("both are wrong");
        assert_eq!(error.violations().len(), 2);
    }
}
