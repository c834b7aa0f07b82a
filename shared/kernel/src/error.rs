//! What went wrong, in facts a client can act on.
//!
//! Services have error types of their own words (thiserror) and turn them into [`Error`] once;
//! `shared/rpc` alone turns an [`Error`] into a wire status. The message and the metadata reach
//! the client; the source goes to the log once and never further.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. Each has one wire code and one value of `dossier.common.v1.ErrorReason`. Its
/// serde form is stored: names stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// A field is malformed, missing or outside its limits.
    InvalidArgument,
    /// A filter or order does not parse or names an unknown field.
    InvalidFilter,
    /// No such resource in this tenant.
    NotFound,
    /// The id, or an identifier that must be unique, is taken.
    AlreadyExists,
    /// The etag is not the current one.
    EtagMismatch,
    /// The request id was used with another body.
    RequestIdReused,
    /// Keys of one call name different customers.
    IdentityConflict,
    /// The resource is in a state in which the call is refused.
    FailedPrecondition,
    /// A message, batch, stream or value is larger than its limit.
    LimitExceeded,
    /// The quota or the server's capacity is used up for now.
    ResourceExhausted,
    /// The cursor lies before what is kept.
    Compacted,
    /// The cursor is of another history, such as before a restore.
    EpochChanged,
    /// No token, or one that is not valid.
    Unauthenticated,
    /// The principal may not do this.
    PermissionDenied,
    /// The deadline passed first.
    DeadlineExceeded,
    /// The caller went away.
    Cancelled,
    /// A part that is needed is not there right now.
    Unavailable,
    /// What is asked for must be written into the audit log, which cannot be written right now.
    AuditUnavailable,
    /// The service does not know this method.
    Unimplemented,
    /// A fault of ours.
    Internal,
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field in the request, such as `customer.contact_points[1].value`.
    pub field: String,
    /// What is wrong and what would be right, without the value.
    pub description: String,
}

impl Violation {
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// An error with its reason and facts. `Display` is what the client reads: one English sentence
/// that says what to do, without personal data.
pub struct Error(Box<Facts>);

struct Facts {
    reason: Reason,
    message: String,
    violations: Vec<Violation>,
    metadata: BTreeMap<&'static str, String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Violations that a message says; all are in the details.
const VIOLATIONS_SAID_MAX: usize = 3;

impl Error {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: BTreeMap::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// Fields that are wrong, all at once. The first of them are said in the message, too: many
    /// clients print nothing else.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let said = violations.iter().take(VIOLATIONS_SAID_MAX);
        let said =
            said.map(|one| format!("{}: {}", one.field, one.description.trim_end_matches('.')));
        let mut message = said.collect::<Vec<_>>().join("; ");
        match violations.len().saturating_sub(VIOLATIONS_SAID_MAX) {
            0 => message.push('.'),
            more => message.push_str(&format!("; and {more} more, see the field violations.")),
        }
        let mut error = Self::new(Reason::InvalidArgument, message);
        error.0.violations = violations;
        error
    }

    /// `name` is a resource name, which is no personal data.
    pub fn not_found(name: impl fmt::Display) -> Self {
        let name = name.to_string();
        Self::new(
            Reason::NotFound,
            format!("{name} does not exist in this tenant."),
        )
        .with("resource", name)
    }

    /// A fault of ours. The client learns only that; `source` goes to the log.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(
            Reason::Internal,
            "An internal error occurred; it was logged under the request id.",
        )
        .caused_by(source)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Reason::Unavailable, message).retry_after(Duration::from_millis(200))
    }

    #[must_use]
    pub fn with(mut self, key: &'static str, fact: impl Into<String>) -> Self {
        self.0.metadata.insert(key, fact.into());
        self
    }

    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    pub fn metadata(&self) -> &BTreeMap<&'static str, String> {
        &self.0.metadata
    }

    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.reason, self.0.message)?;
        for violation in &self.0.violations {
            write!(f, " [{}: {}]", violation.field, violation.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_violations_are_said_in_the_message_and_the_others_counted() {
        let one = Error::invalid(vec![Violation::new("page_size", "must not be negative.")]);
        assert_eq!(one.to_string(), "page_size: must not be negative.");
        let wrong = |field: &&str| Violation::new(*field, "is wrong");
        let five = Error::invalid(["a", "b", "c", "d", "e"].iter().map(wrong).collect());
        assert_eq!(
            five.to_string(),
            "a: is wrong; b: is wrong; c: is wrong; and 2 more, see the field violations."
        );
        assert_eq!(five.violations().len(), 5);
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_in_its_words() {
        let error = Error::internal(std::io::Error::other("secret path"));
        assert!(!error.to_string().contains("secret"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
