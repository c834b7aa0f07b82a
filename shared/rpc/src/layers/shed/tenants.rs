//! What each tenant has in progress. A tenant with nothing is not kept.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dossier_kernel::TenantId;

/// Tenants of different shards never wait for each other. Their number is also by how much a limit
/// on the whole crowd can be missed when calls arrive at the same instant.
const SHARDS: usize = 16;

#[derive(Debug, Default)]
pub struct Tenants {
    shards: [Mutex<HashMap<TenantId, usize>>; SHARDS],
    hashing: RandomState,
    all: AtomicUsize,
    tenants: AtomicUsize,
}

/// Who is there when somebody asks to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Of the tenant that asks.
    pub own: usize,
    /// Of all tenants.
    pub all: usize,
    /// Tenants with something in progress, counting the one that asks.
    pub tenants: usize,
}

impl Tenants {
    /// Lets the tenant in if `may` says so. Answers how many are in, or the crowd that was too much.
    pub fn enter(
        &self,
        tenant: &TenantId,
        may: impl FnOnce(Crowd) -> bool,
    ) -> Result<usize, Crowd> {
        let mut shard = self.shard(tenant);
        let own = shard.get(tenant).copied().unwrap_or_default();
        let crowd = Crowd {
            own,
            all: self.all.load(Ordering::Relaxed),
            tenants: self.tenants.load(Ordering::Relaxed) + usize::from(own == 0),
        };
        if !may(crowd) {
            return Err(crowd);
        }
        match shard.get_mut(tenant) {
            Some(own) => *own += 1,
            None => {
                shard.insert(tenant.clone(), 1);
                self.tenants.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(self.all.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub fn leave(&self, tenant: &TenantId) {
        let mut shard = self.shard(tenant);
        let Some(own) = shard.get_mut(tenant) else {
            return;
        };
        *own -= 1;
        if *own == 0 {
            shard.remove(tenant);
            self.tenants.fetch_sub(1, Ordering::Relaxed);
        }
        self.all.fetch_sub(1, Ordering::Relaxed);
    }

    fn shard(&self, tenant: &TenantId) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        let index = usize::try_from(self.hashing.hash_one(tenant) % SHARDS as u64).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_who_came_and_did_not_leave(
            steps in proptest::collection::vec((0..5usize, any::<bool>()), 0..200),
        ) {
            let tenants = Tenants::default();
            let names: Vec<_> = (0..5)
                .map(|n| TenantId::parse(&format!("t{n}")).expect("a tenant"))
                .collect();
            let mut model = [0; 5];
            for (who, comes) in steps {
                if comes {
                    let all = tenants.enter(&names[who], |_| true).expect("let in");
                    model[who] += 1;
                    prop_assert_eq!(all, model.iter().sum::<usize>());
                } else if model[who] > 0 {
                    tenants.leave(&names[who]);
                    model[who] -= 1;
                }
                let crowd = tenants.enter(&names[who], |_| false).expect_err("only asked");
                let others = (0..5).filter(|n| *n != who && model[*n] > 0).count();
                let all = model.iter().sum();
                prop_assert_eq!(crowd, Crowd { own: model[who], all, tenants: others + 1 });
            }
        }
    }
}
