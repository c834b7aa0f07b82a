//! What a method takes when nothing is in its way, and how much longer it takes now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A call may always be this late: below it nobody suffers, and noise is larger than the signal.
const LATE_MIN: Duration = Duration::from_millis(5);
/// Or this many times what the method takes when alone.
const LATE_FACTOR: f64 = 2.0;
/// One very late call says as much as this many late ones.
const LATENESS_MAX: f64 = 4.0;

/// What windows of calls add to the base: quickly down, slowly up, so that a burst of slow calls
/// does not become what is expected. With 20 windows in a second a change of what calls take is
/// followed in about two minutes.
const DOWN: f64 = 0.25;
const UP: f64 = 1.0 / 2_048.0;

const UNKNOWN: u64 = u64::MAX;

/// The pace of one method. All in nanoseconds.
#[derive(Debug)]
pub struct Pace {
    base: AtomicU64,
    sum: AtomicU64,
    count: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            base: AtomicU64::new(UNKNOWN),
            sum: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

impl Pace {
    /// How late a call that took so long is: 0 is as expected, 1 as late as is tolerated. `None`
    /// while nothing is known of the method.
    pub fn lateness(&self, took: Duration) -> Option<f64> {
        let base = self.base.load(Ordering::Relaxed);
        if base == UNKNOWN {
            return None;
        }
        let base = Duration::from_nanos(base);
        let tolerated = base.mul_f64(LATE_FACTOR).max(LATE_MIN);
        let late = took.saturating_sub(base);
        Some((late.as_secs_f64() / tolerated.as_secs_f64()).min(LATENESS_MAX))
    }

    /// Remembers a call that was answered well.
    pub fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / 1_024);
        self.sum.fetch_add(took, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a window. The base rises only in `calm` ones: what calls take while others are refused
    /// is not what they take.
    pub fn settle(&self, calm: bool) {
        let count = self.count.swap(0, Ordering::Relaxed);
        let sum = self.sum.swap(0, Ordering::Relaxed);
        if count == 0 {
            return;
        }
        let average = (sum / count) as f64;
        let base = self.base.load(Ordering::Relaxed);
        let settled = match base {
            UNKNOWN => average,
            base if average < base as f64 => base as f64 - (base as f64 - average) * DOWN,
            base if calm => base as f64 + (average - base as f64) * UP,
            _ => return,
        };
        self.base.store(settled as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn window(pace: &Pace, took: Duration, calm: bool) {
        pace.note(took);
        pace.settle(calm);
    }

    #[test]
    fn lateness_is_measured_against_what_the_method_takes() {
        let pace = Pace::default();
        assert_eq!(pace.lateness(MS), None);
        window(&pace, 100 * MS, true);
        assert_eq!(pace.lateness(50 * MS), Some(0.0));
        assert_eq!(pace.lateness(300 * MS), Some(1.0));
        assert_eq!(pace.lateness(60_000 * MS), Some(LATENESS_MAX));
        let quick = Pace::default();
        window(&quick, MS / 10, true);
        assert!(
            quick.lateness(3 * MS).is_some_and(|late| late < 1.0),
            "milliseconds are noise"
        );
    }

    #[test]
    fn the_base_falls_fast_rises_slowly_and_not_at_all_under_pressure() {
        let pace = Pace::default();
        window(&pace, 100 * MS, true);
        for _ in 0..30 {
            window(&pace, 10 * MS, true);
        }
        assert!(pace.lateness(40 * MS).is_some_and(|late| late > 1.0));
        for _ in 0..10_000 {
            window(&pace, 100 * MS, false);
        }
        assert!(pace.lateness(40 * MS).is_some_and(|late| late > 1.0));
        for _ in 0..10_000 {
            window(&pace, 100 * MS, true);
        }
        assert_eq!(pace.lateness(90 * MS), Some(0.0));
    }
}
