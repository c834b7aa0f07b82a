//! Time: the one place that reads a wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds ignored. What every store keeps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds and the nanoseconds that remain (0..=999_999_000), as protobuf wants them.
    pub const fn to_secs_nanos(self) -> (i64, i32) {
        (
            self.0.div_euclid(1_000_000),
            (self.0.rem_euclid(1_000_000) * 1_000) as i32,
        )
    }

    /// `None` when the instant lies outside the years 0001 to 9999 or is not representable.
    pub fn from_secs_nanos(secs: i64, nanos: i32) -> Option<Self> {
        const YEAR_0001: i64 = -62_135_596_800;
        const YEAR_9999_END: i64 = 253_402_300_799;
        if !(YEAR_0001..=YEAR_9999_END).contains(&secs) || !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        Some(Self(secs * 1_000_000 + i64::from(nanos / 1_000)))
    }

    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// Zero when `earlier` is later than `self`.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC, with microseconds only where there are any.
    pub fn to_rfc3339(self) -> String {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|t| {
                t.format(&time::format_description::well_known::Rfc3339)
                    .ok()
            })
            .unwrap_or_else(|| format!("{}us", self.0))
    }

    /// Reads RFC 3339 (`2026-01-31T10:00:00Z`) or a plain date (`2026-01-31`, midnight UTC).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(at) =
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        {
            // Rounded down, as in `from_secs_nanos`, before 1970 too.
            return i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000))
                .ok()
                .map(Self);
        }
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let date = time::Date::parse(text, &format).ok()?;
        let at = date.midnight().assume_utc();
        Some(Self::from_secs(at.unix_timestamp()))
    }
}

/// Where "now" comes from. Tests and demos move a manual clock; production reads the system's.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub const fn system() -> Self {
        Self::System
    }

    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Self::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the system clock cannot be moved and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(micros) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips_through_text() {
        for text in [
            "1997-01-01T00:00:00Z",
            "2026-11-22T02:50:09.123456Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).expect("parses").to_rfc3339(), text);
        }
        assert_eq!(
            Timestamp::parse("1998-06-30"),
            Timestamp::parse("1998-06-30T00:00:00Z")
        );
        assert_eq!(Timestamp::parse("1998-02-30"), None);
    }

    #[test]
    fn seconds_and_nanos_round_trip_before_the_epoch() {
        let before = Timestamp(-1);
        let (secs, nanos) = before.to_secs_nanos();
        assert_eq!((secs, nanos), (-1, 999_999_000));
        assert_eq!(Timestamp::from_secs_nanos(secs, nanos), Some(before));
    }

    #[test]
    fn texts_and_messages_are_rounded_alike() {
        let read = Timestamp::parse("1969-12-31T23:59:59.999999500Z");
        assert_eq!(read, Timestamp::from_secs_nanos(-1, 999_999_500));
        assert_eq!(read, Some(Timestamp(-1)));
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Timestamp::from_secs(10));
        let other = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now(), Timestamp::from_secs(15));
    }
}
