//! Which database, and how much of it.

use dossier_kernel::{Error, Reason, Result};

/// Where a service keeps its tables.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://path/to/file.db` or `postgres://user:password@host:port/database`.
    pub url: String,
    /// The service's name. On PostgreSQL its tables live in the schema `dossier_<name>`; on SQLite
    /// the file is the service's own and the name only appears in logs.
    pub schema: &'static str,
    /// Connections of the pool: on PostgreSQL all of them, on SQLite the readers (the writer has
    /// one more). At least 1.
    pub max_connections: u32,
    /// Whether outcomes of requests may name customers; the ids in them are then kept beside them.
    pub outcomes_name_customers: bool,
}

/// Which database answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// Which backend a URL names.
    pub fn of(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            if url.contains(":memory:") || url.contains("mode=memory") {
                return Err(Error::new(
                    Reason::InvalidArgument,
                    "An in-memory SQLite database cannot be shared by readers and the writer; name a file.",
                ));
            }
            return Ok(Self::Sqlite);
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::Postgres);
        }
        Err(Error::new(
            Reason::InvalidArgument,
            "A database URL begins with sqlite:// or postgres://.",
        ))
    }

    /// How many values one statement may bind.
    pub const fn max_binds(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Postgres => 65_535,
        }
    }
}

impl From<Backend> for sea_orm::DbBackend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite,
            Backend::Postgres => Self::Postgres,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_their_backend_and_memory_is_refused() {
        assert_eq!(
            Backend::of("sqlite://a.db").expect("sqlite"),
            Backend::Sqlite
        );
        assert_eq!(
            Backend::of("postgresql://h/d").expect("pg"),
            Backend::Postgres
        );
        assert!(Backend::of("sqlite::memory:").is_err());
        assert!(Backend::of("mysql://h/d").is_err());
    }
}
