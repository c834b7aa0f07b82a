//! The one place where an error becomes a wire status, and back.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use dossier_kernel::{Error, Reason, Violation};
use prost::Message;
use tonic::{Code, Status};

use crate::google::{self, BadRequest, Detail, ErrorInfo, FieldViolation, RetryInfo};
use crate::reason;

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "dossier";
/// Details travel in trailers, and many clients refuse more than 8 KiB of those.
pub const DETAILS_BYTES_MAX: usize = 4 * 1024;
/// More violations than this are counted, not listed.
pub const VIOLATIONS_MAX: usize = 20;

const MESSAGE_BYTES_MAX: usize = 512;
const TEXT_BYTES_MAX: usize = 512;
const FACT_BYTES_MAX: usize = 1024;

/// The key under which an error says how many violations it had when not all are listed.
const VIOLATION_COUNT: &str = "violation_count";

/// The facts that come back from a peer's error; others are dropped.
const FACTS: [&str; 10] = [
    "customers",
    "epoch",
    "etag",
    "fields",
    "floor",
    "limit",
    "permission",
    "position",
    "resource",
    VIOLATION_COUNT,
];

/// Turns an error into what leaves on the wire: its code, its message, and `google.rpc` details
/// with exactly one `ErrorInfo`. A fault of ours is logged here, once, with its causes.
pub fn status(error: Error) -> Status {
    log(&error);
    let code = reason::code(error.reason());
    let message = truncated(error.message(), MESSAGE_BYTES_MAX);
    let details = details(&error, code, &message);
    Status::with_details(code, message, details.into())
}

/// The error that a peer's status says, with its reason, violations and known facts.
pub fn error_from_status(status: Status) -> Error {
    let details = google::Status::decode(status.details()).unwrap_or_default();
    let info = details
        .detail::<ErrorInfo>()
        .filter(|info| info.domain == DOMAIN);
    let Some((info, reason)) =
        info.and_then(|info| reason::from_name(&info.reason).map(|reason| (info, reason)))
    else {
        return crate::foreign::error(&status);
    };
    let mut error = Error::new(reason, status.message());
    for key in FACTS {
        if let Some(fact) = info.metadata.get(key) {
            error = error.with(key, fact);
        }
    }
    if let Some(bad) = details.detail::<BadRequest>() {
        let violations = bad.field_violations.into_iter();
        error = error.with_violations(
            violations
                .map(|each| Violation::new(each.field, each.description))
                .collect(),
        );
    }
    let delay = details
        .detail::<RetryInfo>()
        .and_then(|retry| retry.retry_delay);
    if let Some(delay) = delay.and_then(|delay| Duration::try_from(delay).ok()) {
        error = error.retry_after(delay);
    }
    error
}

fn details(error: &Error, code: Code, message: &str) -> Vec<u8> {
    let mut listed = error.violations().len().min(VIOLATIONS_MAX);
    let mut facts: BTreeMap<String, String> = error
        .metadata()
        .iter()
        .map(|(key, fact)| ((*key).to_owned(), truncated(fact, FACT_BYTES_MAX)))
        .collect();
    loop {
        if listed < error.violations().len() {
            facts.insert(
                VIOLATION_COUNT.to_owned(),
                error.violations().len().to_string(),
            );
        }
        let bytes = encode(error, code, message, listed, &facts);
        if bytes.len() <= DETAILS_BYTES_MAX {
            return bytes;
        }
        // Violations give way before facts: a cursor's floor has no other place to be.
        if listed > 1 {
            listed -= 1;
        } else if let Some(longest) = longest(&facts) {
            facts.remove(&longest);
        } else {
            listed = 0;
        }
    }
}

fn longest(facts: &BTreeMap<String, String>) -> Option<String> {
    facts
        .iter()
        .max_by_key(|(_, fact)| fact.len())
        .map(|(key, _)| key.clone())
}

