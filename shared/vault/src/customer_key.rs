//! The key of one customer.

use std::fmt;
use std::sync::Arc;

use dossier_kernel::{CustomerId, Result, TenantId};
use zeroize::Zeroizing;

use crate::cell::{Cipher, KEY_BYTES, KeyVersion, Place, Unreadable, associated, bind, version_of};

/// Seals and opens what belongs to one customer. Cheap to clone; lives in memory only, and its
/// schedules are wiped with the last clone.
#[derive(Clone)]
pub struct CustomerKey(Arc<[Version]>);

/// One version of the key; the newest is the last, and it seals.
struct Version {
    version: KeyVersion,
    cipher: Cipher,
    /// Tenant, customer and key version, as every cell is bound to them.
    owner: Box<[u8]>,
}

impl CustomerKey {
    /// Of at least one version. In any order.
    pub(crate) fn new<'a>(
        tenant: &TenantId,
        customer: CustomerId,
        versions: impl IntoIterator<Item = (KeyVersion, &'a [u8; KEY_BYTES])>,
    ) -> Self {
        let of = |(version, key): (KeyVersion, &[u8; KEY_BYTES])| Version {
            version,
            cipher: Cipher::new(key),
            owner: associated(
                "cell",
                &[
                    tenant.as_str().as_bytes(),
                    customer.uuid().as_bytes(),
                    &version.to_be_bytes(),
                ],
            )
            .into_boxed_slice(),
        };
        let mut versions: Vec<Version> = versions.into_iter().map(of).collect();
        versions.sort_unstable_by_key(|one| one.version);
        Self(versions.into())
    }

    /// 33 bytes longer than `plain`; the same value never gives the same bytes.
    pub fn seal(&self, at: &Place, plain: &[u8]) -> Result<Vec<u8>> {
        let newest = self.0.last().ok_or(Unreadable)?;
        newest.cipher.seal(newest.version, &newest.bound(at), plain)
    }

    /// Fails when the value was sealed elsewhere, for somebody else, with a version of the key that
    /// is gone, or was changed.
    pub fn open(&self, at: &Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let version = self.version_of(sealed).ok_or(Unreadable)?;
        Ok(version.cipher.open(&version.bound(at), sealed)?)
    }

    /// The cell for another place of the same customer, under the newest version. What does not open
    /// where it lies stays as it is, and opens there neither.
    pub fn moved(&self, from: &Place, to: &Place, sealed: &[u8]) -> Result<Vec<u8>> {
        match self.open(from, sealed) {
            Ok(plain) => self.seal(to, &plain),
            Err(_) => Ok(sealed.to_vec()),
        }
    }

    /// The cell under the newest version; `None` where it is already.
    pub(crate) fn reseal(&self, at: &Place, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        if version_of(sealed) == self.newest() {
            return Ok(None);
        }
        self.seal(at, &self.open(at, sealed)?).map(Some)
    }

    pub(crate) fn newest(&self) -> Option<KeyVersion> {
        self.0.last().map(|one| one.version)
    }

    /// Whether the version that sealed the cell is here.
    pub(crate) fn knows(&self, sealed: &[u8]) -> bool {
        self.version_of(sealed).is_some()
    }

    fn version_of(&self, sealed: &[u8]) -> Option<&Version> {
        let version = version_of(sealed)?;
        self.0.iter().find(|one| one.version == version)
    }
}

impl Version {
    fn bound(&self, at: &Place) -> Vec<u8> {
        let Place { table, column, row } = at;
        let mut bytes = Vec::with_capacity(self.owner.len() + 96);
        bytes.extend_from_slice(&self.owner);
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
                let key = CustomerKey::new(tenant, id, [(1, &[7; KEY_BYTES])]);
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
    fn a_moved_cell_opens_where_it_lies_now_and_nowhere_else() {
        let (tenant, id) = (TenantId::embedded_default(), CustomerId::generate());
        let place = |table| Place {
            table,
            column: "direct",
            row: Uuid::nil(),
        };
        let (here, there) = (place("customer"), place("customer_revision"));
        let old = CustomerKey::new(&tenant, id, [(1, &[7; KEY_BYTES])]);
        let key = CustomerKey::new(&tenant, id, [(1, &[7; KEY_BYTES]), (2, &[8; KEY_BYTES])]);
        let cell = old.seal(&here, b"name").expect("seals");
        let moved = key.moved(&here, &there, &cell).expect("opens and seals");
        assert_eq!(**key.open(&there, &moved).expect("opens"), *b"name");
        assert!(key.open(&here, &moved).is_err());
        assert_eq!(version_of(&moved), Some(2));
        // What never was a cell of this place does not become one.
        let stray = key.moved(&there, &here, &cell).expect("stays");
        assert_eq!(stray, cell);
        assert!(key.moved(&here, &there, b"x").expect("stays") == b"x");
    }

    #[test]
    fn a_key_does_not_print_itself() {
        let key = CustomerKey::new(
            &TenantId::embedded_default(),
            CustomerId::generate(),
            [(1, &[7; KEY_BYTES])],
        );
        assert_eq!(format!("{key:?}"), "CustomerKey(…)");
    }

    /// The newest version seals, older ones still open, and a cell cannot be given another version.
    #[test]
    fn versions_open_their_own_cells_only() {
        let tenant = TenantId::embedded_default();
        let id = CustomerId::generate();
        let at = Place {
            table: "customer",
            column: "direct",
            row: Uuid::nil(),
        };
        // The same bytes in both versions: what keeps them apart is the binding alone.
        let old = CustomerKey::new(&tenant, id, [(1, &[7; KEY_BYTES])]);
        let both = CustomerKey::new(&tenant, id, [(2, &[7; KEY_BYTES]), (1, &[7; KEY_BYTES])]);
        let new = CustomerKey::new(&tenant, id, [(2, &[7; KEY_BYTES])]);
        let first = old.seal(&at, b"name").expect("seals");
        let second = both
            .reseal(&at, &first)
            .expect("opens")
            .expect("was sealed with the old version");
        assert!(both.reseal(&at, &second).expect("reads").is_none());
        for (key, opens_first, opens_second) in [
            (&old, true, false),
            (&both, true, true),
            (&new, false, true),
        ] {
            assert_eq!(key.open(&at, &first).is_ok(), opens_first);
            assert_eq!(key.open(&at, &second).is_ok(), opens_second);
            assert_eq!(key.knows(&second), opens_second);
        }
        let mut renamed = first;
        renamed[1..5].copy_from_slice(&2_i32.to_be_bytes());
        assert!(both.open(&at, &renamed).is_err());
    }
}
