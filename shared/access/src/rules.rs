//! What every RPC needs, read from its `(access)` option.

use std::collections::HashMap;
use std::sync::Arc;

use dossier_kernel::{AuditLevel, Call, Error, Reason, Result};
use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, MethodDescriptor, Value};

/// Who may make one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Method, permission and audit level, as the contexts of its calls carry them.
    pub call: Arc<Call>,
    /// The request field that names the resource, where there is one.
    pub resource: Option<String>,
    /// Whether a service may ask across all tenants.
    pub all_tenants: bool,
    /// Whether the service decides once more about every row, by its owner, team and tags.
    pub per_row: bool,
}

/// The rules of the RPCs that one server serves, by path.
#[derive(Clone, Debug, Default)]
pub struct Rules(HashMap<String, Rule>);

impl Rules {
    /// Reads the rules of `services`, full names such as `dossier.profile.v1.CustomerService`, from
    /// an encoded `FileDescriptorSet`. [`Reason::FailedPrecondition`] naming every service that is
    /// not there and every RPC that has no option, no audit level, or a permission that is not of
    /// the form `service.noun.verb`: such a server must not start.
    pub fn from_descriptors(descriptors: &[u8], services: &[&str]) -> Result<Self> {
        let (pool, option) = read_pool(descriptors)?;
        let mut rules = HashMap::new();
        let mut problems = Vec::new();
        for name in services {
            let Some(service) = pool.get_service_by_name(name) else {
                problems.push(format!("{name}: not in the descriptor set"));
                continue;
            };
            for method in service.methods() {
                let path = format!("/{name}/{}", method.name());
                match read_rule(&method, &option) {
                    Ok(rule) => {
                        rules.insert(path, rule);
                    }
                    Err(problem) => problems.push(format!("{path}: {problem}")),
                }
            }
        }
        if problems.is_empty() {
            return Ok(Self(rules));
        }
        Err(broken(format!(
            "RPCs without a usable (access) option: {}.",
            problems.join("; ")
        )))
    }

    /// The rule of a request path, `/dossier.profile.v1.CustomerService/GetCustomer`. `None` is a
    /// path that is not served: refuse it.
    pub fn get(&self, path: &str) -> Option<&Rule> {
        self.0.get(path)
    }

    /// Paths and rules, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.0.iter().map(|(path, rule)| (path.as_str(), rule))
    }
}

/// The rules of all annotated RPCs of the contract, whoever serves them.
pub fn every_rule(descriptors: &[u8]) -> Result<Vec<Rule>> {
    let (pool, option) = read_pool(descriptors)?;
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    Ok(methods
        .filter_map(|method| read_rule(&method, &option).ok())
        .collect())
}

fn read_pool(descriptors: &[u8]) -> Result<(DescriptorPool, ExtensionDescriptor)> {
    let pool = DescriptorPool::decode(descriptors)
        .map_err(|cause| broken("The descriptor set cannot be read.").caused_by(cause))?;
    let option = pool
        .get_extension_by_name("dossier.common.v1.access")
        .ok_or_else(|| broken("The descriptor set has no (access) option."))?;
    Ok((pool, option))
}

fn read_rule(method: &MethodDescriptor, option: &ExtensionDescriptor) -> Result<Rule, String> {
    let options: DynamicMessage = method.options();
    if !options.has_extension(option) {
        return Err("no (access) option".to_owned());
    }
    let Value::Message(access) = options.get_extension(option).into_owned() else {
        return Err("the (access) option is no message".to_owned());
    };
    let text = |field: &str| {
        access
            .get_field_by_name(field)
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let permission = text("permission");
    if !is_permission(&permission) {
        return Err(format!(
            "the permission {permission:?} is not service.noun.verb"
        ));
    }
    let level = access
        .get_field_by_name("audit")
        .and_then(|value| value.as_enum_number());
    let audit = match level {
        Some(1) => AuditLevel::None,
        Some(2) => AuditLevel::Read,
        Some(3) => AuditLevel::Write,
        _ => return Err("no audit level".to_owned()),
    };
    let flag = |field: &str| {
        access
            .get_field_by_name(field)
            .and_then(|value| value.as_bool())
            .unwrap_or(false)
    };
    let method = format!("{}/{}", method.parent_service().full_name(), method.name());
    Ok(Rule {
        call: Arc::new(Call {
            method: method.into(),
            permission: permission.into(),
            audit,
        }),
        resource: Some(text("resource")).filter(|field| !field.is_empty()),
        all_tenants: flag("all_tenants"),
        per_row: flag("per_row"),
    })
}

/// Three words of `a-z` and `_`; they become names of actions, so nothing else may be in them.
fn is_permission(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split('.').count() == 3 && text.split('.').all(is_word)
}

fn broken(message: impl Into<String>) -> Error {
    Error::new(Reason::FailedPrecondition, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services_of_the_contract() -> Vec<String> {
        DescriptorPool::decode(dossier_proto::DESCRIPTORS)
            .expect("decodes")
            .services()
            .filter(|service| service.package_name().starts_with("dossier."))
            .map(|service| service.full_name().to_owned())
            .collect()
    }

    #[test]
    fn every_rpc_of_the_contract_has_a_rule() {
        let names = services_of_the_contract();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rules = Rules::from_descriptors(dossier_proto::DESCRIPTORS, &names).expect("annotated");
        let get = rules
            .get("/dossier.profile.v1.CustomerService/GetCustomer")
            .expect("served");
        assert_eq!(&*get.call.permission, "profile.customers.read");
        assert!(
            rules
                .get("/dossier.profile.v1.CustomerService/Nope")
                .is_none()
        );
    }

    #[test]
    fn bare_rpcs_and_unknown_services_are_refused_by_name() {
        let descriptors = bare_descriptors();
        let refused = Rules::from_descriptors(&descriptors, &["bare.v1.BareService", "gone.Gone"])
            .expect_err("refused");
        assert_eq!(refused.reason(), Reason::FailedPrecondition);
        for word in [
            "/bare.v1.BareService/First",
            "/bare.v1.BareService/Second",
            "gone.Gone",
        ] {
            assert!(refused.message().contains(word), "{refused}");
        }
    }

    /// The contract's options beside a service that uses none of them.
    fn bare_descriptors() -> Vec<u8> {
        use prost_reflect::prost::Message;
        use prost_reflect::prost_types::{
            DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
            ServiceDescriptorProto,
        };
        let method = |name: &str| MethodDescriptorProto {
            name: Some(name.to_owned()),
            input_type: Some(".bare.v1.Empty".to_owned()),
            output_type: Some(".bare.v1.Empty".to_owned()),
            ..Default::default()
        };
        let bare = FileDescriptorProto {
            name: Some("bare/v1/bare.proto".to_owned()),
            package: Some("bare.v1".to_owned()),
            syntax: Some("proto3".to_owned()),
            message_type: vec![DescriptorProto {
                name: Some("Empty".to_owned()),
                ..Default::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("BareService".to_owned()),
                method: vec![method("First"), method("Second")],
                ..Default::default()
            }],
            ..Default::default()
        };
        // Concatenated encodings of a message merge: the set gains a file and keeps its options.
        let mut set = dossier_proto::DESCRIPTORS.to_vec();
        set.extend(FileDescriptorSet { file: vec![bare] }.encode_to_vec());
        set
    }
}
