//! The request that the current task works for, so that a log line can name it.
//!
//! Not a context: whatever decides or stores something takes `kernel::Ctx` as its argument.

use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Runs `work` for the request; log lines written meanwhile carry `id`. For futures and streams
/// this is called around every poll.
pub fn scope<T>(id: &Arc<str>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(Arc::clone(id), work)
}

/// The request id of the innermost [`scope`], if there is one.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_scope_names_the_request() {
        assert_eq!(current(), None);
        let (outer, inner): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        scope(&outer, || {
            scope(&inner, || assert_eq!(current().as_deref(), Some("b")));
            assert_eq!(current().as_deref(), Some("a"));
        });
        assert_eq!(current(), None);
    }
}
