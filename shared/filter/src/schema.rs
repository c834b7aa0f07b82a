//! What a filter may speak about: fields, functions, and the values they have.

use std::time::Duration;

use dossier_kernel::Timestamp;
use uuid::Uuid;

/// The type of a field or of a function's result; decides the operators and the literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    String,
    Int,
    /// An exact decimal of at most six places, held as an `i64` of millionths.
    Decimal,
    Bool,
    /// One of these names.
    Enum(Vec<String>),
    Time,
    Date,
    StringSet,
    Id,
}

impl FieldType {
    /// How the type is called in error messages.
    pub(crate) const fn describe(&self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Int => "a whole number",
            Self::Decimal => "a decimal number",
            Self::Bool => "true or false",
            Self::Enum(_) => "one of fixed names",
            Self::Time => "a time",
            Self::Date => "a date",
            Self::StringSet => "a set of texts",
            Self::Id => "an id",
        }
    }
}

/// A function call, such as `sum(purchase.amount, "USD", 30d)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    pub name: String,
    pub args: Vec<Arg>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    Path(Vec<String>),
    /// Whole seconds.
    Duration(Duration),
    Text(String),
    /// Millionths.
    Number(i64),
}

/// The fields and functions of one resource.
pub trait Schema {
    /// The type of the field, `None` when there is no such field.
    fn field(&self, path: &[String]) -> Option<FieldType>;

    /// The type of the call's result; `None` when there is no such function; `Some(Err)` says, for
    /// the client, what is wrong with the arguments.
    fn function(&self, call: &Call) -> Option<Result<FieldType, String>> {
        let _ = call;
        None
    }

    /// The names that exist, functions as `count()`, for the error about one that does not.
    fn known(&self) -> Vec<String>;
}

/// A value of a row or of a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Missing. Never a literal.
    Null,
    /// Also the name of an enum.
    String(String),
    Int(i64),
    /// Millionths.
    Decimal(i64),
    Bool(bool),
    Time(Timestamp),
    /// Days since 1970-01-01.
    Date(i32),
    /// Never a literal.
    Set(Vec<String>),
    Id(Uuid),
}
