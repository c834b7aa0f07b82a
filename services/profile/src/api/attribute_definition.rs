//! Attribute definitions as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::Result;
use dossier_proto::common::v1::DataClass as WireClass;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::AttributeType as WireType;

use super::mask::Mask;
use super::request;
use super::value::encode_time;
use crate::domain::{
    AttributeDefinition, AttributeEvolution, AttributeType, DataClass, NewAttributeDefinition,
    Violations, is_attribute_id,
};

pub fn encode(definition: AttributeDefinition) -> wire::AttributeDefinition {
    let (name, etag) = (definition.to_name(), definition.etag());
    let AttributeDefinition {
        id: _,
        uid,
        revision: _,
        create_time,
        update_time,
        kind,
        class,
        display_name,
        description,
        choices,
        length_max,
        count_max,
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
        etag,
        create_time: Some(encode_time(create_time)),
        update_time: Some(encode_time(update_time)),
        r#type: kind.into(),
        data_class: class.into(),
        display_name,
        description,
        choices,
        deprecated,
        length_max: encode_limit(length_max),
        count_max: encode_limit(count_max),
    }
}

/// No limit of its own is 0.
fn encode_limit(limit: Option<usize>) -> i32 {
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(0)
}

/// A negative limit becomes one that is refused.
fn decode_limit(limit: i32) -> Option<usize> {
    (limit != 0).then(|| limit.try_into().unwrap_or(usize::MAX))
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

pub fn update(
    asked: wire::UpdateAttributeDefinitionRequest,
) -> Result<(AttributeEvolution, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "AttributeDefinitionService/UpdateAttributeDefinition";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::UpdateAttributeDefinitionRequest {
        attribute_definition,
        update_mask,
        request_id: _,
    } = asked;
    let definition = attribute_definition
        .ok_or_else(|| request::invalid("attribute_definition", "is required"))?;
    let id = named("attribute_definition.name", &definition.name)?;
    let mask = Mask::of_definition(update_mask, &mut problems);
    problems.into_result()?;
    let etag = (!definition.etag.is_empty()).then(|| definition.etag.clone());
    let NewAttributeDefinition {
        id,
        kind,
        class,
        display_name,
        description,
        choices,
        length_max,
        count_max,
    } = decode(id, definition);
    let text = |text: String| (!text.is_empty()).then_some(text);
    let change = AttributeEvolution {
        id,
        etag,
        kind: mask.one("type", kind),
        class: mask.one("data_class", class),
        display_name: mask.one("display_name", text(display_name)),
        description: mask.one("description", text(description)),
        choices: mask.one("choices", (!choices.is_empty()).then_some(choices)),
        length_max: mask.one("length_max", length_max),
        count_max: mask.one("count_max", count_max),
    };
    Ok((change, once))
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
    named("name", name)
}

fn named(field: &str, name: &str) -> Result<String> {
    let id = name
        .strip_prefix("attributeDefinitions/")
        .filter(|id| is_attribute_id(id));
    let words = "must be attributeDefinitions/{attribute_definition}, with an id of 1 to 63 characters \
                 of a-z, 0-9 and '_', beginning with a letter";
    id.map(str::to_owned)
        .ok_or_else(|| request::invalid(field, words))
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
        length_max,
        count_max,
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
        length_max: decode_limit(length_max),
        count_max: decode_limit(count_max),
    }
}
