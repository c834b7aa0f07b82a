//! The key of one customer.

use std::fmt;
use std::sync::Arc;

use dossier_kernel::{CustomerId, Result, TenantId};
use zeroize::Zeroizing;

use crate::cell::{Cipher, KEY_BYTES, Place, associated, bind};
use crate::tenant_key::VERSION;

/// Seals and opens what belongs to one customer. Cheap to clone; lives in memory only, and its
/// schedule is wiped with the last clone.
#[derive(Clone)]
pub struct CustomerKey(Arc<Inner>);

struct Inner {
    cipher: Cipher,
    /// Tenant, customer and key version, as every cell is bound to them.
    owner: Box<[u8]>,
}

impl CustomerKey {
    pub(crate) fn new(tenant: &TenantId, customer: CustomerId, key: &[u8; KEY_BYTES]) -> Self {
        let owner = associated(
            "cell",
            &[
                tenant.as_str().as_bytes(),
                customer.uuid().as_bytes(),
                &VERSION.to_be_bytes(),
            ],
        );
        Self(Arc::new(Inner {
            cipher: Cipher::new(key),
            owner: owner.into_boxed_slice(),
        }))
    }

    /// 29 bytes longer than `plain`; the same value never gives the same bytes.
    pub fn seal(&self, at: &Place, plain: &[u8]) -> Result<Vec<u8>> {
        self.0.cipher.seal(&self.bound(at), plain)
    }

    /// Fails when the value was sealed elsewhere, for somebody else, or was changed.
    pub fn open(&self, at: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.0.cipher.open(&self.bound(at), sealed)?)
    }

    fn bound(&self, at: &Place) -> Vec<u8> {
        let Place { table, column, row } = at;
        let mut bytes = Vec::with_capacity(self.0.owner.len() + 96);
        bytes.extend_from_slice(&self.0.owner);
        bind(&mut bytes, table.as_bytes());
        bind(&mut bytes, column.as_bytes());
        bind(&mut bytes, row.as_bytes());
        bytes
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Every part of where a cell lies is bound: swapped cells of one table, one row, one customer
    /// or two tenants never open.
    #[test]
    fn swapped_cells_never_open() {
        let [ours, theirs] =
            ["ours", "theirs"].map(|name| TenantId::parse(name).expect("a tenant id"));
        let (wang, li) = (
            CustomerId(Uuid::from_u128(1)),
            CustomerId(Uuid::from_u128(2)),
        );
        let owners = [(&ours, wang), (&ours, li), (&theirs, wang), (&theirs, li)];
        let mut places = Vec::new();
        for table in ["customer", "address", ""] {
            for column in ["direct", "sensitive", ""] {
                for row in [Uuid::nil(), Uuid::from_u128(1)] {
                    places.push(Place { table, column, row });
                }
            }
        }
        // One key for all: what keeps them apart is the binding alone.
        let cells: Vec<_> = owners
            .iter()
            .flat_map(|(tenant, id)| places.iter().map(move |place| (*tenant, *id, place)))
            .map(|(tenant, id, place)| {
                let key = CustomerKey::new(tenant, id, &[7; KEY_BYTES]);
                let cell = key.seal(place, b"value").expect("seals");
                (key, place, cell)
            })
            .collect();
        for (here, (key, place, _)) in cells.iter().enumerate() {
            for (there, (_, _, cell)) in cells.iter().enumerate() {
                assert_eq!(key.open(place, cell).is_ok(), here == there);
            }
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let key = CustomerKey::new(
            &TenantId::embedded_default(),
            CustomerId::generate(),
            &[7; KEY_BYTES],
        );
        assert_eq!(format!("{key:?}"), "CustomerKey(…)");
    }
}
