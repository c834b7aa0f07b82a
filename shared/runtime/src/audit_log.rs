//! Verifying the audit logs from their files, without a running suite.

use std::path::Path;

use dossier_audit::{Audit, AuditKey, Limits, Options, Report, Sink, VerifierKey};
use dossier_kernel::{Error, Reason, Result};

use crate::config::Config;
use crate::ground;
use crate::recipe::Recipe;
use crate::start::select;

/// What was found of one service's log.
pub struct Verification {
    pub service: &'static str,
    /// The directory it was compared with; `None` where nothing was exported there.
    pub sink: Option<String>,
    pub report: Report,
}

/// Compares the logs of the services that the configuration asks for with what was exported, by
/// `keys`: public keys, one of them each log's. Without them the configured key decides, which only
/// says something where nobody else has it. Changes nothing; the suite may be running.
pub async fn verify(
    config: &Config,
    recipes: Vec<Recipe>,
    keys: &[VerifierKey],
) -> Result<Vec<Verification>> {
    let mut done = Vec::new();
    for recipe in select(config, recipes)? {
        done.push(of_service(config, recipe, keys).await?);
    }
    Ok(done)
}

async fn of_service(config: &Config, recipe: Recipe, keys: &[VerifierKey]) -> Result<Verification> {
    let service = recipe.name;
    let origin = format!("dossier/{service}");
    let key = match keys.iter().find(|key| key.name() == origin) {
        Some(key) => key.clone(),
        None if keys.is_empty() => AuditKey::load(&config.audit_key_path())?.verifier(&origin),
        None => {
            let words = format!("None of the keys is the one of {origin}.");
            return Err(Error::new(Reason::InvalidArgument, words));
        }
    };
    let sink = Sink::new(&config.audit_sink_path(), service);
    let sink = sink.is_there().then_some(sink);
    let db = ground::open(config, recipe).await?;
    // Only read from: it is never kept, so its key signs nothing.
    let options = Options {
        service,
        key: AuditKey::from_seed(&[0; 32]),
        sink: None,
        limits: Limits::default(),
    };
    let log = Audit::new(db.clone(), options).log();
    let report = dossier_audit::verify(&log, &key, sink.as_ref()).await;
    db.close().await;
    Ok(Verification {
        service,
        sink: sink.map(|sink| shown(sink.folder())),
        report: report?,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
