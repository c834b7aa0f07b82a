//! Attribute definitions as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::Result;
use dossier_proto::common::v1::DataClass as WireClass;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::AttributeType as WireType;

use super::request;
use super::value::encode_time;
use crate::domain::{
    AttributeDefinition, AttributeType, DataClass, NewAttributeDefinition, Violations,
};

pub fn encode(definition: AttributeDefinition) -> wire::AttributeDefinition {
    let name = definition.to_name();
    let AttributeDefinition {
        id: _,
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
        name,
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

pub fn create(
    asked: wire::CreateAttributeDefinitionRequest,
) -> Result<(NewAttributeDefinition, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "AttributeDefinitionService/CreateAttributeDefinition";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::CreateAttributeDefinitionRequest {
        attribute_definition,
        attribute_definition_id,
        request_id: _,
    } = asked;
    let definition = attribute_definition.unwrap_or_default();
    if !definition.name.is_empty() {
        problems.add_to_request(
            "attribute_definition.name",
            "must be empty; the id goes into attribute_definition_id",
        );
    }
    problems.into_result()?;
    Ok((decode(attribute_definition_id, definition), once))
}

pub fn deprecate(
    asked: wire::DeprecateAttributeDefinitionRequest,
) -> Result<(String, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "AttributeDefinitionService/DeprecateAttributeDefinition";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(&asked.name)?;
    problems.into_result()?;
    Ok((id, once))
}

pub fn name(name: &str) -> Result<String> {
    let id = name
        .strip_prefix("attributeDefinitions/")
        .filter(|id| !id.is_empty());
    let words = "must be attributeDefinitions/{attribute_definition}";
    id.map(str::to_owned)
        .ok_or_else(|| request::invalid("name", words))
}

/// Types and classes that are not known are not stated either.
fn decode(id: String, definition: wire::AttributeDefinition) -> NewAttributeDefinition {
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
