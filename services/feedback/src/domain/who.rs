//! Whom a call is about, as a caller may say it.

use dossier_kernel::{CustomerId, Pii};

/// A customer by name or by an identifier that profile resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Customer(CustomerId),
    Key(CustomerKey),
}

/// An identifier by which a customer is known. Not normalised or checked: profile does both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerKey {
    Email(Pii<String>),
    Phone {
        number: Pii<String>,
        region_code: String,
    },
    ExternalId {
        namespace: String,
        value: Pii<String>,
    },
}
