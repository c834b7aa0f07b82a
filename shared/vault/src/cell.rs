//! Sealed cells: format byte, nonce, ciphertext with tag.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Key, Nonce};
use dossier_kernel::{Error, Reason, Result};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The format that is written: AES-256-GCM-SIV with a 12-byte random nonce.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
pub(crate) const KEY_BYTES: usize = 32;

/// Where a sealed value lies. A value read anywhere else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: Uuid,
}

/// A cipher with its key schedule made once.
#[derive(Clone)]
pub(crate) struct Cipher(Aes256GcmSiv);

impl Cipher {
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(Aes256GcmSiv::new(&Key::<Aes256GcmSiv>::from(*key)))
    }

    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let sealed = self
            .0
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: associated,
                },
            )
            .map_err(|_| Error::internal("sealing failed: the value is too large"))?;
        let mut cell = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        cell.push(FORMAT);
        cell.extend_from_slice(&nonce);
        cell.extend_from_slice(&sealed);
        Ok(cell)
    }

    /// Fails alike for a wrong key, a wrong place and a changed byte: there is nothing to learn
    /// from the difference.
    pub fn open(&self, associated: &[u8], cell: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let Some(([FORMAT], rest)) = cell.split_first_chunk::<1>() else {
            return Err(unreadable());
        };
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(unreadable)?;
        self.0
            .decrypt(
                &Nonce::from(*nonce),
                Payload {
                    msg: sealed,
                    aad: associated,
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| unreadable())
    }
}

/// Joins parts so that no two lists of parts give the same bytes.
pub(crate) fn associated(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let size = parts.iter().map(|part| part.len() + 4).sum::<usize>();
    let mut bytes = Vec::with_capacity(purpose.len() + 4 + size);
    for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
        // A part is an id or a name of ours, far below 4 GiB.
        bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

pub(crate) fn random_key() -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(key.as_mut_slice()).map_err(Error::internal)?;
    Ok(key)
}

pub(crate) fn as_key(bytes: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    bytes
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::new(
        Reason::Internal,
        "A sealed value does not open; it was changed or moved.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cell_opens_where_it_was_sealed_and_nowhere_else(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            here in "[a-z]{0,8}", there in "[a-z]{0,8}", flipped in any::<prop::sample::Index>(),
        ) {
            let cipher = Cipher::new(&[7; KEY_BYTES]);
            let cell = cipher.seal(here.as_bytes(), &plain).expect("seals");
            prop_assert_eq!(&*cipher.open(here.as_bytes(), &cell).expect("opens"), &plain);
            prop_assert_eq!(cipher.open(there.as_bytes(), &cell).is_ok(), here == there);
            prop_assert!(Cipher::new(&[8; KEY_BYTES]).open(here.as_bytes(), &cell).is_err());
            let mut changed = cell.clone();
            let at = flipped.index(changed.len());
            changed[at] ^= 1;
            prop_assert!(cipher.open(here.as_bytes(), &changed).is_err());
            prop_assert!(cipher.open(here.as_bytes(), &cell[..at]).is_err());
        }

        #[test]
        fn equal_associated_data_means_equal_parts(
            a in prop::collection::vec("[ab]{0,3}", 0..4), b in prop::collection::vec("[ab]{0,3}", 0..4),
        ) {
            let join = |parts: &[String]| {
                let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
                associated("p", &parts)
            };
            prop_assert_eq!(join(&a) == join(&b), a == b);
        }
    }
}
