//! What cannot be done.

use crate::schema::MAX_FIELDS;

/// What is wrong with a schema, or with what it is used for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Patterns are packed into 128 bits.
    #[error("{count} fields, exchanged ones counted twice, are more than {MAX_FIELDS}")]
    TooManyFields {
        /// As counted.
        count: usize,
    },
    /// A name that no field has, or two have.
    #[error("there is not exactly one field {name:?}")]
    NoSuchField {
        /// The name.
        name: String,
    },
    /// Fields can be exchanged when both hold text, and each with one other only.
    #[error("the fields {left:?} and {right:?} cannot be exchanged")]
    NotExchangeable {
        /// One name.
        left: String,
        /// The other.
        right: String,
    },
    /// A model is used on a table that was laid out by another schema.
    #[error("the model was trained for other fields than the table has")]
    OtherSchema,
}
