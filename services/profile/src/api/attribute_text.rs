//! Values of attributes as texts of files, whose definitions say what text it is.

use dossier_kernel::{Currency, Money, Timestamp};
use dossier_tabular::list;

use super::value::{decode_decimal, encode_decimal, encode_time};
use crate::domain::{AttributeType, AttributeValue, Date};

/// Errors are the words of a violation.
pub fn read(kind: AttributeType, text: &str) -> Result<AttributeValue, &'static str> {
    let word = text.trim();
    Ok(match kind {
        AttributeType::String | AttributeType::Enum => AttributeValue::String(text.to_owned()),
        AttributeType::Int => AttributeValue::Int(
            word.parse()
                .map_err(|_| "must be a whole number of 64 bits")?,
        ),
        AttributeType::Decimal => AttributeValue::Decimal(decode_decimal(word)?),
        AttributeType::Bool => match word.to_ascii_lowercase().as_str() {
            "true" => AttributeValue::Bool(true),
            "false" => AttributeValue::Bool(false),
            _ => return Err("must be true or false"),
        },
        AttributeType::Date => {
            AttributeValue::Date(Date::parse(word).ok_or("must be a date such as 1990-01-31")?)
        }
        AttributeType::Time => AttributeValue::Time(
            Timestamp::parse(word).ok_or("must be an instant such as 2026-01-31T10:00:00Z")?,
        ),
        AttributeType::Money => {
            let money = word.split_once(' ').and_then(|(amount, code)| {
                Money::parse_decimal(amount, Currency::parse(code.trim())?)
            });
            AttributeValue::Money(
                money.ok_or("must be an amount with its currency, such as 12.50 CNY")?,
            )
        }
        AttributeType::StringList => AttributeValue::StringList(list::read(text)),
    })
}

/// A text that [`read`] reads as `value`.
pub fn write(value: AttributeValue) -> String {
    match value {
        AttributeValue::String(text) => text,
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::Decimal(micros) => encode_decimal(micros),
        AttributeValue::Date(date) => date.to_string(),
        AttributeValue::Time(time) => encode_time(time).to_string(),
        AttributeValue::Money(money) => money.to_string(),
        AttributeValue::StringList(texts) => list::write(texts.iter().map(String::as_str)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_become_values_of_their_definitions_type() {
        let money = Money::new(12_500_000, Currency::parse("CNY").expect("a code"));
        assert_eq!(
            read(AttributeType::Money, "12.50 CNY"),
            Ok(AttributeValue::Money(money))
        );
        assert_eq!(
            read(AttributeType::Decimal, "1.5"),
            Ok(AttributeValue::Decimal(1_500_000))
        );
        assert!(read(AttributeType::Money, "12.50").is_err());
        assert!(read(AttributeType::Int, "1.5").is_err());
    }

    fn any_value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            any::<String>().prop_map(AttributeValue::String),
            any::<i64>().prop_map(AttributeValue::Int),
            (i64::MIN + 1..).prop_map(AttributeValue::Decimal),
            any::<bool>().prop_map(AttributeValue::Bool),
            (-700_000..2_900_000_i32).prop_filter_map("a date", |days| Date::from_days(days)
                .map(AttributeValue::Date)),
            (-60_000_000_000_000_000..250_000_000_000_000_000_i64)
                .prop_map(|micros| AttributeValue::Time(Timestamp::from_micros(micros))),
            (i64::MIN + 1..)
                .prop_map(|micros| AttributeValue::Money(Money::new(micros, Currency::USD))),
            proptest::collection::vec(any::<String>(), 0..4).prop_map(AttributeValue::StringList),
        ]
    }

    proptest! {
        #[test]
        fn texts_of_values_are_read_as_the_values(value in any_value()) {
            prop_assert_eq!(read(value.kind(), &write(value.clone())), Ok(value));
        }
    }
}
