//! Unwrapped keys, for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dossier_kernel::{CustomerId, TenantId};
use moka::sync::Cache;

use crate::CustomerKey;
use crate::tenant_key::TenantKeys;

/// Customers' keys kept, about 0.5 KiB each.
const CUSTOMER_KEYS_MAX: u64 = 32_768;

const TENANT_KEYS_MAX: u64 = 10_000;

type Owner = (TenantId, CustomerId);

/// Holds committed keys only; see [`crate::Source`].
pub(crate) struct Memory {
    tenants: Cache<TenantId, (Instant, Arc<TenantKeys>)>,
    customers: Cache<Owner, CustomerKey>,
    /// Whose keys were destroyed: not remembered again while somebody may still be reading them.
    destroyed: Cache<Owner, ()>,
    life: Duration,
}

impl Memory {
    /// Nothing is kept for longer than `life`: so long may another process not see what this one
    /// sees, a destruction or a new version.
    pub fn new(life: Duration) -> Self {
        Self {
            tenants: Cache::builder()
                .max_capacity(TENANT_KEYS_MAX)
                .time_to_live(life)
                .build(),
            customers: Cache::builder()
                .max_capacity(CUSTOMER_KEYS_MAX)
                .time_to_live(life)
                .build(),
            destroyed: Cache::builder()
                .max_capacity(CUSTOMER_KEYS_MAX)
                .time_to_live(2 * life)
                .build(),
            life,
        }
    }

    pub fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantKeys>> {
        self.tenants.get(tenant).map(|(_, keys)| keys)
    }

    /// Whether the tenant's keys will be remembered for half of their life at least.
    pub fn keeps_tenant(&self, tenant: &TenantId) -> bool {
        let read = self.tenants.get(tenant).map(|(read, _)| read);
        read.is_some_and(|read| read.elapsed() < self.life / 2)
    }

    pub fn remember_tenant(&self, tenant: &TenantId, key: &Arc<TenantKeys>) {
        let keys = (Instant::now(), Arc::clone(key));
        self.tenants.insert(tenant.clone(), keys);
    }

    /// What is known of `ids`, and the ids that are not, each once and in order: transactions that
    /// lock the same rows lock them in the same order.
    pub fn customers(
        &self,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> (HashMap<CustomerId, CustomerKey>, Vec<CustomerId>) {
        let mut known = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.customers.get(&(tenant.clone(), *id)) {
                Some(key) => drop(known.insert(*id, key)),
                None => missing.push(*id),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        (known, missing)
    }

    pub fn remember_customer(&self, tenant: &TenantId, id: CustomerId, key: &CustomerKey) {
        let owner = (tenant.clone(), id);
        self.customers.insert(owner.clone(), key.clone());
        // Whoever forgets marks first and removes second. This removes where it finds the mark, so
        // a key that was read before its destruction does not survive in either order.
        if self.destroyed.contains_key(&owner) {
            self.customers.invalidate(&owner);
        }
    }

    pub fn forget_customer(&self, tenant: &TenantId, id: CustomerId) {
        let owner = (tenant.clone(), id);
        self.destroyed.insert(owner.clone(), ());
        self.customers.invalidate(&owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_read_before_its_destruction_is_not_remembered_after() {
        let memory = Memory::new(Duration::from_secs(30));
        let tenant = TenantId::embedded_default();
        let id = CustomerId::generate();
        let read = CustomerKey::new(&tenant, id, [(1, &[7; 32])]);
        memory.remember_customer(&tenant, id, &read);
        assert_eq!(memory.customers(&tenant, &[id]).0.len(), 1);
        memory.forget_customer(&tenant, id);
        assert!(memory.customers(&tenant, &[id]).0.is_empty());
        memory.remember_customer(&tenant, id, &read);
        assert!(memory.customers(&tenant, &[id]).0.is_empty());
    }

    #[test]
    fn what_is_missing_comes_once_and_in_order() {
        let memory = Memory::new(Duration::from_secs(30));
        let tenant = TenantId::embedded_default();
        let [first, second] = [CustomerId::generate(), CustomerId::generate()];
        let (_, missing) = memory.customers(&tenant, &[second, first, second]);
        assert_eq!(missing, [first, second]);
    }
}
