//! Why a command did not do what it was asked, and the exit code that says so.

use std::io;

use dossier_kernel::{Error, Reason};
use tonic::Status;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong.
    Usage(Error),
    /// The suite says no.
    Refused(Error),
    /// A part of the suite in this process says no; its causes are the operator's to know.
    Local(Error),
    /// Nobody answers there, or not in a way that can be trusted; the cause is the system's words.
    Unreachable { address: String, cause: String },
    /// Somebody answers and does not serve.
    NotServing { what: String },
    /// An import went through and left rows out.
    RowsLeftOut {
        error_count: i64,
        errors_file: String,
    },
    /// The audit log is not as it was signed.
    Tampered { finding_count: usize },
    /// A purpose may not be pursued.
    NoConsent,
    /// The certificate of an erasure is not as it was signed, or says that something was left.
    Uncertified,
    /// The system says no.
    Io { what: String, error: io::Error },
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(Error::new(Reason::InvalidArgument, message))
    }

    pub fn io(what: impl Into<String>, error: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            error,
        }
    }

    /// The codes of sysexits.h, as the README lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::RowsLeftOut { .. } => 65,
            Self::Unreachable { .. } => 69,
            Self::NotServing { .. }
            | Self::Tampered { .. }
            | Self::NoConsent
            | Self::Uncertified => 1,
            Self::Io { .. } => 74,
            Self::Local(error) if error.reason() == Reason::InvalidArgument => 64,
            Self::Refused(error) | Self::Local(error) => match error.reason() {
                Reason::Unavailable
                | Reason::AuditUnavailable
                | Reason::DeadlineExceeded
                | Reason::ResourceExhausted => 69,
                Reason::Unauthenticated | Reason::PermissionDenied => 77,
                Reason::Internal | Reason::Unimplemented => 70,
                Reason::InvalidArgument
                | Reason::InvalidFilter
                | Reason::NotFound
                | Reason::AlreadyExists
                | Reason::EtagMismatch
                | Reason::RequestIdReused
                | Reason::IdentityConflict
                | Reason::FailedPrecondition
                | Reason::LimitExceeded
                | Reason::Compacted
                | Reason::EpochChanged
                | Reason::Cancelled => 1,
            },
        }
    }

    /// The error of the suite behind it, with its facts.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Usage(error) | Self::Refused(error) | Self::Local(error) => Some(error),
            Self::Unreachable { .. }
            | Self::NotServing { .. }
            | Self::RowsLeftOut { .. }
            | Self::Tampered { .. }
            | Self::NoConsent
            | Self::Uncertified
            | Self::Io { .. } => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(error) | Self::Refused(error) => error.fmt(f),
            Self::Local(error) => f.write_str(&dossier_runtime::explain(error)),
            Self::Unreachable { address, cause } => write!(
                f,
                "No suite answers at {address}. Start one with `dossier serve`, or say where it is \
                 with --address.\n  caused by: {cause}"
            ),
            Self::NotServing { what } => write!(f, "{what} is not serving."),
            Self::RowsLeftOut {
                error_count,
                errors_file,
            } => {
                write!(
                    f,
                    "{error_count} rows were left out; {errors_file} says why."
                )
            }
            Self::Tampered { finding_count } => write!(
                f,
                "The audit log is not as it was signed: {finding_count} findings."
            ),
            Self::NoConsent => f.write_str("The purpose may not be pursued."),
            Self::Uncertified => f.write_str(
                "The certificate is not as the key signed it, or says that something was left.",
            ),
            Self::Io { what, error } => write!(f, "{what}: {error}."),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(dossier_rpc::error_from_status(status))
    }
}
