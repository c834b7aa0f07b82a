//! What a customer did, summed up: recency, frequency, monetary value, by kind and channel.

use std::collections::BTreeMap;
use std::time::Duration;

use dossier_kernel::{Currency, Error, Timestamp, Violation};

use super::Kind;

/// Which interactions count, by when they occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    AllTime,
    /// After `after` and up to `until`.
    Between {
        after: Timestamp,
        until: Timestamp,
    },
}

impl Window {
    /// The last `days` times 24 hours; 0 is all time.
    pub fn last_days(days: i32, now: Timestamp) -> Result<Self, Error> {
        const DAY_SECONDS: u64 = 24 * 60 * 60;
        match u64::try_from(days) {
            Err(_) => Err(Error::invalid(vec![Violation::new(
                "window_days",
                "must not be negative; leave it 0 for all time",
            )])),
            Ok(0) => Ok(Self::AllTime),
            Ok(days) => {
                let after = now.minus(Duration::from_secs(days * DAY_SECONDS));
                Ok(Self::Between { after, until: now })
            }
        }
    }
}

/// Interactions of one kind, on one channel, in one currency: what the store counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub kind: Kind,
    pub channel: Option<String>,
    pub count: i64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Of purchases.
    pub spent: Option<Spent>,
}

/// A sum of amounts, whole units and millionths added apart: neither can overflow in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    pub currency: Currency,
    pub units: i64,
    pub micros: i64,
}

/// How many, and the first and last of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub count: i64,
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Total {
    fn add(&mut self, bucket: &Bucket) {
        self.count += bucket.count;
        let (first, last) = self.span.unwrap_or((bucket.first, bucket.last));
        self.span = Some((first.min(bucket.first), last.max(bucket.last)));
    }
}

/// The sum of all buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub interactions: Total,
    pub purchases: Total,
    /// Millionths by currency, never added across. A sum of many amounts may exceed 64 bits.
    pub spent: BTreeMap<Currency, i128>,
    pub kinds: BTreeMap<Kind, i64>,
    pub channels: BTreeMap<String, i64>,
}

impl Summary {
    pub fn of(buckets: impl IntoIterator<Item = Bucket>) -> Self {
        let mut summary = Self::default();
        for bucket in buckets {
            summary.interactions.add(&bucket);
            *summary.kinds.entry(bucket.kind).or_default() += bucket.count;
            if bucket.kind == Kind::Purchase {
                summary.purchases.add(&bucket);
            }
            if let Some(spent) = bucket.spent {
                let micros = i128::from(spent.units) * 1_000_000 + i128::from(spent.micros);
                *summary.spent.entry(spent.currency).or_default() += micros;
            }
            if let Some(channel) = bucket.channel {
                *summary.channels.entry(channel).or_default() += bucket.count;
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn purchase(channel: Option<&str>, at: i64, currency: &str, micros: i64) -> Bucket {
        Bucket {
            kind: Kind::Purchase,
            channel: channel.map(str::to_owned),
            count: 1,
            first: Timestamp(at),
            last: Timestamp(at),
            spent: Currency::parse(currency).map(|currency| Spent {
                currency,
                units: micros / 1_000_000,
                micros: micros % 1_000_000,
            }),
        }
    }

    #[test]
    fn currencies_are_never_added_to_each_other() {
        let summary = Summary::of([
            purchase(Some("web"), 5, "USD", 29_330_000),
            purchase(None, 3, "CNY", 1),
            purchase(Some("web"), 9, "USD", 670_000),
        ]);
        let spent: Vec<_> = summary.spent.values().copied().collect();
        assert_eq!(spent, [1, 30_000_000]);
        assert_eq!(summary.purchases.span, Some((Timestamp(3), Timestamp(9))));
        assert_eq!(summary.channels, BTreeMap::from([("web".to_owned(), 2)]));
    }

    #[test]
    fn a_window_of_days_ends_now_and_none_means_all_time() {
        let now = Timestamp::from_secs(10 * 86_400);
        assert_eq!(
            Window::last_days(0, now).expect("all time"),
            Window::AllTime
        );
        let two = Window::last_days(2, now).expect("two days");
        assert_eq!(
            two,
            Window::Between {
                after: Timestamp::from_secs(8 * 86_400),
                until: now
            }
        );
        assert!(Window::last_days(-1, now).is_err());
        assert!(Window::last_days(i32::MAX, now).is_ok());
    }

    proptest! {
        #[test]
        fn the_order_of_buckets_does_not_matter(
            rows in proptest::collection::vec((0..3_usize, -50..50_i64, 0..i64::MAX), 0..12),
        ) {
            let buckets: Vec<Bucket> = rows
                .into_iter()
                .map(|(which, at, micros)| {
                    let currency = ["USD", "CNY", "EUR"][which];
                    purchase([None, Some("web"), Some("store")][which], at, currency, micros)
                })
                .collect();
            let there = Summary::of(buckets.clone());
            let back = Summary::of(buckets.into_iter().rev());
            prop_assert_eq!(there, back);
        }
    }
}
