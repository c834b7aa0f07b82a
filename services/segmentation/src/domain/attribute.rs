//! The tenant's own fields, as far as rules may look at them.

use std::collections::BTreeMap;

use dossier_filter::{FieldType, Value};
use dossier_kernel::{Currency, Money, Timestamp};

/// The types of the tenant's attributes by their id; those of classes NONE and QUASI only, because
/// nothing more personal reaches this service.
pub type Attributes = BTreeMap<String, AttributeType>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeType {
    String,
    /// One of these.
    Enum(Vec<String>),
    Int,
    Decimal,
    Bool,
    Date,
    Time,
    /// Compared as a decimal in the tenant's currency.
    Money,
    StringList,
}

impl AttributeType {
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::String => FieldType::String,
            Self::Enum(choices) => FieldType::Enum(choices.clone()),
            Self::Int => FieldType::Int,
            Self::Decimal | Self::Money => FieldType::Decimal,
            Self::Bool => FieldType::Bool,
            Self::Date => FieldType::Date,
            Self::Time => FieldType::Time,
            Self::StringList => FieldType::StringSet,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Also the choice of an enum.
    String(String),
    Int(i64),
    /// Millionths.
    Decimal(i64),
    Bool(bool),
    /// Days since 1970-01-01.
    Date(i32),
    Time(Timestamp),
    Money(Money),
    StringList(Vec<String>),
}

impl AttributeValue {
    /// The value as a rule sees it. An amount in another currency than the tenant's is missing: it
    /// is neither more nor less than any amount in the tenant's.
    pub fn to_filter_value(&self, currency: Currency) -> Value {
        match self {
            Self::String(text) => Value::String(text.clone()),
            Self::Int(number) => Value::Int(*number),
            Self::Decimal(micros) => Value::Decimal(*micros),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Date(days) => Value::Date(*days),
            Self::Time(at) => Value::Time(*at),
            Self::Money(money) if money.currency == currency => Value::Decimal(money.micros),
            Self::Money(_) => Value::Null,
            Self::StringList(texts) => Value::Set(texts.clone()),
        }
    }
}
