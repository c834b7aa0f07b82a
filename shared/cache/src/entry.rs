//! What is kept under a key: a value of a known revision, or the mark that older ones are stale.

use std::time::Duration;

/// Longest life of a value, whatever its owner asked for: bounds how long a stale one can live when
/// an announcement was lost together with the process that made it.
pub const MAX_TTL: Duration = Duration::from_secs(600);

/// How long a mark refuses stale values: longer than any read that began before the write, because
/// calls without a deadline of their own get 30 s.
pub(crate) const MARK_TTL: Duration = Duration::from_secs(35);

/// Newer than every revision: what is kept of a removed value.
pub(crate) const REMOVED: i64 = i64::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Entry<V> {
    /// The revision of the value, or the oldest one that may replace the mark.
    pub version: i64,
    /// `None` is a mark.
    pub value: Option<V>,
    pub ttl: Duration,
}

impl<V> Entry<V> {
    pub fn value(version: i64, value: V, ttl: Duration) -> Self {
        Self {
            version: version.max(0),
            value: Some(value),
            ttl: jittered(ttl),
        }
    }

    pub fn mark(version: i64) -> Self {
        Self {
            version: version.max(0),
            value: None,
            ttl: MARK_TTL,
        }
    }
}

/// Values put together do not expire together: up to a tenth is taken off.
fn jittered(ttl: Duration) -> Duration {
    let ttl = ttl.clamp(Duration::from_millis(1), MAX_TTL);
    let random = getrandom::u32().unwrap_or(0);
    ttl - ttl / 10 * (random % 1_000) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_bounded_and_spread_by_a_tenth_at_most() {
        for _ in 0..1_000 {
            let ttl = jittered(Duration::from_secs(60));
            assert!(
                ttl > Duration::from_secs(53) && ttl <= Duration::from_secs(60),
                "{ttl:?}"
            );
        }
        assert!(jittered(Duration::from_secs(86_400)) <= MAX_TTL);
        assert!(jittered(Duration::ZERO) > Duration::ZERO);
    }
}
