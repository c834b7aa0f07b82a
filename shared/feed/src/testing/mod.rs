//! Whether watchers of a feed saw what they were promised (feature `testing`).
//!
//! Record what writers were told in [`Committed`] and what a watcher received in [`Watched`], then
//! ask [`check`]. The six guarantees are those of etcd's watch API ("etcd API guarantees", etcd
//! documentation, v3.5), each a function of [`guarantees`] that a broken history fails:
//!
//! | guarantee | here |
//! |---|---|
//! | ordered | the events of a shard come by their numbers, and cursors only grow |
//! | unique | no event comes twice, however often the watch was cut and resumed |
//! | reliable | of two events of one shard that came over one stream, none between them is missing |
//! | atomic | a heartbeat never stands inside a transaction |
//! | resumable | a watch opened after its last cursor goes on with the very next event |
//! | bookmarkable | everything a heartbeat's cursor covers was delivered |

pub mod guarantees;
mod history;

pub use history::{Committed, Law, Place, Saw, Violation, Watched};

/// All guarantees, and that nothing was seen that nobody committed.
pub fn check<K: history::Key>(
    committed: &Committed<K>,
    watched: &Watched<K>,
) -> Result<(), Violation> {
    guarantees::known(committed, watched)?;
    guarantees::ordered(committed, watched)?;
    guarantees::unique(committed, watched)?;
    guarantees::reliable(committed, watched)?;
    guarantees::resumable(committed, watched)?;
    guarantees::atomic(committed, watched)?;
    guarantees::bookmarkable(committed, watched)
}

/// As [`check`], and that the watcher has come to the end: its last heartbeat covers every event.
pub fn check_whole<K: history::Key>(
    committed: &Committed<K>,
    watched: &Watched<K>,
) -> Result<(), Violation> {
    check(committed, watched)?;
    guarantees::whole(committed, watched)
}
