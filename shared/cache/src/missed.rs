//! What Redis has to be told once it answers again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Key;

/// Marks that are remembered while Redis is away.
const MARKS_MAX: usize = 10_000;

/// While there is anything in it the breaker stays open, so that this process reads nothing it knows
/// to be stale: both are changed under one lock.
#[derive(Debug)]
pub(crate) struct Missed(Mutex<State>);

#[derive(Debug)]
struct State {
    /// By key, the newest version.
    marks: HashMap<Key, i64>,
    /// How often the run has to end, and did: once because this process starts, and whenever there
    /// were more marks than fit.
    ends_due: u64,
    ends_done: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The run is to end; the number says which of its ends it is.
    End(u64),
    Mark(Key, i64),
}

impl Missed {
    /// As a process starts: what another left behind may be stale.
    pub fn at_the_start() -> Self {
        Self(Mutex::new(State {
            marks: HashMap::new(),
            ends_due: 1,
            ends_done: 0,
        }))
    }

    /// Keeps a mark. Where there are too many, none is kept and the run ends instead: what they
    /// would have refused counts for nobody then.
    pub fn note(&self, key: &Key, version: i64, open: impl FnOnce()) {
        let mut state = self.state();
        if state.marks.len() < MARKS_MAX || state.marks.contains_key(key) {
            let newest = state.marks.entry(key.clone()).or_insert(version);
            *newest = version.max(*newest);
        } else {
            state.marks.clear();
            state.ends_due += 1;
        }
        open();
    }

    /// What is to be told next; where there is nothing, `close` is called.
    pub fn next(&self, close: impl FnOnce()) -> Option<Due> {
        let state = self.state();
        if state.ends_done < state.ends_due {
            return Some(Due::End(state.ends_due));
        }
        match state.marks.iter().next() {
            Some((key, version)) => Some(Due::Mark(key.clone(), *version)),
            None => {
                close();
                None
            }
        }
    }

    /// Redis has taken it. What was missed meanwhile is still due.
    pub fn told(&self, due: &Due) {
        let mut state = self.state();
        match due {
            Due::End(number) => state.ends_done = *number,
            Due::Mark(key, version) => {
                if state.marks.get(key) == Some(version) {
                    state.marks.remove(key);
                }
            }
        }
    }

    #[cfg(test)]
    pub fn start_again(&self) {
        self.state().ends_due += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::TenantId;

    use super::*;

    fn key(n: usize) -> Key {
        Key::new(&TenantId::embedded_default(), "cache.test", n)
    }

    /// What is due, and whether the breaker was closed.
    fn next(missed: &Missed) -> (Option<Due>, bool) {
        let mut closed = false;
        let due = missed.next(|| closed = true);
        (due, closed)
    }

    #[test]
    fn the_run_ends_first_and_then_every_mark_is_told_in_its_newest_version() {
        let missed = Missed::at_the_start();
        for version in [3, 4, 2] {
            missed.note(&key(1), version, || {});
        }
        assert_eq!(next(&missed), (Some(Due::End(1)), false));
        missed.told(&Due::End(1));
        let due = Due::Mark(key(1), 4);
        assert_eq!(next(&missed), (Some(due.clone()), false));
        missed.note(&key(1), 5, || {});
        missed.told(&due);
        assert_eq!(next(&missed), (Some(Due::Mark(key(1), 5)), false));
        missed.told(&Due::Mark(key(1), 5));
        assert_eq!(next(&missed), (None, true));
    }

    #[test]
    fn more_marks_than_fit_end_the_run_also_while_it_is_being_ended() {
        let missed = Missed::at_the_start();
        for n in 0..MARKS_MAX {
            missed.note(&key(n), 1, || {});
        }
        let (under_way, _) = next(&missed);
        assert_eq!(under_way, Some(Due::End(1)));
        missed.note(&key(MARKS_MAX), 1, || {});
        missed.told(&Due::End(1));
        assert_eq!(next(&missed), (Some(Due::End(2)), false));
        missed.told(&Due::End(2));
        assert_eq!(next(&missed), (None, true), "no mark is needed any more");
    }
}
