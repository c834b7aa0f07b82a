//! Until when a transaction must be committed: the earliest deadline of what it holds.
//!
//! Jobs share a transaction, so one that runs long would carry the others' effects past their
//! deadlines. What is promised: COMMIT is asked for before the deadline of every job in it, or
//! none of them is kept. The flush itself may end later; whoever waits for it has been told
//! DEADLINE_EXCEEDED by then, which says that the change may or may not have been made.

use std::time::{Duration, Instant};

/// What the last statements before a commit may take. Work that ends nearer to its deadline is
/// undone alone instead of endangering the others.
const MARGIN: Duration = Duration::from_millis(2);
/// Time that must be left to all for a further job to join them.
const ROOM: Duration = Duration::from_millis(25);
/// The same for a job without a deadline, such as a chunk of an import, which may take long.
const LONG_ROOM: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CommitBy(Option<Instant>);

impl CommitBy {
    /// The transaction now holds work of this deadline.
    pub fn hold(&mut self, deadline: Option<Instant>) {
        self.0 = [self.0, deadline].into_iter().flatten().min();
    }

    /// Whether a further job of this deadline may join what is held, without danger to either.
    pub fn has_room(self, deadline: Option<Instant>) -> bool {
        let room = deadline.map_or(LONG_ROOM, |_| ROOM);
        let both = [self.0, deadline].into_iter().flatten();
        both.min().is_none_or(|at| at > Instant::now() + room)
    }

    /// Whether it is too late to ask for the commit.
    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// When a job must end, lest it or what is held be late.
    pub fn bound(mut self, deadline: Option<Instant>) -> Option<Instant> {
        self.hold(deadline);
        self.0.and_then(|at| at.checked_sub(MARGIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_decides_who_may_join() {
        let now = Instant::now();
        let mut by = CommitBy::default();
        assert!(by.has_room(None) && !by.has_passed());
        by.hold(Some(now + Duration::from_secs(30)));
        assert!(by.has_room(None));
        by.hold(Some(now + Duration::from_millis(500)));
        by.hold(None);
        assert!(by.has_room(Some(now + Duration::from_secs(5))));
        assert!(!by.has_room(None), "it may take longer than what is left");
        by.hold(Some(now));
        assert!(by.has_passed() && !by.has_room(Some(now + Duration::from_secs(5))));
        assert!(by.bound(None).is_some_and(|at| at < now));
        let urgent = Some(now + Duration::from_millis(1));
        assert!(
            !CommitBy::default().has_room(urgent),
            "it would endanger the others"
        );
    }
}
