//! Enumerations: the contract's to the domain's and back.

use dossier_proto::profile::v1 as wire;
use prost::UnknownEnumValue;

use crate::domain::{ContactPointType, CustomerType, Gender, IndustryScheme};

pub const fn encode_type(kind: CustomerType) -> wire::CustomerType {
    match kind {
        CustomerType::Person => wire::CustomerType::Person,
        CustomerType::Organization => wire::CustomerType::Organization,
    }
}

/// `None` where it is not said. Fails where the number says nothing.
pub fn decode_type(number: i32) -> Result<Option<CustomerType>, UnknownEnumValue> {
    Ok(match wire::CustomerType::try_from(number)? {
        wire::CustomerType::Unspecified => None,
        wire::CustomerType::Person => Some(CustomerType::Person),
        wire::CustomerType::Organization => Some(CustomerType::Organization),
    })
}

pub const fn encode_gender(gender: Option<Gender>) -> wire::Gender {
    match gender {
        None => wire::Gender::Unspecified,
        Some(Gender::Female) => wire::Gender::Female,
        Some(Gender::Male) => wire::Gender::Male,
        Some(Gender::Other) => wire::Gender::Other,
    }
}

/// `None` where it is not said. Fails where the number says nothing.
pub fn decode_gender(number: i32) -> Result<Option<Gender>, UnknownEnumValue> {
    Ok(match wire::Gender::try_from(number)? {
        wire::Gender::Unspecified => None,
        wire::Gender::Female => Some(Gender::Female),
        wire::Gender::Male => Some(Gender::Male),
        wire::Gender::Other => Some(Gender::Other),
    })
}

pub const fn encode_contact_point_type(kind: ContactPointType) -> wire::ContactPointType {
    match kind {
        ContactPointType::Email => wire::ContactPointType::Email,
        ContactPointType::Phone => wire::ContactPointType::Phone,
    }
}

/// `None` where the number says nothing: every point has a type.
pub fn decode_contact_point_type(number: i32) -> Option<ContactPointType> {
    match wire::ContactPointType::try_from(number).ok()? {
        wire::ContactPointType::Unspecified => None,
        wire::ContactPointType::Email => Some(ContactPointType::Email),
        wire::ContactPointType::Phone => Some(ContactPointType::Phone),
    }
}

pub const fn encode_scheme(scheme: IndustryScheme) -> wire::IndustryScheme {
    match scheme {
        IndustryScheme::IsicRev4 => wire::IndustryScheme::IsicRev4,
    }
}

/// `None` where the number says nothing: every industry is of a scheme.
pub fn decode_scheme(number: i32) -> Option<IndustryScheme> {
    match wire::IndustryScheme::try_from(number).ok()? {
        wire::IndustryScheme::Unspecified => None,
        wire::IndustryScheme::IsicRev4 => Some(IndustryScheme::IsicRev4),
    }
}
