//! Checkpoints: what the tree was, signed (<https://c2sp.org/tlog-checkpoint>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::key::{AuditKey, VerifierKey};
use crate::tree::Hash;

/// How large the tree of a log was, and its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `dossier/profile`.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint as a signed note: three lines, an empty one, a signature.
    pub fn sign(&self, key: &AuditKey) -> String {
        let text = self.text();
        let id = key.verifier(&self.origin).id();
        let mut signature = id.to_vec();
        signature.extend_from_slice(&key.sign(&text));
        let signature = STANDARD.encode(signature);
        format!("{text}\n— {} {signature}\n", self.origin)
    }

    /// `None` where the note is no checkpoint of `key`'s log, or `key` has not signed it.
    pub fn open(note: &str, key: &VerifierKey) -> Option<Self> {
        let (text, signatures) = note.split_once("\n\n")?;
        let text = format!("{text}\n");
        let checkpoint = Self::parse(&text).filter(|found| found.origin == key.name())?;
        // Lines of other keys, such as witnesses, do not matter.
        let signed = signatures.lines().any(|line| {
            let signature = line
                .strip_prefix("— ")
                .and_then(|line| line.strip_prefix(key.name()))
                .and_then(|line| line.strip_prefix(' '))
                .and_then(|signature| STANDARD.decode(signature).ok());
            let signature = signature.as_deref().and_then(<[u8]>::split_first_chunk);
            match signature {
                Some((id, signature)) if *id == key.id() => signature
                    .try_into()
                    .is_ok_and(|signature| key.verifies(&text, signature)),
                _ => false,
            }
        });
        signed.then_some(checkpoint)
    }

    fn text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", STANDARD.encode(root))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next()?.to_owned();
        let size = lines.next()?;
        let root = STANDARD.decode(lines.next()?).ok()?;
        let checkpoint = Self {
            origin,
            size: size.parse().ok()?,
            root: root.try_into().ok()?,
        };
        // One form only: no leading zeros, no further lines.
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "dossier/profile".to_owned(),
            size: 7,
            root: [9; 32],
        }
    }

    #[test]
    fn what_the_key_signed_opens_and_nothing_else_does() {
        let key = AuditKey::from_seed(&[1; 32]);
        let verifier = key.verifier("dossier/profile");
        let note = checkpoint().sign(&key);
        assert_eq!(Checkpoint::open(&note, &verifier), Some(checkpoint()));
        let other = AuditKey::from_seed(&[2; 32]);
        for forged in [
            checkpoint().sign(&other),
            note.replacen('7', "8", 1),
            note.replacen("\n7\n", "\n07\n", 1),
            note.replacen("\n\n", "\nmore\n\n", 1),
            note.lines().take(4).collect::<Vec<_>>().join("\n"),
            String::new(),
        ] {
            assert_eq!(Checkpoint::open(&forged, &verifier), None, "{forged}");
        }
        let elsewhere = key.verifier("dossier/feedback");
        assert_eq!(Checkpoint::open(&note, &elsewhere), None);
    }

    #[test]
    fn a_witness_may_have_signed_too() {
        let key = AuditKey::from_seed(&[1; 32]);
        let note = checkpoint().sign(&key) + "— witness.example/w AAAAAAAA\n";
        let verifier = key.verifier("dossier/profile");
        assert_eq!(Checkpoint::open(&note, &verifier), Some(checkpoint()));
    }
}
