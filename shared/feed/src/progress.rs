//! How far a consumer has come: for health and for reads that demand a cursor.

use crate::Cursor;

/// A consumer's state, as of its last step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The cursor stored with the last effect.
    pub cursor: Option<String>,
    /// Events applied since the start of the process.
    pub applied_count: u64,
    /// True when the last thing received said that there was nothing more.
    pub caught_up: bool,
    /// Why the last attempt failed; `None` since it works.
    pub last_error: Option<String>,
}

impl Progress {
    /// True when the effects of everything up to `cursor` are stored.
    pub fn covers(&self, cursor: &Cursor) -> bool {
        self.cursor
            .as_deref()
            .and_then(|text| Cursor::parse(text).ok())
            .is_some_and(|here| here.covers(cursor))
    }
}
