//! Every RPC of the contract, as its descriptors say it.

use std::sync::LazyLock;

use anyhow::Context as _;
use dossier_kernel::AuditLevel;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, Value};

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(dossier_proto::DESCRIPTORS).ok());

/// The contract's descriptors.
pub fn pool() -> anyhow::Result<&'static DescriptorPool> {
    POOL.as_ref().context("the descriptors of the contract")
}

/// One RPC with its access rule.
#[derive(Clone)]
pub struct Rpc {
    /// `dossier.profile.v1.CustomerService/GetCustomer`.
    pub name: String,
    /// `profile`: which part of the suite serves it.
    pub part: String,
    pub permission: String,
    pub audit: AuditLevel,
    /// Whether a service of the suite may ask across all tenants.
    pub all_tenants: bool,
    method: MethodDescriptor,
}

impl Rpc {
    /// All of them, service by service as the contract lists them.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let services = pool()?
            .services()
            .filter(|service| service.full_name().starts_with("dossier."));
        services
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(Self::read)
            .collect()
    }

    pub fn named(name: &str) -> anyhow::Result<Self> {
        let (service, method) = name.split_once('/').context("a name is service/method")?;
        let service = pool()?.get_service_by_name(service);
        let method = service.and_then(|service| {
            let mut methods = service.methods();
            methods.find(|one| one.name() == method)
        });
        Self::read(method.with_context(|| format!("the contract has no {name}"))?)
    }

    pub fn path(&self) -> String {
        format!("/{}", self.name)
    }

    pub fn request(&self) -> MessageDescriptor {
        self.method.input()
    }

    pub fn answer(&self) -> MessageDescriptor {
        self.method.output()
    }

    /// Whether the caller sends a stream.
    pub fn is_client_streaming(&self) -> bool {
        self.method.is_client_streaming()
    }

    /// Whether the answer is a stream.
    pub fn is_server_streaming(&self) -> bool {
        self.method.is_server_streaming()
    }

    /// Whether it changes anything.
    pub fn is_mutation(&self) -> bool {
        self.audit == AuditLevel::Write
    }

    fn read(method: MethodDescriptor) -> anyhow::Result<Self> {
        let service = method.parent_service().full_name().to_owned();
        let name = format!("{service}/{}", method.name());
        let option = pool()?
            .get_extension_by_name("dossier.common.v1.access")
            .context("the contract has no (access) option")?;
        let options: DynamicMessage = method.options();
        let Value::Message(access) = options.get_extension(&option).into_owned() else {
            anyhow::bail!("{name}: the (access) option is no message");
        };
        let field = |field: &str| {
            let value = access
                .get_field_by_name(field)
                .map(|value| value.into_owned());
            value.with_context(|| format!("the (access) option has no {field}"))
        };
        let audit = match field("audit")?.as_enum_number() {
            Some(1) => AuditLevel::None,
            Some(2) => AuditLevel::Read,
            Some(3) => AuditLevel::Write,
            _ => anyhow::bail!("{name} states no audit level"),
        };
        Ok(Self {
            part: service.split('.').nth(1).unwrap_or_default().to_owned(),
            permission: field("permission")?.as_str().unwrap_or_default().to_owned(),
            audit,
            all_tenants: field("all_tenants")?.as_bool().unwrap_or(false),
            name,
            method,
        })
    }
}
