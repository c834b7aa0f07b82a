//! Sealed cells: a format byte, the key's version, a nonce, ciphertext, a tag.

use aes::Aes256Enc;
use aes_gcm_siv::aead::inout::InOutBuf;
use aes_gcm_siv::{AeadInOut, AesGcmSiv, KeyInit, Nonce, Tag};
use dossier_kernel::{Error, Result};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The format that is written: the version of the key, then AES-256-GCM-SIV with a random nonce.
const FORMAT: u8 = 2;
const VERSION_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const NONCE_AT: usize = 1 + VERSION_BYTES;
const HEAD_BYTES: usize = NONCE_AT + NONCE_BYTES;
const TAG_BYTES: usize = 16;
pub(crate) const KEY_BYTES: usize = 32;

/// Counts a key's successors from 1. A cell names the version it was sealed with, and whoever seals
/// binds it into the associated data, so that the name cannot be changed.
pub type KeyVersion = i32;

pub(crate) const FIRST: KeyVersion = 1;

/// Where a sealed value lies. A value read anywhere else does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: Uuid,
}

/// A cipher with its key schedule made once; wiped when dropped. The mode only ever encrypts
/// blocks, so half a schedule is enough.
#[derive(Clone)]
pub(crate) struct Cipher(AesGcmSiv<Aes256Enc>);

impl Cipher {
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(AesGcmSiv::new(key.into()))
    }

    pub fn seal(&self, version: KeyVersion, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let mut cell = Vec::with_capacity(HEAD_BYTES + plain.len() + TAG_BYTES);
        cell.push(FORMAT);
        cell.extend_from_slice(&version.to_be_bytes());
        cell.extend_from_slice(&nonce);
        cell.extend_from_slice(plain);
        let body = InOutBuf::from(&mut cell[HEAD_BYTES..]);
        let tag = self
            .0
            .encrypt_inout_detached(&nonce, associated, body)
            .map_err(|_| Error::internal("sealing failed: the value is too large"))?;
        cell.extend_from_slice(&tag);
        Ok(cell)
    }

    /// Fails alike for a wrong key, a wrong place and a changed byte: there is nothing to learn
    /// from the difference.
    pub fn open(
        &self,
        associated: &[u8],
        cell: &[u8],
    ) -> std::result::Result<Zeroizing<Vec<u8>>, Unreadable> {
        let (head, rest) = cell.split_first_chunk::<HEAD_BYTES>().ok_or(Unreadable)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Unreadable)?;
        let [FORMAT, _, _, _, _, nonce @ ..] = *head else {
            return Err(Unreadable);
        };
        let mut plain = Zeroizing::new(sealed.to_vec());
        let body = InOutBuf::from(plain.as_mut_slice());
        self.0
            .decrypt_inout_detached(&Nonce::from(nonce), associated, body, &Tag::from(*tag))
            .map_err(|_| Unreadable)?;
        Ok(plain)
    }
}

/// The version of the key that sealed the cell; `None` for what is no cell.
pub(crate) fn version_of(cell: &[u8]) -> Option<KeyVersion> {
    match cell.first_chunk::<NONCE_AT>()? {
        [FORMAT, version @ ..] => Some(KeyVersion::from_be_bytes(*version)),
        _ => None,
    }
}

/// A cell that does not open with this key at this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl From<Unreadable> for Error {
    fn from(Unreadable: Unreadable) -> Self {
        Self::internal("a sealed value does not open: it was changed, moved or sealed by another")
    }
}

/// Appends a part so that no two lists of parts give the same bytes.
pub(crate) fn bind(bytes: &mut Vec<u8>, part: &[u8]) {
    // A part is an id or a name of ours, far below 4 GiB.
    bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
    bytes.extend_from_slice(part);
}

/// Associated data of some purpose: purposes never give the same bytes either.
pub(crate) fn associated(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bind(&mut bytes, purpose.as_bytes());
    for part in parts {
        bind(&mut bytes, part);
    }
    bytes
}

pub(crate) fn random_key() -> Result<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(key.as_mut_slice()).map_err(Error::internal)?;
    Ok(key)
}

pub(crate) fn as_key(bytes: &[u8]) -> std::result::Result<Zeroizing<[u8; KEY_BYTES]>, Unreadable> {
    bytes.try_into().map(Zeroizing::new).map_err(|_| Unreadable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cell_opens_where_it_was_sealed_and_nowhere_else(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            here in "[a-z]{0,8}", there in "[a-z]{0,8}", at in any::<prop::sample::Index>(),
        ) {
            let cipher = Cipher::new(&[7; KEY_BYTES]);
            let cell = cipher.seal(3, here.as_bytes(), &plain).expect("seals");
            prop_assert_eq!(version_of(&cell), Some(3));
            prop_assert_eq!(&*cipher.open(here.as_bytes(), &cell).expect("opens"), &plain);
            prop_assert_eq!(cipher.open(there.as_bytes(), &cell).is_ok(), here == there);
            prop_assert!(Cipher::new(&[8; KEY_BYTES]).open(here.as_bytes(), &cell).is_err());
            let mut changed = cell.clone();
            let at = at.index(changed.len());
            changed[at] ^= 1;
            // The version is not the cipher's business: who seals binds it.
            prop_assume!(!(1..NONCE_AT).contains(&at));
            prop_assert!(cipher.open(here.as_bytes(), &changed).is_err());
            prop_assert!(cipher.open(here.as_bytes(), &cell[..at]).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_not_open(cell in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(Cipher::new(&[7; KEY_BYTES]).open(b"", &cell), Err(Unreadable));
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

    #[test]
    fn equal_values_are_sealed_differently() {
        let cipher = Cipher::new(&[7; KEY_BYTES]);
        let seal = || cipher.seal(FIRST, b"here", b"same").expect("seals");
        assert_ne!(seal(), seal());
    }

    /// RFC 8452, appendix C.2: the cipher is the published one, not merely its own inverse.
    #[test]
    fn the_cipher_is_the_one_of_the_rfc() {
        let mut key = [0; KEY_BYTES];
        key[0] = 1;
        let mut cell = vec![FORMAT, 0, 0, 0, 1, 3];
        cell.extend([0; NONCE_BYTES - 1]);
        cell.extend([
            0xc2, 0xef, 0x32, 0x8e, 0x5c, 0x71, 0xc8, 0x3b, 0x84, 0x31, 0x22, 0x13, 0x0f, 0x73,
            0x64, 0xb7, 0x61, 0xe0, 0xb9, 0x74, 0x27, 0xe3, 0xdf, 0x28,
        ]);
        let plain = Cipher::new(&key).open(b"", &cell).expect("opens");
        assert_eq!(*plain, [1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
