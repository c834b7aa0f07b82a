//! What follows when customers are erased.

use std::time::Duration;

use dossier_kernel::Ctx;

use super::Interactions;
use super::customers::BELIEVED_FOR;

/// How long after its customers were asked for something may still be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// Who erases waits for a minute after a customer can be found no more, and then erases again: until
/// then nothing is written of an answer that was believed before.
const _: () = assert!(BELIEVED_FOR.as_secs() + WRITTEN_WITHIN.as_secs() < 60);

impl Interactions {
    /// Forgets what is remembered of everybody: erasures are rare, and whose recent interactions are
    /// kept is found by no index.
    pub fn forget_subjects(&self) {
        self.0.recent.forget();
        self.0.customers.forget();
    }
}

/// The context in which what was just asked about is written.
pub(super) fn soon(ctx: &Ctx) -> Ctx {
    ctx.clone().with_timeout(WRITTEN_WITHIN)
}
