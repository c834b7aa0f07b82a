//! Verifying a log from outside: by its proofs.

use std::path::Path;

use dossier_audit::tree::{Hash, extends, includes};
use dossier_audit::{Checkpoint, Leaf, VerifierKey, notes_in};
use dossier_proto::audit::v1::audit_service_client::AuditServiceClient;
use dossier_proto::audit::v1::{
    AuditEvent, AuditProof, GetAuditCheckpointRequest, GetAuditProofRequest,
    GetConsistencyProofRequest, ListAuditEventsRequest,
};

use super::verify::Found;
use crate::connect::Wire;
use crate::failure::{Failure, Result};

/// Checks that every event of the token's tenant is in the tree that the checkpoint signs, and that
/// the checkpoint goes on from the newest in `seen`.
pub(super) async fn verify(
    wire: Wire,
    service: &str,
    keys: &[VerifierKey],
    seen: Option<&Path>,
) -> Result<Found> {
    let mut log = Log {
        client: AuditServiceClient::new(wire),
        parent: format!("services/{service}"),
    };
    let mut findings = Vec::new();
    let origin = format!("dossier/{service}");
    let request = GetAuditCheckpointRequest {
        parent: log.parent.clone(),
    };
    let newest = log.client.get_audit_checkpoint(request).await?.into_inner();
    let named = keys.iter().find(|key| key.name() == origin);
    let (key, against) = match named {
        Some(key) => (key.clone(), "the key that was given"),
        // Says that the log is one with itself, not whose it is.
        None => match VerifierKey::parse(&newest.verifier_key) {
            Some(key) => (key, "the key that the suite itself names: give --key"),
            None => return Err(Failure::usage("The suite names no key: give --key.")),
        },
    };
    let mut event_count = 0;
    let mut waiting_count = 0;
    match Checkpoint::open(&newest.note, &key) {
        None => findings.push(("forged_checkpoint", "the newest checkpoint".to_owned())),
        Some(newest) => log.compare(&newest, seen, &key, &mut findings).await?,
    }
    let mut token = String::new();
    loop {
        let (events, next) = log.page(token).await?;
        for event in &events {
            match log.proof(event, &key).await? {
                None => waiting_count += 1,
                Some(Ok(())) => event_count += 1,
                Some(Err((kind, words))) => {
                    findings.push((kind, format!("{}: {words}", event.name)))
                }
            }
        }
        if next.is_empty() {
            break;
        }
        token = next;
    }
    Ok(Found {
        service: service.to_owned(),
        against: against.to_owned(),
        event_count,
        waiting_count,
        findings,
    })
}

struct Log {
    client: AuditServiceClient<Wire>,
    parent: String,
}

/// Kind and words of what is wrong.
type Fault = (&'static str, String);

impl Log {
    /// Whether `newest` goes on from the newest genuine checkpoint of the file.
    async fn compare(
        &mut self,
        newest: &Checkpoint,
        seen: Option<&Path>,
        key: &VerifierKey,
        findings: &mut Vec<Fault>,
    ) -> Result<()> {
        let Some(path) = seen else { return Ok(()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::io(path.display().to_string(), error))?;
        let old = notes_in(&text).filter_map(|note| Checkpoint::open(note, key));
        let Some(old) = old.max_by_key(|checkpoint| checkpoint.size) else {
            let words = format!("{} holds no checkpoint of this key", path.display());
            findings.push(("forged_checkpoint", words));
            return Ok(());
        };
        if old.size > newest.size {
            let lost = old.size - newest.size;
            let words = format!("the last {lost} events that were signed earlier are gone");
            findings.push(("truncated", words));
            return Ok(());
        }
        let request = GetConsistencyProofRequest {
            parent: self.parent.clone(),
            from_size: i64::try_from(old.size).unwrap_or(i64::MAX),
            to_size: i64::try_from(newest.size).unwrap_or(i64::MAX),
        };
        let proof = self
            .client
            .get_consistency_proof(request)
            .await?
            .into_inner();
        let path = hashes(&proof.hashes);
        let proved =
            path.is_some_and(|path| extends(old.size, newest.size, &old.root, &newest.root, &path));
        if !proved {
            let words = format!(
                "it does not go on from the checkpoint of {} events",
                old.size
            );
            findings.push(("forked", words));
        }
        Ok(())
    }

    async fn page(&mut self, page_token: String) -> Result<(Vec<AuditEvent>, String)> {
        let request = ListAuditEventsRequest {
            parent: self.parent.clone(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = self.client.list_audit_events(request).await?.into_inner();
        Ok((page.audit_events, page.next_page_token))
    }

    /// `None` while the event has no place.
    async fn proof(
        &mut self,
        event: &AuditEvent,
        key: &VerifierKey,
    ) -> Result<Option<Result<(), Fault>>> {
        if event.position.is_none() {
            return Ok(None);
        }
        let name = event.name.clone();
        let proof = self
            .client
            .get_audit_proof(GetAuditProofRequest { name })
            .await?;
        Ok(Some(check(event, &proof.into_inner(), key)))
    }
}

fn check(event: &AuditEvent, proof: &AuditProof, key: &VerifierKey) -> Result<(), Fault> {
    let note = proof.checkpoint.as_ref().map(|checkpoint| &checkpoint.note);
    let checkpoint = note.and_then(|note| Checkpoint::open(note, key));
    let checkpoint = checkpoint.ok_or(("forged_checkpoint", "of its proof".to_owned()))?;
    let hash = Leaf::hash(&proof.leaf);
    let says_so = Leaf::decode(&proof.leaf).is_ok_and(|leaf| {
        event.name.ends_with(&leaf.id.to_string())
            && event.principal == leaf.principal
            && event.method == leaf.method
            && event.resources == leaf.resources
            && event.fields == leaf.fields
    });
    let position = u64::try_from(proof.position).unwrap_or(u64::MAX);
    let proved = hashes(&proof.hashes)
        .is_some_and(|path| includes(position, checkpoint.size, &hash, &path, &checkpoint.root));
    match says_so && proved && proof.leaf_hash == hash {
        true => Ok(()),
        false => Err(("changed", "is not what was signed".to_owned())),
    }
}

fn hashes(wire: &[Vec<u8>]) -> Option<Vec<Hash>> {
    wire.iter()
        .map(|hash| hash.as_slice().try_into().ok())
        .collect()
}
