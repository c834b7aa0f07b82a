//! How personal the fields of the contract are, as its `(data)` options say.

use std::sync::LazyLock;

use dossier_proto::common::v1::DataClass;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value};

/// The contract with its options. Decoded once, when first asked.
static CONTRACT: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(dossier_proto::DESCRIPTORS).ok());

/// A message of the contract by its full name, such as `dossier.profile.v1.Customer`, read from its
/// wire form. `None` when there is no such message or the bytes are not one.
pub fn read(full_name: &str, bytes: &[u8]) -> Option<DynamicMessage> {
    let message = CONTRACT.as_ref()?.get_message_by_name(full_name)?;
    DynamicMessage::decode(message, bytes).ok()
}

/// The class of a field; UNSPECIFIED for numbers and messages that state none.
pub fn class_of(field: &FieldDescriptor) -> DataClass {
    let class = || {
        let option = CONTRACT
            .as_ref()?
            .get_extension_by_name("dossier.common.v1.data")?;
        let Value::Message(policy) = field.options().get_extension(&option).into_owned() else {
            return None;
        };
        let number = policy.get_field_by_name("class")?.as_enum_number()?;
        DataClass::try_from(number).ok()
    };
    class().unwrap_or(DataClass::Unspecified)
}

/// The paths of the fields that are set and name or expose somebody (DIRECT or SENSITIVE), at any
/// depth. What a feed publishes must have none.
pub fn personal_paths(message: &DynamicMessage) -> Vec<String> {
    let mut paths = Vec::new();
    walk(message, "", &mut paths);
    paths
}

fn walk(message: &DynamicMessage, parent: &str, paths: &mut Vec<String>) {
    for (field, value) in message.fields() {
        let path = format!("{parent}{}", field.name());
        if matches!(class_of(&field), DataClass::Direct | DataClass::Sensitive) {
            paths.push(path);
            continue;
        }
        let mut nested = |value: &Value| {
            if let Value::Message(message) = value {
                walk(message, &format!("{path}."), paths);
            }
        };
        match value {
            Value::List(values) => values.iter().for_each(&mut nested),
            Value::Map(values) => values.values().for_each(&mut nested),
            value => nested(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_proto::profile::v1::{Address, ContactPoint, Customer};
    use prost::Message;

    use super::*;

    #[test]
    fn direct_values_are_found_at_any_depth_and_clear_ones_are_not() {
        let customer = Customer {
            display_name: "王小明".to_owned(),
            region_code: "CN".to_owned(),
            contact_points: vec![ContactPoint {
                value: "a@b.c".to_owned(),
                ..Default::default()
            }],
            addresses: vec![Address {
                locality: "Shanghai".to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let message = read("dossier.profile.v1.Customer", &customer.encode_to_vec())
            .expect("of the contract");
        assert_eq!(
            personal_paths(&message),
            ["display_name", "contact_points.value"]
        );
    }
}
