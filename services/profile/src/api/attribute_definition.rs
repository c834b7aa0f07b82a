//! Attribute definitions as messages.

use dossier_proto::common::v1::DataClass as WireClass;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::AttributeType as WireType;

use super::value::encode_time;
use crate::domain::{AttributeDefinition, AttributeType, DataClass, NewAttributeDefinition};

pub fn encode(definition: AttributeDefinition) -> wire::AttributeDefinition {
    let AttributeDefinition {
        id,
        uid,
        revision,
        create_time,
        update_time,
        kind,
        class,
        display_name,
        description,
        choices,
        deprecated,
    } = definition;
    let kind = match kind {
        AttributeType::String => WireType::String,
        AttributeType::Enum => WireType::Enum,
        AttributeType::Int => WireType::Int,
        AttributeType::Decimal => WireType::Decimal,
        AttributeType::Bool => WireType::Bool,
        AttributeType::Date => WireType::Date,
        AttributeType::Time => WireType::Time,
        AttributeType::Money => WireType::Money,
        AttributeType::StringList => WireType::StringList,
    };
    let class = match class {
        DataClass::None => WireClass::None,
        DataClass::Quasi => WireClass::Quasi,
        DataClass::Direct => WireClass::Direct,
        DataClass::Sensitive => WireClass::Sensitive,
    };
    wire::AttributeDefinition {
        name: format!("attributeDefinitions/{id}"),
        uid: uid.to_string(),
        etag: revision.to_string(),
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        r#type: kind.into(),
        data_class: class.into(),
        display_name,
        description,
        choices,
        deprecated,
    }
}

/// Types and classes that are not known are not stated either.
pub fn decode(id: String, definition: wire::AttributeDefinition) -> NewAttributeDefinition {
    let wire::AttributeDefinition {
        name: _,
        uid: _,
        etag: _,
        create_time: _,
        update_time: _,
        r#type,
        data_class,
        display_name,
        description,
        choices,
        deprecated: _,
    } = definition;
    let kind = match WireType::try_from(r#type) {
        Ok(WireType::Unspecified) | Err(_) => None,
        Ok(WireType::String) => Some(AttributeType::String),
        Ok(WireType::Enum) => Some(AttributeType::Enum),
        Ok(WireType::Int) => Some(AttributeType::Int),
        Ok(WireType::Decimal) => Some(AttributeType::Decimal),
        Ok(WireType::Bool) => Some(AttributeType::Bool),
        Ok(WireType::Date) => Some(AttributeType::Date),
        Ok(WireType::Time) => Some(AttributeType::Time),
        Ok(WireType::Money) => Some(AttributeType::Money),
        Ok(WireType::StringList) => Some(AttributeType::StringList),
    };
    let class = match WireClass::try_from(data_class) {
        Ok(WireClass::Unspecified | WireClass::Defined) | Err(_) => None,
        Ok(WireClass::None) => Some(DataClass::None),
        Ok(WireClass::Quasi) => Some(DataClass::Quasi),
        Ok(WireClass::Direct) => Some(DataClass::Direct),
        Ok(WireClass::Sensitive) => Some(DataClass::Sensitive),
    };
    NewAttributeDefinition {
        id,
        kind,
        class,
        display_name,
        description,
        choices,
    }
}
