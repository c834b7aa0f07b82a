//! A tenant that does nothing: what it reads does not change, whatever happens in others.

use dossier_testkit::{Answer, Caller, Example, Rpc, Scene};
use serde_json::Value;
use tonic::Status;

use super::names::Names;
use super::{MARKER, bodies, messages, shown};

/// Reads that tell of all tenants together, and why they may.
const OF_ALL: [(&str, &str); 4] = [
    (
        "dossier.audit.v1.AuditService/GetAuditCheckpoint",
        "one tree holds the events of all tenants, so that none can be dropped unnoticed",
    ),
    (
        "dossier.audit.v1.AuditService/GetConsistencyProof",
        "as the checkpoints",
    ),
    (
        "dossier.vault.v1.KeyService/GetKeyRotation",
        "the root key is of all tenants, and so is its rotation",
    ),
    (
        "dossier.segmentation.v1.ProgressService/GetProgress",
        "how far the service followed the feeds of all tenants",
    ),
];

pub struct Bystander {
    caller: Caller,
    seen: Vec<(Example, String)>,
}

impl Bystander {
    /// Asks everything that can be asked without a name.
    pub async fn look(caller: Caller, others: &Scene) -> anyhow::Result<Self> {
        let mut seen = Vec::new();
        for rpc in Rpc::all()? {
            let of_all = OF_ALL.iter().any(|(name, _)| *name == rpc.name);
            if rpc.is_mutation() || of_all {
                continue;
            }
            let example = others.example(&rpc).await?;
            if Names::in_bodies(&bodies(&example)?).is_empty() {
                let answer = caller.call(&example).await;
                seen.push((example.clone(), still(&rpc, answer)?));
            }
        }
        anyhow::ensure!(seen.len() >= 10, "only {} reads were tried", seen.len());
        Ok(Self { caller, seen })
    }

    /// The reads that changed.
    pub async fn look_again(&self) -> anyhow::Result<Vec<String>> {
        let mut problems = Vec::new();
        for (example, before) in &self.seen {
            let now = still(&example.rpc, self.caller.call(example).await)?;
            if let Some(problem) = differ(before, &now) {
                problems.push(format!("{}: {problem}", example.rpc.name));
            }
        }
        Ok(problems)
    }
}

pub fn differ(before: &str, now: &str) -> Option<String> {
    if before != now {
        return Some(format!("changed by what others did:\n{before}\n{now}"));
    }
    now.contains(MARKER)
        .then(|| format!("tells what another tenant wrote:\n{now}"))
}

/// The answer without what moves by itself: positions in the feed of all, and instants.
fn still(rpc: &Rpc, answer: Result<Answer, Status>) -> anyhow::Result<String> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(status) => return shown(rpc, Err(status)),
    };
    let mut all = Value::from(messages(rpc, &answer)?);
    quiet(&mut all);
    Ok(serde_json::to_string_pretty(&all)?)
}

fn quiet(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(quiet),
        Value::Object(fields) => {
            let moves = |field: &str| {
                let field = field.to_ascii_lowercase();
                ["cursor", "cursors", "time", "epoch"]
                    .iter()
                    .any(|end| field.ends_with(end))
            };
            fields.retain(|field, _| !moves(field));
            fields.values_mut().for_each(quiet);
        }
        _ => {}
    }
}
