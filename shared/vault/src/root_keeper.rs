//! Whoever wraps tenants' keys.

use std::sync::Arc;

use dossier_kernel::{Error, Reason, Result};
use futures::FutureExt;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::RootKey;
use crate::cell::FIRST;

/// Wraps tenants' keys under a key that lives apart from the data, such as a [`RootKey`] of a file
/// or a key that never leaves a KMS. Asked when a tenant's keys are first used and every
/// [`crate::Options::key_life`] again, never once per call.
pub trait RootKeeper: Send + Sync {
    /// Names the key in the tables, so that two can be known while one replaces the other. Not
    /// secret, at most 255 characters, and for ever the same for the same key.
    fn id(&self) -> &str;

    /// `context` is bound to what is wrapped: it must be given again to unwrap.
    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>>>;

    /// Fails where another key or another context wrapped it, or a byte was changed.
    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;
}

impl RootKeeper for RootKey {
    fn id(&self) -> &str {
        self.id_text()
    }

    fn wrap<'a>(&'a self, context: &'a [u8], key: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>>> {
        async move { self.cipher().seal(FIRST, context, key) }.boxed()
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a [u8],
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        async move { Ok(self.cipher().open(context, wrapped)?) }.boxed()
    }
}

/// The root keys that a process knows: one that wraps, and those it replaces.
#[derive(Clone)]
pub struct RootKeys {
    current: Arc<dyn RootKeeper>,
    old: Vec<Arc<dyn RootKeeper>>,
}

impl RootKeys {
    pub fn new(current: impl RootKeeper + 'static) -> Self {
        Self {
            current: Arc::new(current),
            old: Vec::new(),
        }
    }

    /// Also unwraps with `old`, until a rotation has wrapped everything anew.
    #[must_use]
    pub fn and(mut self, old: impl RootKeeper + 'static) -> Self {
        self.old.push(Arc::new(old));
        self
    }

    pub(crate) fn current(&self) -> &dyn RootKeeper {
        self.current.as_ref()
    }

    /// [`Reason::FailedPrecondition`] for a key that this process was not given.
    pub(crate) fn find(&self, id: &str) -> Result<&dyn RootKeeper> {
        std::iter::once(&self.current)
            .chain(&self.old)
            .find(|keeper| keeper.id() == id)
            .map(AsRef::as_ref)
            .ok_or_else(|| unknown(id))
    }
}

fn unknown(id: &str) -> Error {
    Error::new(
        Reason::FailedPrecondition,
        format!(
            "Keys of this database are wrapped with the root key {id}, which is not configured; \
             name its file in root_key_file or old_root_key_files."
        ),
    )
}
