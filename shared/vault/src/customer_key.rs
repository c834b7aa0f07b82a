//! The key of one customer.

use std::fmt;
use std::sync::Arc;

use dossier_kernel::{CustomerId, Result, TenantId};
use zeroize::Zeroizing;

use crate::cell::{Cipher, KEY_BYTES, Place, associated};
use crate::tenant_key::VERSION;

/// Seals and opens what belongs to one customer. Cheap to clone; lives in memory only.
#[derive(Clone)]
pub struct CustomerKey(Arc<Inner>);

struct Inner {
    cipher: Cipher,
    /// Tenant, customer and key version, as every cell is bound to them.
    owner: Vec<u8>,
}

impl CustomerKey {
    pub(crate) fn new(tenant: &TenantId, customer: CustomerId, key: &[u8; KEY_BYTES]) -> Self {
        let version = VERSION.to_be_bytes();
        let owner = associated(
            "cell",
            &[
                tenant.as_str().as_bytes(),
                customer.uuid().as_bytes(),
                &version,
            ],
        );
        Self(Arc::new(Inner {
            cipher: Cipher::new(key),
            owner,
        }))
    }

    pub fn seal(&self, at: &Place, plain: &[u8]) -> Result<Vec<u8>> {
        self.0.cipher.seal(&self.bound(at), plain)
    }

    /// Fails when the value was sealed elsewhere, for somebody else, or was changed.
    pub fn open(&self, at: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.0.cipher.open(&self.bound(at), sealed)
    }

    fn bound(&self, at: &Place) -> Vec<u8> {
        let Place { table, column, row } = at;
        let mut bytes = self.0.owner.clone();
        bytes.extend(associated(table, &[column.as_bytes(), row.as_bytes()]));
        bytes
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(…)")
    }
}
