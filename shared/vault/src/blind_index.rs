//! By what a value is found without being stored.

use crate::KeyVersion;

/// HMAC-SHA-256 of a normalised value under one version of the tenant's index key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindIndex {
    pub version: KeyVersion,
    pub hash: [u8; 32],
}

/// The blind indexes of one value: one, and while the index key rotates two.
///
/// A value is looked up by all of [`Self::live`] and kept under all of them, so that whoever does
/// not know the newest version yet still meets whoever does: in the older one. A value that is
/// given up is taken from [`Self::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindIndexes {
    pub first: BlindIndex,
    /// Of the newer version, which not every row has yet.
    pub second: Option<BlindIndex>,
    /// Of a version that is coming, which not everybody knows yet, or going: nothing is looked up or
    /// kept by it.
    pub passive: Option<BlindIndex>,
}

impl BlindIndexes {
    pub fn live(&self) -> impl Iterator<Item = BlindIndex> {
        std::iter::once(self.first).chain(self.second)
    }

    pub fn all(&self) -> impl Iterator<Item = BlindIndex> {
        self.live().chain(self.passive)
    }
}
