//! Exact money: an integer of micros and an ISO 4217 code. Never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ISO 4217 alphabetic code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Self = Self(*b"USD");

    /// `None` unless `code` is three capital ASCII letters.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        // Only capital ASCII letters get in.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl TryFrom<String> for Currency {
    type Error = &'static str;
    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::parse(&code).ok_or("a currency code has three capital letters")
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount: millionths of the currency's unit. Range ± 9.2 × 10¹² units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub micros: i64,
    pub currency: Currency,
}

/// Why a pair of units and nanos (`google.type.Money`) is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("nanos must lie between -999,999,999 and 999,999,999")]
    NanosOutOfRange,
    #[error("units and nanos must have the same sign")]
    MixedSigns,
    #[error("amounts finer than one millionth are not kept; nanos must be a multiple of 1,000")]
    TooFine,
    #[error("the amount is larger than 9.2 × 10¹² units")]
    TooLarge,
}

impl Money {
    pub const fn new(micros: i64, currency: Currency) -> Self {
        Self { micros, currency }
    }

    pub fn from_units_nanos(
        units: i64,
        nanos: i32,
        currency: Currency,
    ) -> Result<Self, MoneyError> {
        if !(-999_999_999..=999_999_999).contains(&nanos) {
            return Err(MoneyError::NanosOutOfRange);
        }
        if (units > 0 && nanos < 0) || (units < 0 && nanos > 0) {
            return Err(MoneyError::MixedSigns);
        }
        if nanos % 1_000 != 0 {
            return Err(MoneyError::TooFine);
        }
        let micros = units
            .checked_mul(1_000_000)
            .and_then(|m| m.checked_add(i64::from(nanos / 1_000)))
            .ok_or(MoneyError::TooLarge)?;
        Ok(Self { micros, currency })
    }

    pub const fn to_units_nanos(self) -> (i64, i32) {
        (
            self.micros / 1_000_000,
            (self.micros % 1_000_000) as i32 * 1_000,
        )
    }

    /// Reads a decimal such as `29.33`; `None` when it has more than six decimals or is no number.
    pub fn parse_decimal(text: &str, currency: Currency) -> Option<Self> {
        parse_decimal_micros(text).map(|micros| Self { micros, currency })
    }
}

/// Reads a decimal of at most six places into millionths.
pub fn parse_decimal_micros(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || fraction.len() > 6 || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    if !whole
        .bytes()
        .chain(fraction.bytes())
        .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let units: i64 = whole.parse().ok()?;
    let padded = format!("{fraction:0<6}");
    let micros = units
        .checked_mul(1_000_000)?
        .checked_add(padded.parse().ok()?)?;
    Some(if negative { -micros } else { micros })
}

/// The amount with at least two decimals, then the code: `29.33 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let magnitude = self.micros.unsigned_abs();
        let fraction = format!("{:06}", magnitude % 1_000_000);
        let shown = fraction.trim_end_matches('0');
        let width = shown.len().max(2);
        write!(
            f,
            "{sign}{}.{} {}",
            magnitude / 1_000_000,
            &fraction[..width],
            self.currency
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_nanos_round_trip_with_their_sign() {
        for micros in [0, 1, -1, 29_330_000, -29_330_000, i64::MAX, i64::MIN] {
            let money = Money::new(micros, Currency::USD);
            let (units, nanos) = money.to_units_nanos();
            assert_eq!(
                Money::from_units_nanos(units, nanos, Currency::USD),
                Ok(money)
            );
        }
    }

    #[test]
    fn bad_pairs_are_refused_with_the_cause() {
        let read = |units, nanos| Money::from_units_nanos(units, nanos, Currency::USD);
        assert_eq!(read(1, -1_000), Err(MoneyError::MixedSigns));
        assert_eq!(read(1, 1_000_000_000), Err(MoneyError::NanosOutOfRange));
        assert_eq!(read(1, 1), Err(MoneyError::TooFine));
        assert_eq!(read(i64::MAX, 0), Err(MoneyError::TooLarge));
    }

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        let read = |text| Money::parse_decimal(text, Currency::USD).map(|m| m.micros);
        assert_eq!(read("29.33"), Some(29_330_000));
        assert_eq!(read("-0.5"), Some(-500_000));
        assert_eq!(read("7"), Some(7_000_000));
        for bad in [
            "",
            ".",
            "1.",
            "1.1234567",
            "1e3",
            "--1",
            "1,000",
            "99999999999999999999",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(
            Money::new(-29_330_000, Currency::USD).to_string(),
            "-29.33 USD"
        );
        assert_eq!(Money::new(1_000, Currency::USD).to_string(), "0.001 USD");
    }
}
