//! How an API key is written.

use std::fmt::Write as _;

use dossier_kernel::{Error, Result};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How every key begins: what scanners for leaked secrets look for.
pub const PREFIX: &str = "dsk_";

const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// `dsk_`, 32 digits, `_`, 64 digits, 8 digits.
const LEN: usize = PREFIX.len() + 32 + 1 + 2 * (SECRET_BYTES + CHECKSUM_BYTES);

/// `dsk_{id}_{secret}{checksum}` in lower-case hexadecimal digits: one word for a double click and
/// for the pattern `dsk_[0-9a-f]{32}_[0-9a-f]{72}`. The checksum is the first 4 bytes of the SHA-256
/// of everything before it, so that a typo is found without asking anybody and a scanner's finding
/// is no accident.
#[derive(Clone)]
pub struct KeyText {
    pub id: Uuid,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl KeyText {
    /// A key nobody has.
    pub fn generate(id: Uuid) -> Result<Self> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice())
            .map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Self { id, secret })
    }

    /// `None` for whatever is not written exactly so.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX).filter(|_| text.len() == LEN)?;
        let (id, rest) = digits.split_once('_')?;
        let (before, checksum) = text.split_at_checked(LEN - 2 * CHECKSUM_BYTES)?;
        let secret = rest.get(..2 * SECRET_BYTES)?;
        if id.len() != 32 || self::checksum(before) != checksum {
            return None;
        }
        let mut key = Self {
            id: Uuid::from_bytes(unhex(id)?),
            secret: Zeroizing::new([0; SECRET_BYTES]),
        };
        *key.secret = unhex(secret)?;
        Some(key)
    }

    /// What is shown, once.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LEN));
        text.push_str(PREFIX);
        text.push_str(&self.id.simple().to_string());
        text.push('_');
        hex(self.secret.as_slice(), &mut text);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        text
    }

    /// What is kept. A plain SHA-256: the slow hashes for passwords buy time against guesses, and
    /// nobody guesses 256 random bits.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_slice()).into()
    }
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub fn same_hash(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn checksum(before: &str) -> String {
    let mut text = String::with_capacity(2 * CHECKSUM_BYTES);
    hex(
        &Sha256::digest(before.as_bytes())[..CHECKSUM_BYTES],
        &mut text,
    );
    text
}

fn hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
}

/// Lower-case digits only: a key has one spelling.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_any_typo_is_found() {
        let key = KeyText::generate(Uuid::now_v7()).expect("random bits");
        let text = key.text();
        assert_eq!(text.len(), LEN);
        let read = KeyText::parse(&text).expect("as written");
        assert_eq!((read.id, read.secret_hash()), (key.id, key.secret_hash()));
        assert!(same_hash(&read.secret_hash(), &key.secret_hash()));
        for at in 0..text.len() {
            for with in ["0", "1", "f", "A", "_", "-", "é", ""] {
                let typo = format!("{}{with}{}", &text[..at], &text[at + 1..]);
                assert!(typo == **text || KeyText::parse(&typo).is_none(), "{typo}");
            }
        }
        let upper = format!("dsk_{}", text[4..].to_uppercase());
        for other in ["", "dsk_", "dsk__", &upper, &format!("{}0", *text)] {
            assert!(KeyText::parse(other).is_none(), "{other}");
        }
    }
}
