//! `dossier keys`.

use clap::{Args, Subcommand};
use dossier_proto::vault::v1::key_service_client::KeyServiceClient;
use dossier_proto::vault::v1::{
    GetKeyRotationRequest, KeyKind, ServiceKeys, StartKeyRotationRequest,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, count, time};
use crate::json;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Replace keys while the suite serves
    Rotate(Rotate),
    /// Show which keys there are and how far rotations are
    Status(Show),
}

impl Keys {
    pub async fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Rotate(rotate) => rotate.run(output).await,
            Self::Status(show) => show.run(output).await,
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier keys rotate --customers      new keys for all customers of the token's tenant\n  \
    dossier keys rotate --root           after root_key_file was exchanged\n  \
    dossier keys rotate --all --address http://10.0.0.7:50051\n\n\
    Returns at once; the suite works on, also after a restart, and `dossier keys status` shows how \
    far it is. With a process per service, ask each at its own address.")]
pub(crate) struct Rotate {
    /// Wrap the keys of all tenants with the root key that is configured now
    #[arg(long)]
    root: bool,

    /// A new key for the tenant
    #[arg(long)]
    tenant: bool,

    /// New keys for the tenant's customers; seals all their values anew
    #[arg(long)]
    customers: bool,

    /// A new key for the blind indexes of identifiers; computes them all anew
    #[arg(long)]
    index: bool,

    /// All four
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    connect: Connect,
}

impl Rotate {
    async fn run(self, output: &Output) -> Result<()> {
        let asked = [
            (self.root, KeyKind::Root),
            (self.tenant, KeyKind::Tenant),
            (self.customers, KeyKind::Customers),
            (self.index, KeyKind::Index),
        ];
        let kinds: Vec<KeyKind> = asked
            .into_iter()
            .filter(|(named, _)| *named || self.all)
            .map(|(_, kind)| kind)
            .collect();
        if kinds.is_empty() {
            return Err(Failure::usage(
                "Say which keys: --root, --tenant, --customers, --index or --all.",
            ));
        }
        let mut client = KeyServiceClient::new(self.connect.wire().await?);
        let mut services = Vec::new();
        for kind in kinds {
            let request = StartKeyRotationRequest {
                kind: kind.into(),
                request_id: Uuid::now_v7().to_string(),
            };
            services = client
                .start_key_rotation(request)
                .await?
                .into_inner()
                .services;
        }
        show(output, &services)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  dossier keys status\n  dossier keys status --json")]
pub(crate) struct Show {
    #[command(flatten)]
    connect: Connect,
}

impl Show {
    async fn run(self, output: &Output) -> Result<()> {
        let mut client = KeyServiceClient::new(self.connect.wire().await?);
        let answer = client.get_key_rotation(GetKeyRotationRequest {}).await?;
        show(output, &answer.into_inner().services)
    }
}

fn show(output: &Output, services: &[ServiceKeys]) -> Result<()> {
    let documents: Vec<_> = services
        .iter()
        .map(|service| json::of("dossier.vault.v1.ServiceKeys", service))
        .collect();
    output.answer(&documents, || {
        let mut keys = Sheet::new(&["service", "root keys", "tenant key", "index key"], 4);
        let mut rotations = Sheet::new(&["service", "rotation", "phase", "since", "done"], 4);
        let mut any = false;
        for service in services {
            keys.row(vec![
                service.service.clone(),
                service.root_key_ids.join(", "),
                versions(&service.tenant_key_versions),
                versions(&service.index_key_versions),
            ]);
            for rotation in &service.rotations {
                any = true;
                rotations.row(vec![
                    service.service.clone(),
                    word(rotation.kind().as_str_name(), "KEY_KIND_"),
                    word(rotation.phase().as_str_name(), "KEY_ROTATION_PHASE_"),
                    time(rotation.phase_time.as_ref()),
                    done(rotation.done_count, rotation.unreadable_count),
                ]);
            }
        }
        match any {
            true => format!("{keys}\n\n{rotations}"),
            false => keys.to_string(),
        }
    })
}

/// `2`, or `1, 2` while one replaces another.
fn versions(versions: &[i32]) -> String {
    let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
    versions.join(", ")
}

fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

fn done(converted: i64, unreadable: i64) -> String {
    match unreadable {
        0 => count(converted),
        some => format!("{}, {} unreadable", count(converted), count(some)),
    }
}

#[cfg(test)]
mod tests {
    use dossier_proto::vault::v1::KeyRotationPhase;

    use super::*;

    #[test]
    fn phases_and_kinds_read_well() {
        let phase = KeyRotationPhase::Convert.as_str_name();
        assert_eq!(word(phase, "KEY_ROTATION_PHASE_"), "convert");
        assert_eq!(word(KeyKind::Root.as_str_name(), "KEY_KIND_"), "root");
        assert_eq!(versions(&[1, 2]), "1, 2");
        assert_eq!(done(1_200, 3), "1,200, 3 unreadable");
    }
}
