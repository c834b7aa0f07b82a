//! Small values: dates, instants, attribute values.

use dossier_kernel::money::parse_decimal_micros;
use dossier_kernel::{Currency, Money, Timestamp};
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1::attribute_value::Kind;
use dossier_proto::profile::v1::{AttributeValue as Wire, StringList};

use crate::domain::{AttributeValue, Date, Violations};

pub fn encode_time(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.to_secs_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// Errors are the words of a violation.
pub fn decode_time(time: prost_types::Timestamp) -> Result<Timestamp, &'static str> {
    Timestamp::from_secs_nanos(time.seconds, time.nanos)
        .ok_or("must be an instant of the years 1 to 9999")
}

/// An instant of a request, where there is one; `problems` names one that is none.
pub fn time_in(
    field: &str,
    time: Option<prost_types::Timestamp>,
    problems: &mut Violations,
) -> Option<Timestamp> {
    let words = |words| problems.add_to_request(field, words);
    decode_time(time?).map_err(words).ok()
}

pub fn encode_date(date: Date) -> common::Date {
    let (year, month, day) = date.to_year_month_day();
    common::Date { year, month, day }
}

/// Errors are the words of a violation.
pub fn decode_date(date: common::Date) -> Result<Date, &'static str> {
    let common::Date { year, month, day } = date;
    Date::from_year_month_day(year, month, day).ok_or("must be a date that exists")
}

pub fn encode_attribute(value: AttributeValue) -> Wire {
    let kind = match value {
        AttributeValue::String(text) => Kind::StringValue(text),
        AttributeValue::Int(number) => Kind::IntValue(number),
        AttributeValue::Decimal(micros) => Kind::DecimalValue(encode_decimal(micros)),
        AttributeValue::Bool(flag) => Kind::BoolValue(flag),
        AttributeValue::Date(date) => Kind::DateValue(encode_date(date)),
        AttributeValue::Time(time) => Kind::TimeValue(encode_time(time)),
        AttributeValue::Money(money) => {
            let (units, nanos) = money.to_units_nanos();
            let currency_code = money.currency.as_str().to_owned();
            Kind::MoneyValue(common::Money {
                currency_code,
                units,
                nanos,
            })
        }
        AttributeValue::StringList(values) => Kind::ListValue(StringList { values }),
    };
    Wire { kind: Some(kind) }
}

/// `None` for a value without a kind. Errors are the words of a violation.
pub fn decode_attribute(value: Wire) -> Result<Option<AttributeValue>, String> {
    let Wire { kind } = value;
    Ok(Some(match kind {
        None => return Ok(None),
        Some(Kind::StringValue(text)) => AttributeValue::String(text),
        Some(Kind::IntValue(number)) => AttributeValue::Int(number),
        Some(Kind::DecimalValue(text)) => AttributeValue::Decimal(decode_decimal(&text)?),
        Some(Kind::BoolValue(flag)) => AttributeValue::Bool(flag),
        Some(Kind::DateValue(date)) => AttributeValue::Date(decode_date(date)?),
        Some(Kind::TimeValue(time)) => AttributeValue::Time(decode_time(time)?),
        Some(Kind::MoneyValue(money)) => AttributeValue::Money(decode_money(money)?),
        Some(Kind::ListValue(StringList { values })) => AttributeValue::StringList(values),
    }))
}

/// Millionths as a decimal, without zeros at the end.
pub fn encode_decimal(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, fraction) = (
        micros.unsigned_abs() / 1_000_000,
        micros.unsigned_abs() % 1_000_000,
    );
    let text = format!("{sign}{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Errors are the words of a violation.
pub fn decode_decimal(text: &str) -> Result<i64, &'static str> {
    parse_decimal_micros(text).ok_or("must be a decimal with at most six places, such as 12.5")
}

fn decode_money(money: common::Money) -> Result<Money, String> {
    let common::Money {
        currency_code,
        units,
        nanos,
    } = money;
    let currency = Currency::parse(&currency_code)
        .ok_or("must have a currency_code of three capital letters, such as CNY")?;
    Money::from_units_nanos(units, nanos, currency).map_err(|error| error.to_string())
}

/// As the contract counts.
pub fn encode_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_have_no_zeros_at_the_end() {
        for (micros, text) in [
            (0, "0"),
            (12_500_000, "12.5"),
            (-1, "-0.000001"),
            (100_000_000, "100"),
        ] {
            assert_eq!(encode_decimal(micros), text);
        }
    }

    fn any_value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            any::<String>().prop_map(AttributeValue::String),
            any::<i64>().prop_map(AttributeValue::Int),
            (i64::MIN + 1..).prop_map(AttributeValue::Decimal),
            any::<bool>().prop_map(AttributeValue::Bool),
            (-700_000..2_900_000_i32).prop_filter_map("a date", |days| Date::from_days(days)
                .map(AttributeValue::Date)),
            (-60_000_000_000..250_000_000_000_i64)
                .prop_map(|secs| AttributeValue::Time(Timestamp::from_secs(secs))),
            any::<i64>()
                .prop_map(|micros| AttributeValue::Money(Money::new(micros, Currency::USD))),
            proptest::collection::vec(any::<String>(), 0..4).prop_map(AttributeValue::StringList),
        ]
    }

    proptest! {
        #[test]
        fn attribute_values_round_trip(value in any_value()) {
            prop_assert_eq!(decode_attribute(encode_attribute(value.clone())), Ok(Some(value)));
        }
    }
}
