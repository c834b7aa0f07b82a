//! Profile through its generated clients, in process, on both databases.

mod api_keys;
mod codes;
mod consent_rules;
mod consents;
mod customers;
mod definitions;
mod duplicate_scans;
mod duplicates;
mod erasures;
mod exports;
mod histories;
mod import_jobs;
mod imports;
mod kept_revisions;
mod laws;
mod lists;
mod lookups;
mod merge_laws;
mod merges;
mod mutations;
mod privacy_requests;
mod purges;
mod relationships;
mod revisions;
mod rollbacks;
mod rotations;
mod searches;
mod sights;
mod tags;
mod upserts;
mod watches;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use dossier_access::{Access, Rules};
use dossier_cache::Cache;
use dossier_db::Db;
use dossier_db::testing::TestDb;
use dossier_feed::Feed;
use dossier_kernel::{Clock, Ctx, Principal, PrincipalKind, Role, TenantId, Timestamp};
use dossier_proto::DESCRIPTORS;
use dossier_proto::access::v1::api_key_service_client::ApiKeyServiceClient;
use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::attribute_definition_service_client::AttributeDefinitionServiceClient;
use dossier_proto::profile::v1::consent_service_client::ConsentServiceClient;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::duplicate_service_client::DuplicateServiceClient;
use dossier_proto::profile::v1::import_service_client::ImportServiceClient;
use dossier_proto::profile::v1::merge_service_client::MergeServiceClient;
use dossier_proto::profile::v1::privacy_request_service_client::PrivacyRequestServiceClient;
use dossier_proto::profile::v1::relationship_service_client::RelationshipServiceClient;
use dossier_proto::profile::v1::revision_service_client::RevisionServiceClient;
use dossier_proto::profile::v1::search_service_client::SearchServiceClient;
use dossier_proto::profile::v1::tag_service_client::TagServiceClient;
use dossier_runtime::Journal;
use dossier_vault::{RootKey, Vault};
use sea_orm_migration::MigrationTrait;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::app::{Parts, Profile};
use crate::peers::Neighbour;
use crate::{api, store};

type Wire = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;
pub type Customers = CustomerServiceClient<Wire>;
pub type Revisions = RevisionServiceClient<Wire>;
pub type Definitions = AttributeDefinitionServiceClient<Wire>;
pub type Consents = ConsentServiceClient<Wire>;
pub type Relationships = RelationshipServiceClient<Wire>;
pub type Duplicates = DuplicateServiceClient<Wire>;
pub type Searches = SearchServiceClient<Wire>;
pub type Tags = TagServiceClient<Wire>;
pub type ApiKeys = ApiKeyServiceClient<Wire>;
pub type Imports = ImportServiceClient<Wire>;
pub type Merges = MergeServiceClient<Wire>;
pub type PrivacyRequests = PrivacyRequestServiceClient<Wire>;

/// Profile on a fresh database.
pub struct House {
    pub db: Arc<TestDb>,
    pub clock: Clock,
    pub profile: Profile,
    pub stop: CancellationToken,
}

/// An import that is kept.
const IMPORT: uuid::Uuid = uuid::Uuid::from_u128(7);
/// How long erasures wait.
const SETTLE: Duration = Duration::from_secs(60);

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration(), dossier_vault::migration()]);
    all.extend(store::migrations());
    all
}

impl House {
    /// One of each backend.
    pub async fn each() -> Vec<Self> {
        let mut houses = Vec::new();
        for db in TestDb::each(migrations, dossier_feed::append).await {
            let clock = Clock::manual(NOW);
            let stop = CancellationToken::new();
            let profile = profile_on(&db, &clock, &stop).await;
            let db = Arc::new(db);
            houses.push(Self {
                db,
                clock,
                profile,
                stop,
            });
        }
        houses
    }

    /// Another process on the same database, with nothing in its cache.
    pub async fn restarted(&self) -> Self {
        let db = Arc::clone(&self.db);
        let profile = profile_on(&db, &self.clock, &self.stop).await;
        Self {
            db,
            clock: self.clock.clone(),
            profile,
            stop: self.stop.clone(),
        }
    }

