//! A tenant's keys: those that wrap its customers' keys, those that blind its identifiers.

use dossier_kernel::{CustomerId, Error, Result, TenantId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::RootKeys;
use crate::blind_index::{BlindIndex, BlindIndexes};
use crate::cell::{
    Cipher, FIRST, KeyVersion, Unreadable, as_key, associated, random_key, version_of,
};
use crate::customer_key::CustomerKey;
use crate::table::{Purpose, Wrapped, WrappedCustomerKey};

/// Unwrapped, in all their versions; live in memory only.
pub(crate) struct TenantKeys {
    tenant: TenantId,
    /// Ascending: the last one wraps.
    wrapping: Vec<(KeyVersion, Cipher)>,
    /// Ascending.
    index: Vec<IndexKey>,
}

struct IndexKey {
    version: KeyVersion,
    passive: bool,
    hmac: Hmac<Sha256>,
}

/// What the table keeps of a new key.
pub(crate) async fn generate(
    roots: &RootKeys,
    tenant: &TenantId,
    purpose: Purpose,
    version: KeyVersion,
) -> Result<Wrapped> {
    let (root, key) = (roots.current(), random_key()?);
    let context = bound(tenant, purpose, version);
    Ok(Wrapped {
        purpose,
        version,
        root_id: root.id().to_owned(),
        wrapped: root.wrap(&context, key.as_slice()).await?,
        passive: false,
    })
}

/// The same key under the current root key.
pub(crate) async fn rewrap(roots: &RootKeys, tenant: &TenantId, row: &Wrapped) -> Result<Wrapped> {
    let key = unwrap(roots, tenant, row).await?;
    let root = roots.current();
    let context = bound(tenant, row.purpose, row.version);
    Ok(Wrapped {
        root_id: root.id().to_owned(),
        wrapped: root.wrap(&context, &key).await?,
        ..*row
    })
}

/// Fails where the root key is not the one that wrapped it.
pub(crate) async fn unwrap(
    roots: &RootKeys,
    tenant: &TenantId,
    row: &Wrapped,
) -> Result<Zeroizing<Vec<u8>>> {
    let context = bound(tenant, row.purpose, row.version);
    let root = roots.find(&row.root_id)?;
    root.unwrap(&context, &row.wrapped).await
}

impl TenantKeys {
    /// `None` when there are no rows.
    pub async fn read(
        roots: &RootKeys,
        tenant: &TenantId,
        rows: &[Wrapped],
    ) -> Result<Option<Self>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let (mut wrapping, mut index) = (Vec::new(), Vec::new());
        for row in rows {
            let key = as_key(&unwrap(roots, tenant, row).await?)?;
            let version = row.version;
            match row.purpose {
                Purpose::Wrap => wrapping.push((version, Cipher::new(&key))),
                Purpose::Index => index.push(IndexKey {
                    version,
                    passive: row.passive,
                    hmac: Hmac::new_from_slice(key.as_slice()).map_err(|_| Unreadable)?,
                }),
            }
        }
        wrapping.sort_unstable_by_key(|(version, _)| *version);
        index.sort_unstable_by_key(|key| key.version);
        Ok(Some(Self {
            tenant: tenant.clone(),
            wrapping,
            index,
        }))
    }

    /// A new key for a customer, and what the table keeps of it.
    pub fn generate_customer_key(
        &self,
        customer: CustomerId,
    ) -> Result<(CustomerKey, WrappedCustomerKey)> {
        let key = random_key()?;
        let sealed = self.wrap(customer, FIRST, key.as_slice())?;
        Ok((
            CustomerKey::new(&self.tenant, customer, [(FIRST, &*key)]),
            sealed,
        ))
    }

    /// What the table keeps of the next version of a customer's key.
    pub fn generate_next(&self, newest: &WrappedCustomerKey) -> Result<WrappedCustomerKey> {
        self.wrap(
            newest.customer,
            newest.version + 1,
            random_key()?.as_slice(),
        )
    }

    /// The customer's key under the newest wrapping key; `None` where it is already.
    pub fn rewrap(&self, row: &WrappedCustomerKey) -> Result<Option<WrappedCustomerKey>> {
        if version_of(&row.wrapped) == self.wrapping.last().map(|(version, _)| *version) {
            return Ok(None);
        }
        let key = self.unwrap(row)?;
        self.wrap(row.customer, row.version, &key).map(Some)
    }

    /// Of rows of one customer.
    pub fn customer_key(&self, rows: &[WrappedCustomerKey]) -> Result<CustomerKey> {
        let customer = rows.first().ok_or(Unreadable)?.customer;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            keys.push((row.version, as_key(&self.unwrap(row)?)?));
        }
        let versions = keys.iter().map(|(version, key)| (*version, &**key));
        Ok(CustomerKey::new(&self.tenant, customer, versions))
    }

    /// Whether the key that wrapped the row is here.
    pub fn knows(&self, row: &WrappedCustomerKey) -> bool {
        self.wrapping_of(row).is_some()
    }

    /// In every version there is.
    pub fn blind(&self, kind: &str, normalized: &str) -> Result<BlindIndexes> {
        let of = |key: &IndexKey| {
            let mut mac = key.hmac.clone();
            mac.update(&associated(kind, &[normalized.as_bytes()]));
            BlindIndex {
                version: key.version,
                hash: mac.finalize().into_bytes().into(),
            }
        };
        let mut live = self.index.iter().filter(|key| !key.passive).map(of);
        Ok(BlindIndexes {
            first: live
                .next()
                .ok_or_else(|| Error::internal("a tenant has no index key"))?,
            second: live.next(),
            passive: self.index.iter().find(|key| key.passive).map(of),
        })
    }

    fn wrap(
        &self,
        customer: CustomerId,
        version: KeyVersion,
        key: &[u8],
    ) -> Result<WrappedCustomerKey> {
        let (wrapping, cipher) = self.wrapping.last().ok_or(Unreadable)?;
        let bound = self.bound(customer, version, *wrapping);
        Ok(WrappedCustomerKey {
            customer,
            version,
            wrapped: cipher.seal(*wrapping, &bound, key)?,
        })
    }

    fn unwrap(&self, row: &WrappedCustomerKey) -> Result<Zeroizing<Vec<u8>>> {
        let (wrapping, cipher) = self.wrapping_of(row).ok_or(Unreadable)?;
        let bound = self.bound(row.customer, row.version, *wrapping);
        Ok(cipher.open(&bound, &row.wrapped)?)
    }

    fn wrapping_of(&self, row: &WrappedCustomerKey) -> Option<&(KeyVersion, Cipher)> {
        let wrapping = version_of(&row.wrapped)?;
        self.wrapping
            .iter()
            .find(|(version, _)| *version == wrapping)
    }

    fn bound(&self, customer: CustomerId, version: KeyVersion, wrapping: KeyVersion) -> Vec<u8> {
        associated(
            "customer key",
            &[
                self.tenant.as_str().as_bytes(),
                customer.uuid().as_bytes(),
                &version.to_be_bytes(),
                &wrapping.to_be_bytes(),
            ],
        )
    }
}

fn bound(tenant: &TenantId, purpose: Purpose, version: KeyVersion) -> Vec<u8> {
    associated(
        "tenant key",
        &[
            tenant.as_str().as_bytes(),
            &purpose.code().to_be_bytes(),
            &version.to_be_bytes(),
        ],
    )
}
