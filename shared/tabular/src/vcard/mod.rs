//! vCard 3.0 (RFC 2426) and 4.0 (RFC 6350), with districts (RFC 9554), codes of countries (RFC
//! 8605) and parameters of any characters (RFC 6868).

mod address;
mod card;
mod content;
mod reader;
mod writer;

pub use reader::CardReader;
pub use writer::write_card;

/// The namespace of the external id that is a card's UID.
const UID_NAMESPACE: &str = "vcard";
