//! `dossier erase`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dossier_audit::{VerifierKey, certificate};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Erase {
    /// Check the certificate of an erasure
    Verify(Verify),
}

impl Erase {
    pub fn run(self, output: &Output) -> Result<()> {
        match self {
            Self::Verify(verify) => verify.run(output),
        }
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier erase verify certificate.json --key \"$KEY\"\n\n\
    Reads what GetErasureCertificate answered as `certificate` and checks that the key signed it and \
    that nothing was left. The key should come another way than the certificate.\n\n\
    Exit code 0: as it was signed, and nothing was left. 1: it is not.")]
pub(crate) struct Verify {
    /// The file with the certificate
    file: PathBuf,

    /// The public key, as GetErasureCertificate answers it in `verifier_key`
    #[arg(long, value_name = "KEY")]
    key: String,
}

impl Verify {
    fn run(self, output: &Output) -> Result<()> {
        let Self { file, key } = self;
        let words = || Failure::usage(format!("--key {key} is no key of a signed note."));
        let key = VerifierKey::parse(&key).ok_or_else(words)?;
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::io(file.display().to_string(), error))?;
        let statement = certificate::verify(&text, &key).filter(nothing_is_left);
        let statement = statement.ok_or(Failure::Uncertified)?;
        output.answer(&statement, || say(&statement))
    }
}

/// Whether every count of what is held is zero, of one service at least.
fn nothing_is_left(statement: &Value) -> bool {
    let services = statement.get("rows_held").and_then(Value::as_object);
    let tables = services.into_iter().flat_map(|services| services.values());
    let counts = tables.flat_map(|tables| match tables {
        Value::Object(tables) => tables.values().cloned().collect(),
        _ => vec![Value::Null],
    });
    let counts: Vec<Value> = counts.collect();
    !counts.is_empty() && counts.iter().all(|count| count.as_u64() == Some(0))
}

fn say(statement: &Value) -> String {
    let field = |name: &str| statement.get(name).and_then(Value::as_str).unwrap_or("–");
    let services = statement.get("rows_held").and_then(Value::as_object);
    let services: Vec<&str> = services
        .into_iter()
        .flat_map(|services| services.keys().map(String::as_str))
        .collect();
    format!(
        "{} was erased on {} in {}; nothing is left, as signed\n",
        field("customer"),
        field("end_time"),
        services.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_zeros_say_that_nothing_is_left() {
        let held = |tables: Value| json!({ "rows_held": { "profile": tables } });
        assert!(nothing_is_left(&held(
            json!({ "customer": 0, "customer_key": 0 })
        )));
        for left in [
            json!({ "customer": 1 }),
            json!({ "customer": "0" }),
            json!(0),
            json!({}),
        ] {
            assert!(!nothing_is_left(&held(left.clone())), "{left}");
        }
        assert!(!nothing_is_left(&json!({})));
    }
}
