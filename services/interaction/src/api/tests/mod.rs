//! The RPCs over a real socket and all layers, with a profile that is played.

mod ingest;
mod played_profile;
mod read;
mod record;
mod subjects;
mod watch;

use std::time::Duration;

use dossier_access::Grant;
use dossier_kernel::{CustomerId, Principal, PrincipalKind, Role, TenantId};
use dossier_proto::common::v1 as common;
use dossier_proto::interaction::v1 as wire;
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_runtime::{Config, Running};
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;
use wire::interaction::Details;

type Client = InteractionServiceClient<InterceptedService<Channel, Bearer>>;

/// The service, served from a directory of its own.
struct World {
    running: Running,
    dir: TempDir,
}

impl World {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let running = serve(&dir).await;
        Self { running, dir }
    }

    /// As the next start of the same process.
    async fn restart(self) -> Self {
        let Self { running, dir } = self;
        running.stop().await;
        let running = serve(&dir).await;
        Self { running, dir }
    }

    /// An admin of the tenant.
    async fn client(&self, tenant: &str) -> Client {
        let tenant = TenantId::parse(tenant).expect("a tenant");
        self.client_of(tenant, PrincipalKind::Person, Role::Admin)
            .await
    }

    async fn client_of(&self, tenant: TenantId, kind: PrincipalKind, role: Role) -> Client {
        let (channel, bearer) = self.way(tenant, kind, role).await;
        InteractionServiceClient::with_interceptor(channel, bearer)
    }

    async fn way(&self, tenant: TenantId, kind: PrincipalKind, role: Role) -> (Channel, Bearer) {
        let id = "ada".into();
        let minute = Duration::from_secs(60);
        let grant = Grant::new(tenant, Principal { kind, id }, vec![role], minute);
        let token = self.running.signing_key().mint(grant).expect("a token");
        let channel = Channel::from_shared(format!("http://{}", self.running.addr()))
            .expect("an address")
            .connect()
            .await
            .expect("connects");
        let bearer = format!("Bearer {token}").parse().expect("printable");
        (channel, Bearer(bearer))
    }
}

async fn serve(dir: &TempDir) -> Running {
    let config = Config::embedded(dir.path()).expect("a configuration");
    let recipes = vec![played_profile::recipe(), crate::recipe()];
    dossier_runtime::start(config, recipes)
        .await
        .expect("starts")
}

#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A purchase that nothing is wrong with.
fn purchase(event_id: &str, customer: CustomerId, cents: i64) -> wire::Interaction {
    let amount = common::Money {
        currency_code: "USD".into(),
        units: cents / 100,
        nanos: i32::try_from(cents % 100).expect("small") * 10_000_000,
    };
    let purchase = wire::Purchase {
        amount: Some(amount),
        ..Default::default()
    };
    wire::Interaction {
        customer: customer.to_name(),
        source: "shop".into(),
        event_id: event_id.into(),
        occur_time: Some(prost_types::Timestamp {
            seconds: 900_000_000,
            nanos: 0,
        }),
        details: Some(Details::Purchase(purchase)),
        ..Default::default()
    }
}

fn record(interaction: wire::Interaction) -> wire::RecordInteractionRequest {
    wire::RecordInteractionRequest {
        interaction: Some(interaction),
        customer_key: None,
        request_id: String::new(),
    }
}

/// An identifier that the played profile knows as `customer`'s.
fn key(customer: CustomerId) -> common::CustomerKey {
    let id = common::ExternalId {
        namespace: "shop".into(),
        value: customer.to_string(),
    };
    common::CustomerKey {
        key: Some(common::customer_key::Key::ExternalId(id)),
        region_code: String::new(),
    }
}

fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .expect("an ErrorInfo")
        .reason
}

fn violated(status: &Status) -> Vec<String> {
    let bad = status
        .get_details_bad_request()
        .map(|bad| bad.field_violations);
    bad.unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}
