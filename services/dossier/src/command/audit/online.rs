//! Verifying a log from outside: by its proofs.

use std::path::Path;

use dossier_audit::tree::{Hash, extends, includes};
use dossier_audit::{Checkpoint, Entry, Leaf, VerifierKey, notes_in};
use dossier_proto::audit::v1::audit_service_client::AuditServiceClient;
use dossier_proto::audit::v1::{
    AuditEvent, AuditProof, GetAuditCheckpointRequest, GetAuditProofRequest,
    GetConsistencyProofRequest, ListAuditEventsRequest,
};
use dossier_runtime::audit_event;

use super::verify::Found;
use crate::connect::Wire;
use crate::failure::{Failure, Result};

/// Checks that every event of the token's tenant is in the tree that the checkpoint signs, and that
/// the checkpoint goes on from the newest in `seen`.
pub(super) async fn verify(
    channel: Wire,
    service: &str,
    keys: &[VerifierKey],
    seen: Option<&Path>,
) -> Result<Found> {
    let mut log = Log {
        client: AuditServiceClient::new(channel),
        service: service.to_owned(),
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
    service: String,
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
        Ok(Some(check(&self.service, event, &proof.into_inner(), key)))
    }
}

fn check(
    service: &str,
    event: &AuditEvent,
    proof: &AuditProof,
    key: &VerifierKey,
) -> Result<(), Fault> {
    let note = proof.checkpoint.as_ref().map(|checkpoint| &checkpoint.note);
    let checkpoint = note.and_then(|note| Checkpoint::open(note, key));
    let checkpoint = checkpoint.ok_or(("forged_checkpoint", "of its proof".to_owned()))?;
    let hash = Leaf::hash(&proof.leaf);
    let position = u64::try_from(proof.position).unwrap_or(u64::MAX);
    // Whether the event that was listed is the one that was signed.
    let says_so = Leaf::decode(&proof.leaf).is_ok_and(|leaf| {
        let position = Some(position);
        *event == audit_event(service, Entry { leaf, position })
    });
    let proved = hashes(&proof.hashes)
        .is_some_and(|path| includes(position, checkpoint.size, &hash, &path, &checkpoint.root));
    match says_so && proved && proof.leaf_hash == hash {
        true => Ok(()),
        false => Err(("changed", "is not what was signed".to_owned())),
    }
}

fn hashes(sent: &[Vec<u8>]) -> Option<Vec<Hash>> {
    sent.iter()
        .map(|hash| hash.as_slice().try_into().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dossier_audit::AuditKey;
    use dossier_kernel::audit::AuditLevel;
    use dossier_kernel::{AuditAction, AuditEvent as Event, Call, Clock, Ctx, TenantId};
    use dossier_proto::audit::v1 as wire;
    use uuid::Uuid;

    use super::*;

    /// The one event of a log, as it was listed and as it was signed.
    fn signed(key: &AuditKey) -> (AuditEvent, AuditProof) {
        let call = Arc::new(Call {
            method: "dossier.profile.v1.CustomerService/GetCustomer".into(),
            permission: "profile.customers.read".into(),
            audit: AuditLevel::Read,
        });
        let ctx = Ctx::service("interaction", TenantId::embedded_default());
        let now = Clock::system().now();
        let event = Event::new(&ctx, &call, AuditAction::ReadDirect, now);
        let id = Uuid::now_v7();
        let leaf = Leaf::encode(id, &event);
        let hash = Leaf::hash(&leaf);
        let checkpoint = Checkpoint {
            origin: "dossier/profile".to_owned(),
            size: 1,
            root: hash,
        };
        let (seconds, nanos) = now.to_secs_nanos();
        let listed = AuditEvent {
            name: format!("services/profile/auditEvents/{id}"),
            time: Some(prost_types::Timestamp { seconds, nanos }),
            principal: "service:interaction".to_owned(),
            method: call.method.to_string(),
            permission: call.permission.to_string(),
            action: wire::AuditAction::ReadDirect.into(),
            request_ids: vec![ctx.request_id.to_string()],
            position: Some(0),
            ..AuditEvent::default()
        };
        let proof = AuditProof {
            leaf,
            leaf_hash: hash.to_vec(),
            position: 0,
            hashes: Vec::new(),
            checkpoint: Some(wire::AuditCheckpoint {
                size: 1,
                note: checkpoint.sign(key),
                verifier_key: String::new(),
            }),
        };
        (listed, proof)
    }

    #[test]
    fn an_event_that_is_listed_otherwise_than_it_was_signed_is_found() {
        let key = AuditKey::from_seed(&[1; 32]);
        let verifier = key.verifier("dossier/profile");
        let (listed, proof) = signed(&key);
        assert_eq!(check("profile", &listed, &proof, &verifier), Ok(()));
        let lies: [fn(&mut AuditEvent); 9] = [
            |event| event.name = event.name.replace("profile", "feedback"),
            |event| event.purpose = "care".to_owned(),
            |event| event.on_behalf_of = "person:amy".to_owned(),
            |event| event.time = None,
            |event| event.action = wire::AuditAction::Write.into(),
            |event| event.resource_count = 7,
            |event| event.request_ids.clear(),
            |event| event.permission.clear(),
            |event| event.position = Some(1),
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            let mut told = listed.clone();
            lie(&mut told);
            assert!(
                check("profile", &told, &proof, &verifier).is_err(),
                "{number}"
            );
        }
    }
}
