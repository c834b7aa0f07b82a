//! `dossier.audit.v1.AuditService`: the audit logs of the services of this process.

use dossier_audit::{Entry, Leaf, Log, Proof, Query};
use dossier_kernel::{
    AuditAction, Ctx, Error, PageSize, Reason, Result, Timestamp, Violation, Violations,
};
use dossier_proto::audit::v1 as wire;
use dossier_proto::audit::v1::audit_service_server::{AuditService, AuditServiceServer};
use dossier_rpc::{configured, ctx, status};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::config::SERVICES;
use crate::ground::Ground;

pub(crate) const NAME: &str = "dossier.audit.v1.AuditService";

pub(crate) fn routes(grounds: &[Ground]) -> Routes {
    let logs = grounds
        .iter()
        .map(|ground| (ground.recipe.name, ground.audit.log()));
    let api = Api {
        logs: logs.collect(),
    };
    Routes::new(configured!(AuditServiceServer::new(api)))
}

/// The logs of this process, by the names of their services.
struct Api {
    logs: Vec<(&'static str, Log)>,
}

#[tonic::async_trait]
impl AuditService for Api {
    async fn list_audit_events(
        &self,
        call: Request<wire::ListAuditEventsRequest>,
    ) -> Result<Response<wire::ListAuditEventsResponse>, Status> {
        let ctx = ctx(&call)?;
        let page = self.list(&ctx, call.into_inner()).await;
        page.map(Response::new).map_err(status)
    }

    async fn get_audit_proof(
        &self,
        call: Request<wire::GetAuditProofRequest>,
    ) -> Result<Response<wire::AuditProof>, Status> {
        let ctx = ctx(&call)?;
        let proof = self.proof(&ctx, &call.into_inner().name).await;
        proof.map(Response::new).map_err(status)
    }

    async fn get_audit_checkpoint(
        &self,
        call: Request<wire::GetAuditCheckpointRequest>,
    ) -> Result<Response<wire::AuditCheckpoint>, Status> {
        ctx(&call)?;
        let checkpoint = self.checkpoint(&call.into_inner().parent).await;
        checkpoint.map(Response::new).map_err(status)
    }

    async fn get_consistency_proof(
        &self,
        call: Request<wire::GetConsistencyProofRequest>,
    ) -> Result<Response<wire::ConsistencyProof>, Status> {
        ctx(&call)?;
        let proof = self.consistency(call.into_inner()).await;
        proof.map(Response::new).map_err(status)
    }
}

impl Api {
    async fn list(
        &self,
        ctx: &Ctx,
        request: wire::ListAuditEventsRequest,
    ) -> Result<wire::ListAuditEventsResponse> {
        let wire::ListAuditEventsRequest {
            parent,
            start_time,
            end_time,
            principal,
            resource,
            method,
            page_size,
            page_token,
        } = request;
        let (service, log) = self.log("parent", &parent)?;
        let mut violations = Violations::default();
        let query = Query {
            start: decode_time("start_time", start_time, &mut violations),
            end: decode_time("end_time", end_time, &mut violations),
            principal,
            resource,
            method,
        };
        violations.into_result()?;
        let size = PageSize::from_request(page_size)?;
        let (entries, next_page_token) = log.events(&ctx.tenant, &query, size, &page_token).await?;
        let audit_events = entries.into_iter().map(|entry| audit_event(service, entry));
        Ok(wire::ListAuditEventsResponse {
            audit_events: audit_events.collect(),
            next_page_token,
        })
    }

    async fn proof(&self, ctx: &Ctx, name: &str) -> Result<wire::AuditProof> {
        let (parent, id) = name.rsplit_once("/auditEvents/").unwrap_or((name, ""));
        let (service, log) = self.log("name", parent)?;
        let id = Uuid::try_parse(id).map_err(|_| {
            let words = "must be services/{service}/auditEvents/{audit_event}";
            Error::invalid(vec![Violation::new("name", words)])
        })?;
        let proof = log.proof(&ctx.tenant, id).await;
        let Proof {
            leaf,
            leaf_hash,
            position,
            path,
            checkpoint,
            size,
        } = proof.map_err(|error| match error.reason() {
            Reason::NotFound => Error::not_found(event_name(service, id)),
            _ => error,
        })?;
        Ok(wire::AuditProof {
            leaf,
            leaf_hash: leaf_hash.to_vec(),
            position: count(position),
            hashes: path.iter().map(|hash| hash.to_vec()).collect(),
            checkpoint: Some(signed(log, checkpoint, size)),
        })
    }

    async fn checkpoint(&self, parent: &str) -> Result<wire::AuditCheckpoint> {
        let (_, log) = self.log("parent", parent)?;
        let (note, size) = log.checkpoint().await?;
        Ok(signed(log, note, size))
    }

    async fn consistency(
        &self,
        request: wire::GetConsistencyProofRequest,
    ) -> Result<wire::ConsistencyProof> {
        let (_, log) = self.log("parent", &request.parent)?;
        // What is negative is no size: zero is refused like it.
        let size = |size: i64| u64::try_from(size).unwrap_or(0);
        let path = log
            .consistency(size(request.from_size), size(request.to_size))
            .await?;
        Ok(wire::ConsistencyProof {
            hashes: path.iter().map(|hash| hash.to_vec()).collect(),
        })
    }

    fn log(&self, field: &'static str, parent: &str) -> Result<(&'static str, &Log)> {
        let named = parent.strip_prefix("services/").unwrap_or_default();
        if let Some((service, log)) = self.logs.iter().find(|(service, _)| *service == named) {
            return Ok((service, log));
        }
        if SERVICES.contains(&named) {
            let words = format!("This process does not serve {named}; ask the one that does.");
            let error = Error::new(Reason::FailedPrecondition, words);
            return Err(error.with("resource", parent));
        }
        let words = format!("must name one of services/{{{}}}", SERVICES.join(", "));
        Err(Error::invalid(vec![Violation::new(field, words)]))
    }
}

fn event_name(service: &str, id: Uuid) -> String {
    format!("services/{service}/auditEvents/{id}")
}

/// An event of the log of `service` as it is listed.
pub fn audit_event(service: &str, entry: Entry) -> wire::AuditEvent {
    let Entry { leaf, position } = entry;
    let Leaf {
        id,
        tenant: _,
        time,
        principal,
        on_behalf_of,
        purpose,
        method,
        permission,
        action,
        resource_count,
        request_ids,
        resources,
        fields,
    } = leaf;
    let action = match action {
        AuditAction::Write => wire::AuditAction::Write,
        AuditAction::ReadSensitive => wire::AuditAction::ReadSensitive,
        AuditAction::ReadDirect => wire::AuditAction::ReadDirect,
    };
    let (seconds, nanos) = time.to_secs_nanos();
    wire::AuditEvent {
        name: event_name(service, id),
        time: Some(prost_types::Timestamp { seconds, nanos }),
        principal,
        on_behalf_of,
        purpose,
        method,
        permission,
        action: action.into(),
        resources,
        resource_count: count(resource_count),
        fields,
        request_ids,
        position: position.map(count),
    }
}

fn signed(log: &Log, note: String, size: u64) -> wire::AuditCheckpoint {
    wire::AuditCheckpoint {
        size: count(size),
        note,
        verifier_key: log.verifier().to_string(),
    }
}

fn decode_time(
    field: &str,
    time: Option<prost_types::Timestamp>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let prost_types::Timestamp { seconds, nanos } = time?;
    let read = Timestamp::from_secs_nanos(seconds, nanos);
    if read.is_none() {
        violations.add(field, "must lie in the years 0001 to 9999");
    }
    read
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
