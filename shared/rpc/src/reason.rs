//! One reason, one code, one name: the table that the contract's `ErrorReason` documents.

use dossier_kernel::Reason;
use dossier_proto::common::v1::ErrorReason;
use tonic::Code;

/// The wire code of a reason. No wildcard: a new reason must say its code here.
pub const fn code(reason: Reason) -> Code {
    match reason {
        Reason::InvalidArgument | Reason::InvalidFilter => Code::InvalidArgument,
        Reason::NotFound => Code::NotFound,
        Reason::AlreadyExists => Code::AlreadyExists,
        Reason::EtagMismatch | Reason::RequestIdReused => Code::Aborted,
        Reason::IdentityConflict | Reason::FailedPrecondition => Code::FailedPrecondition,
        Reason::LimitExceeded | Reason::Compacted | Reason::EpochChanged => Code::OutOfRange,
        Reason::ResourceExhausted => Code::ResourceExhausted,
        Reason::Unauthenticated => Code::Unauthenticated,
        Reason::PermissionDenied => Code::PermissionDenied,
        Reason::DeadlineExceeded => Code::DeadlineExceeded,
        Reason::Cancelled => Code::Cancelled,
        Reason::Unavailable | Reason::AuditUnavailable => Code::Unavailable,
        Reason::Unimplemented => Code::Unimplemented,
        Reason::Internal => Code::Internal,
    }
}

/// The contract's value of a reason.
const fn wire(reason: Reason) -> ErrorReason {
    match reason {
        Reason::InvalidArgument => ErrorReason::InvalidArgument,
        Reason::InvalidFilter => ErrorReason::InvalidFilter,
        Reason::NotFound => ErrorReason::NotFound,
        Reason::AlreadyExists => ErrorReason::AlreadyExists,
        Reason::EtagMismatch => ErrorReason::EtagMismatch,
        Reason::RequestIdReused => ErrorReason::RequestIdReused,
        Reason::IdentityConflict => ErrorReason::IdentityConflict,
        Reason::FailedPrecondition => ErrorReason::FailedPrecondition,
        Reason::LimitExceeded => ErrorReason::LimitExceeded,
        Reason::ResourceExhausted => ErrorReason::ResourceExhausted,
        Reason::Compacted => ErrorReason::Compacted,
        Reason::EpochChanged => ErrorReason::EpochChanged,
        Reason::Unauthenticated => ErrorReason::Unauthenticated,
        Reason::PermissionDenied => ErrorReason::PermissionDenied,
        Reason::DeadlineExceeded => ErrorReason::DeadlineExceeded,
        Reason::Cancelled => ErrorReason::Cancelled,
        Reason::Unavailable => ErrorReason::Unavailable,
        Reason::AuditUnavailable => ErrorReason::AuditUnavailable,
        Reason::Unimplemented => ErrorReason::Unimplemented,
        Reason::Internal => ErrorReason::Internal,
    }
}

const fn from_wire(reason: ErrorReason) -> Option<Reason> {
    Some(match reason {
        ErrorReason::Unspecified => return None,
        ErrorReason::InvalidArgument => Reason::InvalidArgument,
        ErrorReason::InvalidFilter => Reason::InvalidFilter,
        ErrorReason::NotFound => Reason::NotFound,
        ErrorReason::AlreadyExists => Reason::AlreadyExists,
        ErrorReason::EtagMismatch => Reason::EtagMismatch,
        ErrorReason::RequestIdReused => Reason::RequestIdReused,
        ErrorReason::IdentityConflict => Reason::IdentityConflict,
        ErrorReason::FailedPrecondition => Reason::FailedPrecondition,
        ErrorReason::LimitExceeded => Reason::LimitExceeded,
        ErrorReason::ResourceExhausted => Reason::ResourceExhausted,
        ErrorReason::Compacted => Reason::Compacted,
        ErrorReason::EpochChanged => Reason::EpochChanged,
        ErrorReason::Unauthenticated => Reason::Unauthenticated,
        ErrorReason::PermissionDenied => Reason::PermissionDenied,
        ErrorReason::DeadlineExceeded => Reason::DeadlineExceeded,
        ErrorReason::Cancelled => Reason::Cancelled,
        ErrorReason::Unavailable => Reason::Unavailable,
        ErrorReason::AuditUnavailable => Reason::AuditUnavailable,
        ErrorReason::Unimplemented => Reason::Unimplemented,
        ErrorReason::Internal => Reason::Internal,
    })
}

const PREFIX: &str = "ERROR_REASON_";

/// The name that `ErrorInfo.reason` carries, such as `ETAG_MISMATCH`.
pub fn name(reason: Reason) -> &'static str {
    let name = wire(reason).as_str_name();
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// The inverse of [`name`].
pub fn from_name(name: &str) -> Option<Reason> {
    ErrorReason::from_str_name(&format!("{PREFIX}{name}")).and_then(from_wire)
}

/// The name of a status code as the conventions for telemetry spell it.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_contract_has_a_name_that_reads_back() {
        for value in 1..=20 {
            let wire = ErrorReason::try_from(value).expect("a value of the contract");
            let reason = from_wire(wire).expect("a reason");
            assert_eq!(from_name(name(reason)), Some(reason));
        }
        assert!(
            ErrorReason::try_from(21).is_err(),
            "a new reason belongs into this test"
        );
        assert_eq!(from_name("UNSPECIFIED"), None);
        assert_eq!(name(Reason::EtagMismatch), "ETAG_MISMATCH");
    }
}
