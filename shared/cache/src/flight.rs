//! Single flight: of many who miss the same key at once, one loads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Key;
use crate::value::Value;

/// What a flight brings: nothing yet, or what was loaded, where there was anything.
type Outcome = Option<Option<Value>>;

#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<Key, Flight>>,
    next: AtomicU64,
}

struct Flight {
    number: u64,
    outcome: watch::Receiver<Outcome>,
}

pub(crate) enum Seat<'f> {
    /// Load, then land.
    Lead(Lead<'f>),
    /// Wait for the outcome; an error of the channel means that the leader failed.
    Follow(watch::Receiver<Outcome>),
}

pub(crate) struct Lead<'f> {
    flights: &'f Flights,
    key: Key,
    number: u64,
    outcome: watch::Sender<Outcome>,
}

impl Flights {
    pub fn board(&self, key: &Key) -> Seat<'_> {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.get(key) {
            return Seat::Follow(flight.outcome.clone());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = watch::channel(None);
        under_way.insert(
            key.clone(),
            Flight {
                number,
                outcome: receiver,
            },
        );
        Seat::Lead(Lead {
            flights: self,
            key: key.clone(),
            number,
            outcome: sender,
        })
    }

    /// Who asks after this starts a load of their own: one that began before a write may bring what
    /// was there before it.
    pub fn close_boarding(&self, key: &Key) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead<'_> {
    pub fn land(self, value: Option<Value>) {
        self.outcome.send_replace(Some(value));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        if under_way
            .get(&self.key)
            .is_some_and(|flight| flight.number == self.number)
        {
            under_way.remove(&self.key);
        }
    }
}
