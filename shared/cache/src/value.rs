//! What can be cached.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use dossier_kernel::Result;

/// What a cache can hold: in memory as it is, in Redis as bytes. Sealed, never plain personal data.
pub trait Cached: Send + Sync + Sized + 'static {
    fn to_bytes(&self) -> Result<Bytes>;

    /// What an older or newer release wrote may not be readable: then it counts as not there.
    fn from_bytes(bytes: Bytes) -> Result<Self>;

    /// About how much memory it takes.
    fn size(&self) -> usize;
}

impl Cached for Bytes {
    fn to_bytes(&self) -> Result<Bytes> {
        Ok(self.clone())
    }

    fn from_bytes(bytes: Bytes) -> Result<Self> {
        Ok(bytes)
    }

    fn size(&self) -> usize {
        self.len()
    }
}

/// A value of whatever type; keys of one kind hold values of one type.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;
