//! A profile that answers look-ups by rule instead of from a store, and counts them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use dossier_kernel::CustomerId;
use dossier_proto::common::v1::customer_key::Key;
use dossier_proto::profile::v1::{
    LookupCustomersRequest, LookupCustomersResponse, LookupCustomersResult,
};
use dossier_runtime::{Recipe, Service};
use futures::FutureExt;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Code, Status};
use uuid::Uuid;

/// What the look-ups of each tenant asked for: so many names and keys each.
static ASKED: Mutex<Option<HashMap<String, Vec<usize>>>> = Mutex::new(None);

/// The one customer that does not exist, whoever asks.
pub const NOBODY: CustomerId = CustomerId(Uuid::from_u128(u128::MAX));

/// A tenant for which profile cannot be reached.
pub const CUT_OFF: &str = "cut-off";

pub fn recipe() -> Recipe {
    Recipe {
        name: "profile",
        grpc_services: &[PlayedProfile::NAME],
        migrations: Vec::new,
        sealed: dossier_runtime::Registry::NOTHING,
        held: dossier_runtime::Held::NOTHING,
        replay: None,
        compaction: None,
        build: |_| {
            async {
                Ok(Service {
                    routes: Routes::new(PlayedProfile),
                    jobs: Vec::new(),
                    participant: None,
                })
            }
            .boxed()
        },
    }
}

/// How much each look-up of `tenant` asked for.
pub fn asked(tenant: &str) -> Vec<usize> {
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    asked
        .as_ref()
        .and_then(|asked| asked.get(tenant).cloned())
        .unwrap_or_default()
}

#[derive(Clone)]
struct PlayedProfile;

impl NamedService for PlayedProfile {
    const NAME: &'static str = "dossier.profile.v1.CustomerService";
}

impl tower::Service<Request<Body>> for PlayedProfile {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        async move {
            let codec = tonic_prost::ProstCodec::default();
            let mut grpc = tonic::server::Grpc::new(codec);
            Ok(grpc.unary(tower::service_fn(lookup), request).await)
        }
        .boxed()
    }
}

async fn lookup(
    request: tonic::Request<LookupCustomersRequest>,
) -> Result<tonic::Response<LookupCustomersResponse>, Status> {
    let tenant = dossier_rpc::ctx(&request)?.tenant.to_string();
    if tenant == CUT_OFF {
        return Err(Status::new(Code::Unavailable, "cut off"));
    }
    let LookupCustomersRequest { keys, names } = request.into_inner();
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    asked
        .get_or_insert_default()
        .entry(tenant)
        .or_default()
        .push(keys.len() + names.len());
    let by_key = keys.into_iter().map(|key| match key.key {
        Some(Key::ExternalId(id)) => id.value.parse().ok().map(CustomerId),
        _ => None,
    });
    let by_name = names.iter().map(|name| CustomerId::from_name(name));
    let results = by_key.chain(by_name).map(|customer| {
        let customer = customer.filter(|customer| *customer != NOBODY);
        LookupCustomersResult {
            match_count: i32::from(customer.is_some()),
            customer: customer.map(CustomerId::to_name).unwrap_or_default(),
            origin: String::new(),
        }
    });
    Ok(tonic::Response::new(LookupCustomersResponse {
        results: results.collect(),
    }))
}
