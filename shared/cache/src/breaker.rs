//! When to stop asking something that does not answer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Failures in a row after which the breaker opens.
const FAILURES_MAX: u32 = 5;

/// Opens after some failures in a row; whoever opened it looks after closing it.
pub(crate) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
}

impl Breaker {
    pub const fn new() -> Self {
        Self {
            open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
        }
    }

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub fn succeeded(&self) {
        // Read first: a store by every success would bounce the line between cores.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether this failure opened it.
    pub fn failed(&self) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX && self.open()
    }

    /// Whether it was closed before.
    pub fn open(&self) -> bool {
        !self.open.swap(true, Ordering::AcqRel)
    }

    pub fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_once_after_failures_in_a_row() {
        let breaker = Breaker::new();
        for _ in 0..4 {
            assert!(!breaker.failed());
        }
        breaker.succeeded();
        for _ in 0..4 {
            assert!(!breaker.failed());
        }
        assert!(!breaker.is_open());
        assert!(breaker.failed());
        assert!(breaker.is_open());
        assert!(
            !breaker.failed(),
            "already open: somebody else looks after it"
        );
        breaker.close();
        assert!(!breaker.is_open());
        assert!(!breaker.failed(), "the count began again");
    }
}
