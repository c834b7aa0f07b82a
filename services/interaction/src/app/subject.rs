//! What follows when customers are erased.

use std::collections::HashSet;
use std::time::Duration;

use dossier_kernel::{Ctx, CustomerId, TenantId};

use super::Interactions;

/// How long after its customers were asked for something may still be written. Who erases waits for a
/// minute after a customer can be found no more, and then erases again: until then nothing is written
/// of an answer that was believed before.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

impl Interactions {
    /// Forgets what is remembered of these customers.
    pub fn forget_subjects(&self, tenant: &TenantId, customers: &[CustomerId]) {
        let customers: HashSet<CustomerId> = customers.iter().copied().collect();
        self.0.recent.forget(tenant, &customers);
        self.0.customers.forget(&customers);
    }
}

/// The context in which what was just asked about is written.
pub(super) fn soon(ctx: &Ctx) -> Ctx {
    ctx.clone().with_timeout(WRITTEN_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::customers::BELIEVED_FOR;

    #[test]
    fn nothing_is_written_of_somebody_who_was_erased_for_good() {
        let minute = Duration::from_secs(60);
        assert!(BELIEVED_FOR + WRITTEN_WITHIN < minute);
    }
}
