//! How many calls are worked on at once: as many as are still answered in time, measured.
//!
//! The limit is a congestion window and the signal is queueing delay: how much longer calls take
//! than their method takes when nothing is in the way. That is TCP Vegas (Brakmo and Peterson,
//! 1995) with the tolerated delay in time as in LEDBAT (RFC 6817) rather than in calls, as Netflix'
//! concurrency-limits (gradient, Vegas) brought it to servers. The base is kept per method, so that
//! a mix that turns to heavier calls is not taken for congestion. It grows by an eighth while it is
//! used and calls are in time, and falls by a fifth when they are late on average.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::method::Method;

/// A window is long enough to hold something, and short enough to follow.
const WINDOW: Duration = Duration::from_millis(50);
/// Fewer calls say nothing: where calls are few or slow, windows are longer.
const CALLS_MIN: u64 = 10;
/// Lateness is summed in fractions of this.
const UNIT: f64 = 1_024.0;

#[derive(Debug)]
pub struct Limit {
    now: AtomicUsize,
    min: usize,
    max: usize,
    methods: Vec<Arc<Method>>,
    begun: Instant,
    /// When the window ends, in nanoseconds since `begun`.
    ends: AtomicU64,
    ending: AtomicBool,
    calls: AtomicU64,
    /// Of those of the calls that something is known to be compared with.
    lateness: AtomicU64,
    rated: AtomicU64,
    peak: AtomicUsize,
    pressed: AtomicBool,
}

/// What a window of calls showed.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// On average; above 1 is too late.
    lateness: f64,
    /// The most that were worked on at once.
    peak: usize,
}

impl Limit {
    /// Begins in the middle: a restarted server meets its whole load at once.
    pub fn new(min: usize, max: usize, methods: impl Iterator<Item = Arc<Method>>) -> Self {
        let min = min.min(max);
        Self {
            now: AtomicUsize::new((max / 4).clamp(min, max)),
            min,
            max,
            methods: methods.collect(),
            begun: Instant::now(),
            ends: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            lateness: AtomicU64::new(0),
            rated: AtomicU64::new(0),
            peak: AtomicUsize::new(0),
            pressed: AtomicBool::new(false),
        }
    }

    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// So many are worked on now.
    pub fn used(&self, count: usize) {
        // Read first: a store by every call would bounce the line between cores.
        if self.peak.load(Ordering::Relaxed) < count {
            self.peak.fetch_max(count, Ordering::Relaxed);
        }
    }

    /// Somebody was turned away.
    pub fn refused(&self) {
        if !self.pressed.load(Ordering::Relaxed) {
            self.pressed.store(true, Ordering::Relaxed);
        }
    }

    /// A call ended after so long, well or not.
    pub fn served(&self, pace: &Pace, took: Duration, well: bool) {
        if well {
            pace.note(took);
        }
        let lateness = pace.lateness(took);
        if let Some(lateness) = lateness {
            // A refusal by the handler is quick and says nothing about the others.
            if !well && lateness == 0.0 {
                return;
            }
            self.lateness
                .fetch_add((lateness * UNIT) as u64, Ordering::Relaxed);
            self.rated.fetch_add(1, Ordering::Relaxed);
        }
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let over = calls >= CALLS_MIN && now >= self.ends.load(Ordering::Relaxed);
        if over && !self.ending.swap(true, Ordering::Acquire) {
            self.end_window(now);
            self.ending.store(false, Ordering::Release);
        }
    }

    fn end_window(&self, now: u64) {
        self.ends.store(
            now.saturating_add(u64::try_from(WINDOW.as_nanos()).unwrap_or(u64::MAX)),
            Ordering::Relaxed,
        );
        let calm = !self.pressed.swap(false, Ordering::Relaxed);
        for method in &self.methods {
            method.pace.settle(calm);
        }
        self.calls.store(0, Ordering::Relaxed);
        let rated = self.rated.swap(0, Ordering::Relaxed);
        let lateness = self.lateness.swap(0, Ordering::Relaxed) as f64 / UNIT;
        let seen = Seen {
            lateness: lateness / rated.max(1) as f64,
            peak: self.peak.swap(0, Ordering::Relaxed),
        };
        let next = next(self.now(), seen).clamp(self.min, self.max);
        self.now.store(next, Ordering::Relaxed);
    }
}

fn next(limit: usize, seen: Seen) -> usize {
    if seen.lateness > 1.0 {
        return limit - limit / 5;
    }
    // A limit that nobody comes near is not known to be good.
    if seen.peak >= limit - limit / 4 {
        return limit + (limit / 8).max(1);
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server with this many cores, kept full by callers who come again at once: each call takes
    /// `work` of a core, so `limit` calls at once take `work * limit / cores`.
    fn settled(work: Duration, cores: u32, windows: usize) -> usize {
        let (min, max) = (16, 1_024);
        let limit = Limit::new(min, max, std::iter::empty());
        let pace = Pace::default();
        pace.note(work);
        pace.settle(true);
        for window in 0..windows {
            let at_once = limit.now();
            let took = work * u32::try_from(at_once).expect("small") / cores;
            limit.used(at_once);
            limit.refused();
            limit.ends.store(u64::MAX, Ordering::Relaxed);
            for _ in 0..100 {
                limit.served(&pace, took.max(work), true);
            }
            pace.settle(false);
            limit.end_window(window as u64);
        }
        limit.now()
    }

    #[test]
    fn it_settles_where_calls_are_as_late_as_is_tolerated() {
        // 2 ms of work on 4 cores: 5 ms late with 14 at once; never below the least.
        assert!((16..=20).contains(&settled(Duration::from_millis(2), 4, 200)));
        // 0.1 ms on 4 cores: 5 ms late with about 204 at once.
        let found = settled(Duration::from_micros(100), 4, 200);
        assert!((150..=260).contains(&found), "{found}");
        // Calls that only wait are not late however many there are.
        assert_eq!(settled(Duration::from_millis(1), 100_000, 200), 1_024);
    }

    #[test]
    fn a_limit_that_is_not_used_stays() {
        let seen = |lateness, peak| Seen { lateness, peak };
        assert_eq!(next(100, seen(0.0, 10)), 100);
        assert_eq!(next(100, seen(0.0, 90)), 112);
        assert_eq!(next(100, seen(1.5, 10)), 80);
    }

    #[test]
    fn few_and_slow_calls_are_followed_too() {
        let limit = Limit::new(16, 1_024, std::iter::empty());
        let pace = Pace::default();
        pace.note(Duration::from_millis(10));
        pace.settle(true);
        for _ in 0..100 {
            limit.used(limit.now());
            // Ten calls take many windows.
            limit.ends.store(0, Ordering::Relaxed);
            limit.served(&pace, Duration::from_secs(1), true);
        }
        assert!(limit.now() < 100, "{}", limit.now());
    }
}
