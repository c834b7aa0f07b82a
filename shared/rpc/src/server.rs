//! Putting a server together.

use tonic::service::Routes;

use crate::edge::Edge;
use crate::health::Health;
use crate::layers::EdgeService;
use crate::method::{Methods, MethodsError};

/// One service's share of a server.
pub struct Part {
    /// The full names of its gRPC services, such as `dossier.profile.v1.CustomerService`.
    pub services: &'static [&'static str],
    pub routes: Routes,
}

/// Services, health and reflection behind the layers. Serves a socket with [`Server::serve`], and
/// callers of the same process through [`Server::service`].
pub struct Server {
    pub(crate) service: EdgeService,
    pub(crate) health: Health,
    pub(crate) edge: Edge,
}

/// Why a server cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    #[error(transparent)]
    Methods(#[from] MethodsError),
    #[error("methods without an (access) rule: {0}")]
    NoRule(String),
    #[error("reflection cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl Server {
    /// Refuses services that the contract does not have and methods without an `(access)` rule.
    pub fn new(edge: Edge, parts: Vec<Part>) -> Result<Self, AssemblyError> {
        let services: Vec<&str> = parts
            .iter()
            .flat_map(|part| part.services)
            .copied()
            .collect();
        let methods = Methods::new(edge.descriptors, &services)?;
        let mut bare: Vec<&str> = methods
            .ruled()
            .filter(|path| edge.rules.get(path).is_none())
            .collect();
        if !bare.is_empty() {
            bare.sort_unstable();
            return Err(AssemblyError::NoRule(bare.join(", ")));
        }

        let health = Health::new(&services);
        let mut routes = Routes::new(tonic_health::pb::health_server::HealthServer::new(
            health.clone(),
        ));
        if edge.reflection {
            let builder = || {
                let all = [tonic_health::pb::FILE_DESCRIPTOR_SET, edge.descriptors];
                let begin = tonic_reflection::server::Builder::configure();
                let with = all.into_iter().fold(begin, |builder, set| {
                    builder.register_encoded_file_descriptor_set(set)
                });
                let named = services.iter().chain(&crate::method::PUBLIC_SERVICES);
                named.fold(with, |builder, service| builder.with_service_name(*service))
            };
            routes = routes
                .add_service(builder().build_v1()?)
                .add_service(builder().build_v1alpha()?);
        }
        let mut router = routes.into_axum_router();
        for part in parts {
            // Every `Routes` has a fallback of its own, and a router keeps one.
            router = router.merge(part.routes.into_axum_router().reset_fallback());
        }
        let service = EdgeService::new(edge.clone(), methods, router.into());
        Ok(Self {
            service,
            health,
            edge,
        })
    }

    /// Sets what health answers.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// The same services and layers for callers of this process, see [`crate::Local`].
    pub fn service(&self) -> EdgeService {
        self.service.clone()
    }
}
