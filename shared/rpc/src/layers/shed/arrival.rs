//! When a request was there in full: a caller that sends slowly is no sign of a busy server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared by the body that is read and the place that is timed.
#[derive(Clone, Debug)]
pub struct Arrival(Arc<Clock>);

#[derive(Debug)]
struct Clock {
    started: Instant,
    /// Nanoseconds from the start to the last byte that was waited for.
    arrived: AtomicU64,
}

const WAITING: u64 = u64::MAX;

impl Arrival {
    pub fn new(started: Instant) -> Self {
        Self(Arc::new(Clock {
            started,
            arrived: AtomicU64::new(0),
        }))
    }

    /// More is needed than what is there.
    pub fn waits(&self) {
        self.0.arrived.store(WAITING, Ordering::Relaxed);
    }

    /// What was waited for has come.
    pub fn arrived(&self) {
        if self.0.arrived.load(Ordering::Relaxed) == WAITING {
            let nanos = u64::try_from(self.0.started.elapsed().as_nanos()).unwrap_or(WAITING);
            self.0.arrived.store(nanos, Ordering::Relaxed);
        }
    }

    /// How long ago the request was there; `None` while it is not.
    pub fn age(&self) -> Option<Duration> {
        match self.0.arrived.load(Ordering::Relaxed) {
            WAITING => None,
            nanos => {
                let arrived = Duration::from_nanos(nanos);
                Some(self.0.started.elapsed().saturating_sub(arrived))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_a_body_takes_is_not_the_calls() {
        let started = Instant::now()
            .checked_sub(Duration::from_secs(60))
            .expect("up for a minute");
        let arrival = Arrival::new(started);
        assert!(
            arrival
                .age()
                .is_some_and(|age| age >= Duration::from_secs(60))
        );
        arrival.waits();
        assert_eq!(arrival.age(), None);
        arrival.arrived();
        assert!(
            arrival
                .age()
                .is_some_and(|age| age < Duration::from_secs(30))
        );
    }
}
