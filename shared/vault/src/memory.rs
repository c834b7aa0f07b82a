//! Unwrapped keys, for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dossier_kernel::{CustomerId, TenantId};
use quick_cache::sync::Cache;

use crate::CustomerKey;
use crate::tenant_key::TenantKeys;

/// Customers' keys kept, about 0.5 KiB each.
const CUSTOMER_KEYS_MAX: usize = 32_768;

const TENANT_KEYS_MAX: usize = 10_000;

type Owner = (TenantId, CustomerId);

/// Holds committed keys only; see [`crate::Source`].
pub(crate) struct Memory {
    tenants: Cache<TenantId, Kept<Arc<TenantKeys>>>,
    customers: Cache<Owner, Kept<CustomerKey>>,
    /// Whose keys were destroyed: not remembered again while somebody may still be reading them.
    destroyed: Cache<Owner, Kept<()>>,
    life: Duration,
    began: Instant,
    /// In how many lives the old was last thrown away.
    swept: AtomicU64,
}

#[derive(Clone)]
struct Kept<T> {
    what: T,
    since: Instant,
}

impl<T> Kept<T> {
    fn now(what: T) -> Self {
        let since = Instant::now();
        Self { what, since }
    }

    fn within(self, life: Duration) -> Option<T> {
        self.is_within(life).then_some(self.what)
    }

    fn is_within(&self, life: Duration) -> bool {
        self.since.elapsed() < life
    }
}

impl Memory {
    /// Nothing is kept for longer than `life`: so long may another process not see what this one
    /// sees, a destruction or a new version.
    pub fn new(life: Duration) -> Self {
        Self {
            tenants: Cache::new(TENANT_KEYS_MAX),
            customers: Cache::new(CUSTOMER_KEYS_MAX),
            destroyed: Cache::new(CUSTOMER_KEYS_MAX),
            life,
            began: Instant::now(),
            swept: AtomicU64::new(0),
        }
    }

    pub fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantKeys>> {
        self.tenants.get(tenant)?.within(self.life)
    }

    /// Whether the tenant's keys will be remembered for half of their life at least.
    pub fn keeps_tenant(&self, tenant: &TenantId) -> bool {
        let kept = self.tenants.get(tenant);
        kept.is_some_and(|kept| kept.is_within(self.life / 2))
    }

    pub fn remember_tenant(&self, tenant: &TenantId, key: &Arc<TenantKeys>) {
        let keys = Kept::now(Arc::clone(key));
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
            match self.customer(tenant, *id) {
                Some(key) => drop(known.insert(*id, key)),
                None => missing.push(*id),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        (known, missing)
    }

    pub fn customer(&self, tenant: &TenantId, id: CustomerId) -> Option<CustomerKey> {
        let kept = self.customers.get(&(tenant.clone(), id));
        kept.and_then(|kept| kept.within(self.life))
    }

    pub fn remember_customer(&self, tenant: &TenantId, id: CustomerId, key: &CustomerKey) {
        self.sweep();
        let owner = (tenant.clone(), id);
        self.customers.insert(owner.clone(), Kept::now(key.clone()));
        // Whoever forgets marks first and removes second. This removes where it finds the mark, so
        // a key that was read before its destruction does not survive in either order.
        let mark = self.destroyed.get(&owner);
        if mark.is_some_and(|mark| mark.is_within(2 * self.life)) {
            self.customers.remove(&owner);
        }
    }

    pub fn forget_customer(&self, tenant: &TenantId, id: CustomerId) {
        let owner = (tenant.clone(), id);
        self.destroyed.insert(owner.clone(), Kept::now(()));
        self.customers.remove(&owner);
    }

    /// Throws away, once in a life, what may not be used any more: it is key material.
    fn sweep(&self) {
        let lives = self.began.elapsed().as_nanos() / self.life.as_nanos().max(1);
        let lives = u64::try_from(lives).unwrap_or(u64::MAX);
        if self.swept.swap(lives, Ordering::Relaxed) != lives {
            self.customers.retain(|_, kept| kept.is_within(self.life));
            self.tenants.retain(|_, kept| kept.is_within(self.life));
        }
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
    fn a_key_past_its_life_is_neither_given_out_nor_kept() {
        let life = Duration::from_millis(20);
        let memory = Memory::new(life);
        let tenant = TenantId::embedded_default();
        let [old, new] = [CustomerId::generate(), CustomerId::generate()];
        let key = |id| CustomerKey::new(&tenant, id, [(1, &[7; 32])]);
        memory.remember_customer(&tenant, old, &key(old));
        // What is tested is what time does.
        std::thread::sleep(life * 2);
        assert!(memory.customers(&tenant, &[old]).0.is_empty());
        memory.remember_customer(&tenant, new, &key(new));
        assert!(!memory.customers.contains_key(&(tenant, old)));
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