fn encode(
    error: &Error,
    code: Code,
    message: &str,
    listed: usize,
    facts: &BTreeMap<String, String>,
) -> Vec<u8> {
    let info = ErrorInfo {
        reason: reason::name(error.reason()).to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: facts.clone(),
    };
    let mut details = vec![info.to_any()];
    if listed > 0 {
        let violations = error.violations().iter().take(listed);
        let field_violations = violations
            .map(|each| FieldViolation {
                field: truncated(&each.field, TEXT_BYTES_MAX),
                description: truncated(&each.description, TEXT_BYTES_MAX),
            })
            .collect();
        details.push(BadRequest { field_violations }.to_any());
    }
    if let Some(delay) = error.retry_delay() {
        let retry_delay = prost_types::Duration::try_from(delay).ok();
        details.push(RetryInfo { retry_delay }.to_any());
    }
    google::Status {
        code: code.into(),
        message: message.to_owned(),
        details,
    }
    .encode_to_vec()
}

fn truncated(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max - '…'.len_utf8());
    format!("{}…", &text[..end])
}

/// `Display` only: in `{:?}` form drivers print the values of keys.
fn log(error: &Error) {
    let causes = || {
        let mut causes = String::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = write!(
                causes,
                "{}{cause}",
                if causes.is_empty() { "" } else { ": " }
            );
            source = cause.source();
        }
        causes
    };
    match error.reason() {
        Reason::Internal => tracing::error!(causes = causes(), "{error}"),
        Reason::Unavailable | Reason::AuditUnavailable if error.source().is_some() => {
            tracing::warn!(causes = causes(), "{error}");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(status: &Status) -> google::Status {
        google::Status::decode(status.details()).expect("details are a google.rpc.Status")
    }

    fn error_infos(status: &Status) -> usize {
        read(status)
            .details
            .iter()
            .filter(|any| any.type_url == ErrorInfo::TYPE_URL)
            .count()
    }

    #[test]
    fn an_error_comes_back_from_the_wire_as_it_was() {
        let error = Error::new(Reason::EtagMismatch, "The etag is stale.")
            .with("etag", "\"7\"")
            .with_violations(vec![Violation::new("etag", "is stale")])
            .retry_after(Duration::from_millis(1_500));
        let sent = status(error);
        assert_eq!(sent.code(), Code::Aborted);
        let back = error_from_status(sent);
        assert_eq!(back.reason(), Reason::EtagMismatch);
        assert_eq!(back.message(), "The etag is stale.");
        assert_eq!(
            back.metadata().get("etag").map(String::as_str),
            Some("\"7\"")
        );
        assert_eq!(back.violations(), [Violation::new("etag", "is stale")]);
        assert_eq!(back.retry_delay(), Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn the_cause_of_a_fault_of_ours_is_not_on_the_wire() {
        let sent = status(Error::internal(std::io::Error::other("secret path")));
        assert_eq!(sent.code(), Code::Internal);
        assert!(!String::from_utf8_lossy(sent.details()).contains("secret"));
        assert!(!sent.message().contains("secret"));
    }

    #[test]
    fn violations_beyond_the_limit_are_counted() {
        let many = (0..50)
            .map(|n| Violation::new(format!("f{n}"), "is wrong"))
            .collect();
        let sent = status(Error::invalid(many));
        let details = read(&sent);
        let bad = details.detail::<BadRequest>().expect("a BadRequest");
        assert_eq!(bad.field_violations.len(), VIOLATIONS_MAX);
        let info = details.detail::<ErrorInfo>().expect("an ErrorInfo");
        assert_eq!(
            info.metadata.get(VIOLATION_COUNT).map(String::as_str),
            Some("50")
        );
    }

    proptest! {
        #[test]
        fn details_stay_small_and_keep_their_error_info(
            message in "\\PC{0,2000}",
            fields in proptest::collection::vec(("\\PC{0,900}", "\\PC{0,900}"), 0..40),
            facts in proptest::collection::vec("\\PC{0,3000}", 0..6),
        ) {
            let violations = fields.into_iter().map(|(f, d)| Violation::new(f, d)).collect();
            let mut error =
                Error::new(Reason::InvalidArgument, message).with_violations(violations);
            for (key, fact) in FACTS.into_iter().zip(facts) {
                error = error.with(key, fact);
            }
            let sent = status(error);
            prop_assert!(sent.details().len() <= DETAILS_BYTES_MAX);
            prop_assert_eq!(error_infos(&sent), 1);
            prop_assert_eq!(error_from_status(sent).reason(), Reason::InvalidArgument);
        }
    }
}
