//! Messages as protobuf JSON, so that what `--json` shows is the contract's own form.

use std::sync::OnceLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

/// `message` as JSON with the field names of the proto files. `name` is its full name, such as
/// `dossier.profile.v1.Customer`.
pub(crate) fn of(name: &str, message: &impl Message) -> Value {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(dossier_proto::DESCRIPTORS).ok());
    let shown = || {
        let descriptor = pool.as_ref()?.get_message_by_name(name)?;
        let dynamic =
            DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()?;
        let options = SerializeOptions::new().use_proto_field_name(true);
        dynamic
            .serialize_with_options(serde_json::value::Serializer, &options)
            .ok()
    };
    shown().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use dossier_proto::profile::v1::Customer;

    use super::*;

    #[test]
    fn messages_take_the_form_of_the_contract() {
        let customer = Customer {
            name: "customers/1".to_owned(),
            tags: vec!["vip".to_owned()],
            ..Customer::default()
        };
        let shown = of("dossier.profile.v1.Customer", &customer);
        assert_eq!(
            shown,
            serde_json::json!({ "name": "customers/1", "tags": ["vip"] })
        );
    }
}
