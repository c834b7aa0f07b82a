//! `grpc.health.v1`: per service, and under the empty name for the whole process.
//!
//! Written out rather than taken from `tonic-health`, whose reporter starts as SERVING, answers
//! through an asynchronous lock and knows no final stop.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_check_response::ServingStatus as Wire;
use tonic_health::pb::health_server::Health as HealthRpc;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Says which services serve. All begin as NOT_SERVING. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Health(Arc<Board>);

#[derive(Debug)]
struct Board {
    services: HashMap<String, watch::Sender<Wire>>,
    overall: watch::Sender<Wire>,
    /// Held while statuses change, so that the overall status follows the last change.
    stopped: Mutex<bool>,
}

impl Health {
    pub(crate) fn new(services: &[&str]) -> Self {
        let services = services
            .iter()
            .map(|service| ((*service).to_owned(), watch::Sender::new(Wire::NotServing)))
            .collect();
        let overall = watch::Sender::new(Wire::NotServing);
        Self(Arc::new(Board {
            services,
            overall,
            stopped: Mutex::new(false),
        }))
    }

    /// Sets one service, by its full name such as `dossier.profile.v1.CustomerService`. The whole
    /// process serves when all its services do. Ignored once the server drains.
    pub fn set(&self, service: &str, status: ServingStatus) {
        let stopped = self
            .0
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return;
        }
        if let Some(sender) = self.0.services.get(service) {
            sender.send_replace(status.into());
        }
        let all = self
            .0
            .services
            .values()
            .all(|sender| *sender.borrow() == Wire::Serving);
        self.0
            .overall
            .send_replace(if all { Wire::Serving } else { Wire::NotServing });
    }

    /// Sets all services.
    pub fn set_all(&self, status: ServingStatus) {
        for service in self.0.services.keys() {
            self.set(service, status);
        }
    }

    /// Whether the whole process serves.
    pub fn is_serving(&self) -> bool {
        *self.0.overall.borrow() == Wire::Serving
    }

    /// Nothing serves, and nothing will again.
    pub(crate) fn stop(&self) {
        let mut stopped = self
            .0
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *stopped = true;
        for sender in self.0.services.values().chain([&self.0.overall]) {
            sender.send_replace(Wire::NotServing);
        }
    }

    fn find(&self, service: &str) -> Option<&watch::Sender<Wire>> {
        match service {
            "" => Some(&self.0.overall),
            name => self.0.services.get(name),
        }
    }
}

fn answer(status: Wire) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl HealthRpc for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.find(&request.get_ref().service) {
            Some(sender) => Ok(Response::new(answer(*sender.borrow()))),
            None => Err(Status::not_found(
                "This server has no service of that name.",
            )),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// A service that is not here is SERVICE_UNKNOWN and not an error, as the protocol has it.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let statuses: Self::WatchStream = match self.find(&request.get_ref().service) {
            Some(sender) => {
                Box::pin(WatchStream::new(sender.subscribe()).map(|status| Ok(answer(status))))
            }
            None => {
                let unknown = futures::stream::once(async { Ok(answer(Wire::ServiceUnknown)) });
                Box::pin(unknown.chain(futures::stream::pending()))
            }
        };
        Ok(Response::new(statuses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_serves_when_all_services_do_and_never_after_the_stop() {
        let health = Health::new(&["a", "b"]);
        assert!(!health.is_serving());
        health.set("a", ServingStatus::Serving);
        assert!(!health.is_serving());
        health.set("b", ServingStatus::Serving);
        assert!(health.is_serving());
        health.stop();
        health.set_all(ServingStatus::Serving);
        assert!(!health.is_serving());
    }
}
