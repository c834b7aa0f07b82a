//! A tenant's keys: one that wraps its customers' keys, one that blinds its identifiers.

use dossier_kernel::{CustomerId, Result, TenantId};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cell::{Cipher, KEY_BYTES, Unreadable, as_key, associated, random_key};
use crate::customer_key::CustomerKey;

/// Version of the tenant's key; rotation makes the next one.
pub(crate) const VERSION: i32 = 1;

/// Unwrapped; lives in memory only.
pub(crate) struct TenantKey {
    tenant: TenantId,
    wrapping: Cipher,
    index: Hmac<Sha256>,
}

impl TenantKey {
    /// A new key, wrapped under the root key.
    pub fn generate(root: &Cipher, tenant: &TenantId) -> Result<Vec<u8>> {
        root.seal(&bound(tenant), random_key()?.as_slice())
    }

    /// Fails where the root key is not the one that wrapped it.
    pub fn unwrap(
        root: &Cipher,
        tenant: &TenantId,
        wrapped: &[u8],
    ) -> std::result::Result<Self, Unreadable> {
        let key = as_key(&root.open(&bound(tenant), wrapped)?)?;
        let index = derive(&key, "dossier blind index")?;
        Ok(Self {
            tenant: tenant.clone(),
            wrapping: Cipher::new(&*derive(&key, "dossier customer keys")?),
            index: Hmac::new_from_slice(index.as_slice()).map_err(|_| Unreadable)?,
        })
    }

    /// A new key for a customer, and what the table keeps of it.
    pub fn generate_customer_key(&self, customer: CustomerId) -> Result<(CustomerKey, Vec<u8>)> {
        let key = random_key()?;
        let wrapped = self.wrapping.seal(&self.bound(customer), key.as_slice())?;
        Ok((CustomerKey::new(&self.tenant, customer, &key), wrapped))
    }

    pub fn unwrap_customer_key(&self, customer: CustomerId, wrapped: &[u8]) -> Result<CustomerKey> {
        let key = as_key(&self.wrapping.open(&self.bound(customer), wrapped)?)?;
        Ok(CustomerKey::new(&self.tenant, customer, &key))
    }

    pub fn blind_index(&self, kind: &str, normalized: &str) -> [u8; 32] {
        let mut mac = self.index.clone();
        mac.update(&associated(kind, &[normalized.as_bytes()]));
        mac.finalize().into_bytes().into()
    }

    fn bound(&self, customer: CustomerId) -> Vec<u8> {
        let version = VERSION.to_be_bytes();
        associated(
            "customer key",
            &[
                self.tenant.as_str().as_bytes(),
                customer.uuid().as_bytes(),
                &version,
            ],
        )
    }
}

/// HKDF (RFC 5869), so that the two uses of a tenant's key say nothing about each other.
fn derive(
    key: &[u8; KEY_BYTES],
    purpose: &str,
) -> std::result::Result<Zeroizing<[u8; KEY_BYTES]>, Unreadable> {
    let mut derived = Zeroizing::new([0_u8; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, key)
        .expand(purpose.as_bytes(), derived.as_mut_slice())
        // Fails only for more than 255 blocks; this is one.
        .map_err(|_| Unreadable)?;
    Ok(derived)
}

fn bound(tenant: &TenantId) -> Vec<u8> {
    associated(
        "tenant key",
        &[tenant.as_str().as_bytes(), &VERSION.to_be_bytes()],
    )
}