    pub fn customers(&self) -> Customers {
        CustomerServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn customers_of(&self, tenant: &str) -> Customers {
        CustomerServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    /// As another service of the suite follows all tenants.
    pub fn customers_of_all(&self) -> Customers {
        CustomerServiceClient::new(self.wire(TenantId::all()))
    }

    pub fn revisions(&self) -> Revisions {
        RevisionServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn definitions(&self) -> Definitions {
        AttributeDefinitionServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    /// As the edge hands calls on: the context says which call it is of.
    pub fn customers_as(&self, ctx: Ctx) -> Customers {
        CustomerServiceClient::new(self.wire_of_calls(ctx))
    }

    pub fn revisions_as(&self, ctx: Ctx) -> Revisions {
        RevisionServiceClient::new(self.wire_of_calls(ctx))
    }

    pub fn consents(&self) -> Consents {
        ConsentServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn consents_as(&self, ctx: Ctx) -> Consents {
        ConsentServiceClient::new(self.wire_of_calls(ctx))
    }

    pub fn consents_of(&self, tenant: &str) -> Consents {
        ConsentServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    pub fn relationships(&self) -> Relationships {
        RelationshipServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn duplicates(&self) -> Duplicates {
        DuplicateServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn duplicates_of(&self, tenant: &str) -> Duplicates {
        DuplicateServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    pub fn duplicates_as(&self, ctx: Ctx) -> Duplicates {
        DuplicateServiceClient::new(self.wire_of_calls(ctx))
    }

    pub fn searches(&self) -> Searches {
        self.searches_of(TenantId::embedded_default().as_str())
    }

    pub fn searches_of(&self, tenant: &str) -> Searches {
        SearchServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    pub fn searches_as(&self, ctx: Ctx) -> Searches {
        SearchServiceClient::new(self.wire_of_calls(ctx))
    }

    pub fn tags(&self) -> Tags {
        TagServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn tags_of(&self, tenant: &str) -> Tags {
        TagServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    pub fn imports(&self) -> Imports {
        self.imports_of("default")
    }

    pub fn imports_of(&self, tenant: &str) -> Imports {
        ImportServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    pub fn privacy_requests(&self) -> PrivacyRequests {
        PrivacyRequestServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn merges(&self) -> Merges {
        MergeServiceClient::new(self.wire(TenantId::embedded_default()))
    }

    pub fn merges_of(&self, tenant: &str) -> Merges {
        MergeServiceClient::new(self.wire(TenantId::parse(tenant).expect("a tenant")))
    }

    /// Takes erasures to their end; says how many customers are gone.
    pub async fn erase(&self) -> u64 {
        let begun = self.profile.erase_customers().await.expect("begins");
        self.pass(SETTLE);
        begun + self.profile.erase_customers().await.expect("completes")
    }

    pub fn api_keys_as(&self, ctx: Ctx) -> ApiKeys {
        ApiKeyServiceClient::new(self.wire_as(ctx))
    }

    /// Moves time, so that what is written next is later.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn wire(&self, tenant: TenantId) -> Wire {
        self.wire_as(Ctx::service("test", tenant))
    }

    fn wire_of_calls(&self, ctx: Ctx) -> Wire {
        let services = [
            "CustomerService",
            "RevisionService",
            "ConsentService",
            "DuplicateService",
            "SearchService",
        ];
        let services = services.map(|name| format!("dossier.profile.v1.{name}"));
        let services = services.each_ref().map(String::as_str);
        let rules = Rules::from_descriptors(DESCRIPTORS, &services).expect("annotated");
        let routes = api::routes(self.profile.clone()).prepare();
        let service = routes.map_request(move |mut request: http::Request<Body>| {
            let mut ctx = ctx.clone();
            let rule = rules.get(request.uri().path()).expect("known");
            ctx.call = Some(Arc::clone(&rule.call));
            request.extensions_mut().insert(ctx);
            request
        });
        BoxCloneSyncService::new(service)
    }

    fn wire_as(&self, ctx: Ctx) -> Wire {
        let routes = api::routes(self.profile.clone()).prepare();
        let service = routes.map_request(move |mut request: http::Request<Body>| {
            request.extensions_mut().insert(ctx.clone());
            request
        });
        BoxCloneSyncService::new(service)
    }
}

pub fn amy(role: Role) -> Ctx {
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "amy".to_owned(),
    };
    Ctx::new(TenantId::embedded_default(), principal, vec![role])
}

async fn profile_on(db: &TestDb, clock: &Clock, stop: &CancellationToken) -> Profile {
    let access = Access::shipped(dossier_proto::DESCRIPTORS).expect("valid policies");
    profile_with(db, clock, stop, access).await
}

async fn profile_with(
    db: &TestDb,
    clock: &Clock,
    stop: &CancellationToken,
    access: Access,
) -> Profile {
    let db = db.reopen().await;
    let vault = Vault::open(RootKey::from_bytes([7; 32]), db.clone())
        .await
        .expect("a root key");
    profile_under(db, clock, stop, access, vault)
}

/// With these neighbours.
async fn profile_beside(
    db: &TestDb,
    clock: &Clock,
    stop: &CancellationToken,
    neighbours: Vec<Neighbour>,
    journal: Journal,
) -> Profile {
    let db = db.reopen().await;
    let vault = Vault::open(RootKey::from_bytes([7; 32]), db.clone())
        .await
        .expect("a root key");
    let access = Access::shipped(dossier_proto::DESCRIPTORS).expect("valid policies");
    profile_of(db, clock, stop, access, vault, neighbours, journal)
}

fn profile_under(
    db: Db,
    clock: &Clock,
    stop: &CancellationToken,
    access: Access,
    vault: Vault,
) -> Profile {
    profile_of(db, clock, stop, access, vault, Vec::new(), journal())
}

fn profile_of(
    db: Db,
    clock: &Clock,
    stop: &CancellationToken,
    access: Access,
    vault: Vault,
    neighbours: Vec<Neighbour>,
    journal: Journal,
) -> Profile {
    let options = dossier_feed::Options {
        heartbeat: Duration::from_millis(50),
        ..dossier_feed::Options::default()
    };
    Profile::new(Parts {
        feed: Feed::open(db.clone(), options),
        audit: dossier_audit::testing::idle(db.clone()),
        db,
        vault,
        cache: Cache::memory(1024 * 1024),
        clock: clock.clone(),
        access,
        neighbours,
        journal,
        settle: SETTLE,
        stop: stop.clone(),
    })
}

/// One for each profile, made when it is written to.
fn journal() -> Journal {
    let dir = format!("dossier-test-{}", uuid::Uuid::new_v4());
    Journal::at(std::env::temp_dir().join(dir).join("journal"))
}

pub fn person(name: &str) -> wire::Customer {
    wire::Customer {
        r#type: wire::CustomerType::Person.into(),
        display_name: name.to_owned(),
        ..wire::Customer::default()
    }
}

pub fn id(namespace: &str, value: &str) -> common::ExternalId {
    common::ExternalId {
        namespace: namespace.to_owned(),
        value: value.to_owned(),
    }
}

pub fn email(value: &str) -> wire::ContactPoint {
    wire::ContactPoint {
        r#type: wire::ContactPointType::Email.into(),
        value: value.to_owned(),
        ..wire::ContactPoint::default()
    }
}

pub fn phone(value: &str) -> wire::ContactPoint {
    wire::ContactPoint {
        r#type: wire::ContactPointType::Phone.into(),
        value: value.to_owned(),
        ..wire::ContactPoint::default()
    }
}

/// Known by `crm/{value}`.
pub fn known(value: &str) -> wire::Customer {
    wire::Customer {
        external_ids: vec![id("crm", value)],
        ..person(value)
    }
}

pub async fn create(client: &mut Customers, customer: wire::Customer) -> wire::Customer {
    let request = wire::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    client
        .create_customer(request)
        .await
        .expect("created")
        .into_inner()
}

pub async fn get(client: &mut Customers, name: &str) -> Result<wire::Customer, Status> {
    let request = wire::GetCustomerRequest {
        name: name.to_owned(),
        read_time: None,
    };
    Ok(client.get_customer(request).await?.into_inner())
}

pub fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask {
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    })
}

pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What a refusal says: code, reason, fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub reason: String,
    pub fields: Vec<String>,
}

pub fn refusal(status: &Status) -> Refusal {
    let details = status.get_error_details();
    let reason = details
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    let fields = violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field);
    Refusal {
        code: status.code(),
        reason,
        fields: fields.collect(),
    }
}

pub fn fact(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    let info = details.error_info().expect("an ErrorInfo");
    info.metadata.get(key).cloned().unwrap_or_default()
}

/// Code and reason of a refusal that names no fields.
pub fn refused<T>(answer: Result<T, Status>) -> (Code, String) {
    let refusal = refusal(&status_of(answer));
    (refusal.code, refusal.reason)
}

pub fn status_of<T>(answer: Result<T, Status>) -> Status {
    answer.err().expect("refused")
}
