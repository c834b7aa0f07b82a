//! `dossier audit verify`.

use clap::Args;
use dossier_audit::{Finding, VerifierKey};
use dossier_runtime::{Config, Flags, Verification};
use serde_json::{Value, json};

use super::online;
use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier audit verify --data-dir /var/lib/dossier\n  \
    dossier audit verify --key \"$(cat /mnt/worm/audit/profile/key)\" --only profile\n  \
    dossier audit verify --online --since-checkpoint checkpoints.profile --key \"$KEY\"\n\n\
    Compares the databases of the configuration with the exported leaves and signed checkpoints of \
    audit_sink_dir, and names every event that was changed, deleted, inserted or moved, an end that \
    was cut off and forged checkpoints. Changes nothing; the suite may be serving. With --online asks \
    a running suite for the events of the token's tenant and checks their proofs instead.\n\n\
    Exit code 0: everything is as it was signed. 1: it is not.")]
pub(crate) struct Verify {
    /// The public key of a log, as its sink's file `key` has it; may be repeated. Should come from
    /// another place than the sink [default: derived from the audit key of the configuration]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,

    /// Ask a running suite
    #[arg(long)]
    online: bool,

    /// With --online: a file of checkpoints that were seen earlier, as the sink's
    #[arg(long, value_name = "FILE", requires = "online")]
    since_checkpoint: Option<std::path::PathBuf>,

    /// With --online: whose log
    #[arg(long, value_name = "SERVICE", default_value = "profile")]
    service: String,

    #[command(flatten)]
    connect: Connect,

    #[command(flatten)]
    flags: Flags,
}

impl Verify {
    pub async fn run(self, output: &Output) -> Result<()> {
        let keys = self.keys.iter().map(|text| {
            let words = || Failure::usage(format!("--key {text} is no key of a signed note."));
            VerifierKey::parse(text).ok_or_else(words)
        });
        let keys: Vec<VerifierKey> = keys.collect::<Result<_>>()?;
        let found = if self.online {
            let wire = self.connect.wire().await?;
            let seen = self.since_checkpoint.as_deref();
            vec![online::verify(wire, &self.service, &keys, seen).await?]
        } else {
            let config = Config::load(&self.flags).map_err(Failure::Usage)?;
            let logs = dossier_runtime::verify(&config, crate::recipes(), &keys).await;
            let logs = logs.map_err(Failure::Local)?;
            logs.into_iter().map(Found::from).collect()
        };
        let documents: Vec<Value> = found.iter().map(Found::to_json).collect();
        output.answer(&documents, || found.iter().map(Found::to_text).collect())?;
        match found.iter().map(|one| one.findings.len()).sum() {
            0 => Ok(()),
            finding_count => Err(Failure::Tampered { finding_count }),
        }
    }
}

/// What was found of one log.
pub(super) struct Found {
    pub service: String,
    /// What it was compared with, in words.
    pub against: String,
    pub event_count: u64,
    /// Events that nothing vouches for yet.
    pub waiting_count: u64,
    /// Kind and words of each finding.
    pub findings: Vec<(&'static str, String)>,
}

impl From<Verification> for Found {
    fn from(verification: Verification) -> Self {
        let Verification {
            service,
            sink,
            report,
        } = verification;
        let against = match sink {
            Some(sink) => format!("{} checkpoints in {sink}", report.checkpoint_count),
            None => "its own checkpoint alone: nothing was exported".to_owned(),
        };
        Self {
            service: service.to_owned(),
            against,
            event_count: report.event_count,
            waiting_count: report.waiting_count,
            findings: report.findings.iter().map(words).collect(),
        }
    }
}

impl Found {
    fn to_json(&self) -> Value {
        let Self {
            service,
            against,
            event_count,
            waiting_count,
            findings,
        } = self;
        let findings: Vec<Value> = findings
            .iter()
            .map(|(kind, words)| json!({ "kind": kind, "message": words }))
            .collect();
        json!({
            "service": service,
            "against": against,
            "event_count": event_count,
            "waiting_count": waiting_count,
            "findings": findings,
        })
    }

    fn to_text(&self) -> String {
        let Self {
            service,
            against,
            event_count,
            waiting_count,
            findings,
        } = self;
        let verdict = match findings.len() {
            0 => "as signed".to_owned(),
            1 => "1 FINDING".to_owned(),
            many => format!("{many} FINDINGS"),
        };
        let mut text = format!(
            "{service}: {verdict}; {event_count} events against {against}, {waiting_count} not \
             signed yet\n"
        );
        for (kind, words) in findings {
            text.push_str(&format!("  {kind}: {words}\n"));
        }
        text
    }
}

fn words(finding: &Finding) -> (&'static str, String) {
    match finding {
        Finding::Changed { position, event } => (
            "changed",
            format!("event {event} at {position} says something else than what was signed"),
        ),
        Finding::Deleted { position } => ("deleted", format!("the event of {position} is gone")),
        Finding::Truncated { position, count } => (
            "truncated",
            format!("the last {count} events are gone, from {position} on"),
        ),
        Finding::Inserted { position, event } => (
            "inserted",
            format!("event {event} at {position} was never signed"),
        ),
        Finding::Reordered {
            position,
            signed_position,
            event,
        } => (
            "reordered",
            format!("event {event} lies at {position} and was signed at {signed_position}"),
        ),
        Finding::ForgedCheckpoint { place } => (
            "forged_checkpoint",
            format!("checkpoint {place} is not signed by the log's key"),
        ),
        Finding::Forked { place, size } => (
            "forked",
            format!("checkpoint {place} of {size} events is not of the leaves that are there"),
        ),
    }
}
