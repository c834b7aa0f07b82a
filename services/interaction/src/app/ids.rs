//! Ids of new interactions.

use std::sync::Mutex;

use dossier_kernel::Timestamp;
use dossier_kernel::id::InteractionId;
use uuid::{ContextV7, Uuid};

/// Makes ids that sort as they were made, from the service's own clock, so that the order of ids is
/// the order of recording and lists by `create_time` need no index.
pub struct Ids(Mutex<ContextV7>);

impl Default for Ids {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl Ids {
    /// A new id with the time it holds: `now` to the millisecond, or a little later where the
    /// clock went back.
    pub fn next(&self, now: Timestamp) -> (InteractionId, Timestamp) {
        let (secs, nanos) = now.to_secs_nanos();
        let at = uuid::Timestamp::from_unix(
            &self.0,
            u64::try_from(secs).unwrap_or(0),
            nanos.unsigned_abs(),
        );
        let id = Uuid::new_v7(at);
        (InteractionId(id), time_of(id).unwrap_or(now))
    }
}

fn time_of(id: Uuid) -> Option<Timestamp> {
    let (secs, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::from_secs_nanos(i64::try_from(secs).ok()?, i32::try_from(nanos).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_they_were_made_even_when_the_clock_goes_back() {
        let ids = Ids::default();
        let mut last = None;
        for micros in [5_000_000, 5_000_400, 5_001_000, 4_000_000, 6_000_000] {
            for _ in 0..100 {
                let (id, time) = ids.next(Timestamp(micros));
                assert!(last < Some((time, id)), "{micros}");
                last = Some((time, id));
            }
        }
    }

    #[test]
    fn the_time_is_the_clocks_to_the_millisecond() {
        let (_, time) = Ids::default().next(Timestamp(1_700_000_000_123_456));
        assert_eq!(time, Timestamp(1_700_000_000_123_000));
    }
}
