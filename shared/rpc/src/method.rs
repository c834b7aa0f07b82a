//! The methods this server knows, by path.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use prost_types::FileDescriptorSet;

use crate::layers::Pace;

/// Services anybody may call: they show nothing of any tenant.
pub const PUBLIC_SERVICES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// What the layers must know about a method.
#[derive(Debug)]
pub struct Method {
    /// `package.Service/Method`; `_OTHER` for all that are unknown, as telemetry wants it.
    pub name: Arc<str>,
    pub access: Access,
    /// The request is a stream: imports and ingestion.
    pub client_streams: bool,
    pub server_streams: bool,
    /// How long its calls take.
    pub pace: Pace,
}

/// Who may come as far as the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// A token and the permission of the method's `(access)` rule.
    Ruled,
    /// Nobody: there is no such method here.
    Unknown,
}

impl Method {
    pub fn new(
        name: impl Into<Arc<str>>,
        access: Access,
        client_streams: bool,
        server_streams: bool,
    ) -> Self {
        Self {
            name: name.into(),
            access,
            client_streams,
            server_streams,
            pace: Pace::default(),
        }
    }

    /// Streams, and methods named `Await…`: they last as long as something else takes, and are no
    /// work meanwhile.
    pub fn is_long(&self) -> bool {
        let (_, name) = self.name.rsplit_once('/').unwrap_or_default();
        self.streams() || name.starts_with("Await")
    }

    pub fn streams(&self) -> bool {
        self.client_streams || self.server_streams
    }
}

/// The methods by path, `/package.Service/Method`.
#[derive(Debug)]
pub struct Methods {
    by_path: HashMap<Box<str>, Arc<Method>>,
    unknown: Arc<Method>,
}

impl Methods {
    /// Takes the methods of `services` from the contract and adds the public ones. Answers the
    /// first service that the contract does not have as the error.
    pub fn new(descriptors: &[u8], services: &[&str]) -> Result<Self, MethodsError> {
        let contract = FileDescriptorSet::decode(descriptors)?;
        let mut by_path = HashMap::new();
        let mut missing: Vec<&str> = services.to_vec();
        let mut add = |service: &str, method: &str, access, client_streams, server_streams| {
            let name: Arc<str> = format!("{service}/{method}").into();
            let path = format!("/{name}").into_boxed_str();
            let method = Method::new(name, access, client_streams, server_streams);
            by_path.insert(path, Arc::new(method));
        };
        for file in &contract.file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                if !services.contains(&name.as_str()) {
                    continue;
                }
                missing.retain(|service| *service != name);
                for method in &service.method {
                    let (client, server) = (method.client_streaming(), method.server_streaming());
                    add(&name, method.name(), Access::Ruled, client, server);
                }
            }
        }
        if let Some(service) = missing.first() {
            return Err(MethodsError::UnknownService((*service).to_owned()));
        }
        let [health, v1, v1alpha] = PUBLIC_SERVICES;
        add(health, "Check", Access::Public, false, false);
        add(health, "Watch", Access::Public, false, true);
        add(v1, "ServerReflectionInfo", Access::Public, true, true);
        add(v1alpha, "ServerReflectionInfo", Access::Public, true, true);
        Ok(Self {
            by_path,
            ..Self::default()
        })
    }

    pub fn find(&self, path: &str) -> &Arc<Method> {
        self.by_path.get(path).unwrap_or(&self.unknown)
    }

    pub fn all(&self) -> impl Iterator<Item = Arc<Method>> {
        self.by_path.values().cloned()
    }

    /// The paths whose callers need a permission.
    pub fn ruled(&self) -> impl Iterator<Item = &str> {
        let ruled = self
            .by_path
            .iter()
            .filter(|(_, method)| method.access == Access::Ruled);
        ruled.map(|(path, _)| path.as_ref())
    }
}

impl Default for Methods {
    /// No methods at all.
    fn default() -> Self {
        Self {
            by_path: HashMap::new(),
            unknown: Arc::new(Method::new("_OTHER", Access::Unknown, false, false)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum MethodsError {
    #[error("the compiled contract cannot be read")]
    Descriptors(#[from] prost::DecodeError),
    #[error("the contract has no service `{0}`")]
    UnknownService(String),
}
