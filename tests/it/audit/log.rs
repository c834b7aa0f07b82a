//! Asking the suite's audit log.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dossier_kernel::Role;
use dossier_proto::audit::v1::audit_service_client::AuditServiceClient;
use dossier_proto::audit::v1::{AuditEvent, ListAuditEventsRequest};
use dossier_testkit::{Bearer, Rpc, Suite, Wire};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

/// Reads of DIRECT data and places come within a second, unless the machine has much else to do.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// As a privacy officer of the suite's tenant.
pub struct Log(AuditServiceClient<Wire>);

impl Log {
    pub fn of(suite: &Suite) -> anyhow::Result<Self> {
        let token = suite.token(&[Role::PrivacyOfficer], suite.tenant())?;
        let [address, ..] = suite.addresses();
        let channel = Endpoint::from_shared(address)?.connect_lazy();
        let wire = InterceptedService::new(channel, Bearer::new(&token)?);
        Ok(Self(AuditServiceClient::new(wire)))
    }

    /// The events that an RPC left.
    pub async fn of_method(&mut self, rpc: &Rpc) -> anyhow::Result<Vec<AuditEvent>> {
        self.of_service(service(rpc), &rpc.name).await
    }

    /// The events of a service's log, of all methods where none is named.
    pub async fn of_service(
        &mut self,
        service: &str,
        method: &str,
    ) -> anyhow::Result<Vec<AuditEvent>> {
        let mut request = ListAuditEventsRequest {
            parent: format!("services/{service}"),
            method: method.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        let mut events = Vec::new();
        loop {
            let page = self.0.list_audit_events(request.clone()).await;
            let page = page.context("ListAuditEvents")?.into_inner();
            events.extend(page.audit_events);
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Waits until every event of a service has its place.
    pub async fn placed(&mut self, service: &str) -> anyhow::Result<Vec<AuditEvent>> {
        let begun = Instant::now();
        loop {
            let events = self.of_service(service, "").await?;
            if events.iter().all(|event| event.position.is_some()) {
                return Ok(events);
            }
            if begun.elapsed() > TIMEOUT {
                bail!("after {TIMEOUT:?} some events of {service} have no place");
            }
            // The log says it by its next answer, so it is asked.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// In whose log an RPC leaves its events.
fn service(rpc: &Rpc) -> &str {
    match rpc.part.as_str() {
        // API keys live in profile; a rotation is written down by every service.
        "access" | "vault" | "audit" => "profile",
        // The part of the service that examples ask.
        "subject" => "interaction",
        part => part,
    }
}
