//! Statements signed with the key of the log: JSON that says what was done, and a line of a signed note
//! (<https://c2sp.org/signed-note>) over it.
//!
//! The note's text is the signer's name, a line feed, the statement with sorted keys and without
//! spaces, and a line feed. Statements hold no fractions, so that there is one way to write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dossier_kernel::{Error, Result};
use serde_json::{Value, json};

use crate::key::{AuditKey, VerifierKey};

/// The fields of a certificate.
const STATEMENT: &str = "statement";
const SIGNATURE: &str = "signature";

pub(crate) fn sign(key: &AuditKey, signer: &str, statement: &Value) -> Result<String> {
    let mut signature = key.verifier(signer).id().to_vec();
    signature.extend_from_slice(&key.sign(&text(signer, statement)));
    let line = format!("— {signer} {}", STANDARD.encode(signature));
    let certificate = json!({ STATEMENT: statement, SIGNATURE: line });
    serde_json::to_string_pretty(&certificate).map_err(Error::internal)
}

/// The statement of a certificate, where `key` has signed it.
pub fn verify(certificate: &str, key: &VerifierKey) -> Option<Value> {
    let certificate: Value = serde_json::from_str(certificate).ok()?;
    let statement = certificate.get(STATEMENT)?;
    let line = certificate.get(SIGNATURE)?.as_str()?;
    let signature = line
        .strip_prefix("— ")?
        .strip_prefix(key.name())?
        .strip_prefix(' ')?;
    let signature = STANDARD.decode(signature).ok()?;
    let (id, signature) = signature.split_first_chunk::<4>()?;
    let signature = signature.try_into().ok()?;
    let signed = *id == key.id() && key.verifies(&text(key.name(), statement), signature);
    signed.then(|| statement.clone())
}

fn text(signer: &str, statement: &Value) -> String {
    let mut statement = statement.clone();
    statement.sort_all_objects();
    format!("{signer}\n{statement}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_key_signed_is_read_and_nothing_else() {
        let key = AuditKey::from_seed(&[1; 32]);
        let statement = json!({ "customer": "customers/1", "rows": { "b": 0, "a": 7 } });
        let signed = sign(&key, "dossier/erasure", &statement).expect("signs");
        let verifier = key.verifier("dossier/erasure");
        assert_eq!(verify(&signed, &verifier), Some(statement));
        // However it is laid out.
        let again: Value = serde_json::from_str(&signed).expect("JSON");
        assert!(verify(&again.to_string(), &verifier).is_some());

        let other = AuditKey::from_seed(&[2; 32]);
        for (certificate, key) in [
            (
                signed.replace("customers/1", "customers/2"),
                verifier.clone(),
            ),
            (signed.replace("\"a\": 7", "\"a\": 8"), verifier.clone()),
            (signed.clone(), other.verifier("dossier/erasure")),
            (signed.clone(), key.verifier("dossier/profile")),
            (String::new(), verifier),
        ] {
            assert_eq!(verify(&certificate, &key), None, "{certificate}");
        }
    }
}
