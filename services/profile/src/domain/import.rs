//! An import of customers: what it did, and what was taken back of it.

use dossier_kernel::Timestamp;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// Its end was not read yet: a stream brings it, or broke off.
    Running,
    Succeeded,
    Undoing,
    Undone,
}

impl ImportState {
    pub const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Undoing, Self::Undone];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Undoing => "UNDOING",
            Self::Undone => "UNDONE",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What rows came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// Rows, however many errors they have.
    pub errors: u64,
}

/// An import that is kept: no dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub id: Uuid,
    pub state: ImportState,
    pub create_time: Timestamp,
    /// When it last got further.
    pub update_time: Timestamp,
    /// Who began it, such as `person:amy`.
    pub creator: String,
    pub counts: ImportCounts,
    /// Changes of customers that were taken back, and those that stay.
    pub undone_count: u64,
    pub kept_count: u64,
}

impl Import {
    pub const COLLECTION: &'static str = "imports";

    pub fn name_of(id: Uuid) -> String {
        format!("{}/{id}", Self::COLLECTION)
    }
}
