//! A failed call as a client reads it, with Google's own message definitions.

use std::collections::HashMap;

use anyhow::bail;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

/// The facts of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// `ErrorInfo.reason`; empty when there is no ErrorInfo, which is a fault.
    pub reason: String,
    pub domain: String,
    pub metadata: HashMap<String, String>,
    /// Field and description.
    pub violations: Vec<(String, String)>,
    pub message: String,
    pub has_retry: bool,
}

impl Refusal {
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().cloned();
        let (reason, domain, metadata) = info
            .map(|info| (info.reason, info.domain, info.metadata))
            .unwrap_or_default();
        let violations = details.bad_request().map(|bad| {
            bad.field_violations
                .iter()
                .map(|one| (one.field.clone(), one.description.clone()))
                .collect()
        });
        Self {
            code: status.code(),
            reason,
            domain,
            metadata,
            violations: violations.unwrap_or_default(),
            message: status.message().to_owned(),
            has_retry: details.retry_info().is_some(),
        }
    }

    /// The refusal of a call that must be refused.
    pub fn from_answer<T>(answer: Result<Response<T>, Status>) -> anyhow::Result<Self> {
        match answer {
            Err(status) => Ok(Self::of(&status)),
            Ok(_) => bail!("a call that must be refused was accepted"),
        }
    }

    /// The refused fields, in the order they were told.
    pub fn fields(&self) -> Vec<&str> {
        self.violations
            .iter()
            .map(|(field, _)| field.as_str())
            .collect()
    }
}
