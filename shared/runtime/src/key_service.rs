//! `dossier.vault.v1.KeyService`: the keys of the services of this process.

use dossier_db::Once;
use dossier_kernel::{Ctx, Error, Result, Timestamp, Violation};
use dossier_proto::vault::v1 as wire;
use dossier_proto::vault::v1::key_service_server::{KeyService, KeyServiceServer};
use dossier_rpc::{configured, ctx, status};
use dossier_vault::Vault;
use dossier_vault::rotation::{Kind, Phase, Rotation, START};
use prost::Message;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

pub(crate) const NAME: &str = "dossier.vault.v1.KeyService";

/// The vaults of a process, by the names of their services.
pub(crate) struct Keyring(pub Vec<(&'static str, Vault)>);

pub(crate) fn routes(keyring: Keyring) -> Routes {
    Routes::new(configured!(KeyServiceServer::new(keyring)))
}

#[tonic::async_trait]
impl KeyService for Keyring {
    async fn start_key_rotation(
        &self,
        request: Request<wire::StartKeyRotationRequest>,
    ) -> Result<Response<wire::StartKeyRotationResponse>, Status> {
        let ctx = ctx(&request)?;
        let services = self.start(&ctx, request.into_inner()).await;
        let services = services.map_err(status)?;
        Ok(Response::new(wire::StartKeyRotationResponse { services }))
    }

    async fn get_key_rotation(
        &self,
        request: Request<wire::GetKeyRotationRequest>,
    ) -> Result<Response<wire::GetKeyRotationResponse>, Status> {
        let services = self.read(&ctx(&request)?).await.map_err(status)?;
        Ok(Response::new(wire::GetKeyRotationResponse { services }))
    }
}

impl Keyring {
    async fn start(
        &self,
        ctx: &Ctx,
        request: wire::StartKeyRotationRequest,
    ) -> Result<Vec<wire::ServiceKeys>> {
        let kind = match request.kind() {
            wire::KeyKind::Root => Kind::Root,
            wire::KeyKind::Tenant => Kind::Tenant,
            wire::KeyKind::Customers => Kind::Customers,
            wire::KeyKind::Index => Kind::Index,
            wire::KeyKind::Unspecified => {
                let violation = Violation::new("kind", "must say which keys are replaced");
                return Err(Error::invalid(vec![violation]));
            }
        };
        let once = Once::new(&request.request_id, START, &request.encode_to_vec())?;
        for (_, vault) in &self.0 {
            vault.start_rotation(ctx, once.clone(), kind).await?;
        }
        self.read(ctx).await
    }

    async fn read(&self, ctx: &Ctx) -> Result<Vec<wire::ServiceKeys>> {
        let mut services = Vec::with_capacity(self.0.len());
        for (service, vault) in &self.0 {
            let versions = vault.key_versions(&ctx.tenant).await?;
            let rotations = vault.rotations(&ctx.tenant).await?;
            services.push(wire::ServiceKeys {
                service: (*service).to_owned(),
                root_key_ids: versions.root_ids,
                tenant_key_versions: versions.wrapping,
                index_key_versions: versions.index,
                rotations: rotations.iter().map(encode).collect(),
            });
        }
        Ok(services)
    }
}

fn encode(rotation: &Rotation) -> wire::KeyRotation {
    let kind = match rotation.kind {
        Kind::Root => wire::KeyKind::Root,
        Kind::Tenant => wire::KeyKind::Tenant,
        Kind::Customers => wire::KeyKind::Customers,
        Kind::Index => wire::KeyKind::Index,
    };
    let phase = match rotation.phase {
        Phase::Introduce => wire::KeyRotationPhase::Introduce,
        Phase::Settle => wire::KeyRotationPhase::Settle,
        Phase::Join => wire::KeyRotationPhase::Join,
        Phase::Convert => wire::KeyRotationPhase::Convert,
        Phase::Outlive => wire::KeyRotationPhase::Outlive,
        Phase::Leave => wire::KeyRotationPhase::Leave,
        Phase::Retire => wire::KeyRotationPhase::Retire,
        Phase::Done => wire::KeyRotationPhase::Done,
    };
    wire::KeyRotation {
        kind: kind.into(),
        phase: phase.into(),
        done_count: count(rotation.done_count),
        unreadable_count: count(rotation.unreadable_count),
        begin_time: Some(time(rotation.begin_time)),
        phase_time: Some(time(rotation.phase_time)),
    }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = at.to_secs_nanos();
    prost_types::Timestamp { seconds, nanos }
}
