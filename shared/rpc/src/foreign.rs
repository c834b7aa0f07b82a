//! Statuses that are not ours: tonic's own, and those of peers that know no `ErrorInfo`.

use dossier_kernel::{Error, Reason};
use http::HeaderMap;
use tonic::{Code, Status};

/// Gives an error in these headers or trailers its `ErrorInfo`, unless it has one. Answers the
/// code that stands there afterwards; `None` when no status stands there.
pub fn complete(headers: &mut HeaderMap) -> Option<Code> {
    let code = Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes());
    if code == Code::Ok || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return Some(code);
    }
    let Some(bare) = Status::from_header_map(headers) else {
        return Some(code);
    };
    let full = crate::status(error(&bare));
    if full.add_header(headers).is_err() {
        return Some(code);
    }
    Some(full.code())
}

/// Reads a status without details. The words of faults are logged, not handed on.
pub fn error(status: &Status) -> Error {
    let words = status.message();
    let say = |reason, fallback: &str| {
        Error::new(reason, if words.is_empty() { fallback } else { words })
    };
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if is_size(words) => oversize(words),
        Code::Internal | Code::Unknown if is_callers_fault(words) => Error::new(
            Reason::InvalidArgument,
            "The request cannot be read as the message of this method; check the contract's \
             version and the compression.",
        ),
        Code::InvalidArgument => say(Reason::InvalidArgument, "The request is not valid."),
        Code::NotFound => say(Reason::NotFound, "There is no such thing."),
        Code::AlreadyExists => say(Reason::AlreadyExists, "It exists already."),
        Code::FailedPrecondition => {
            say(Reason::FailedPrecondition, "The state does not allow this.")
        }
        Code::OutOfRange => say(Reason::LimitExceeded, "A value is outside its range."),
        Code::ResourceExhausted => say(
            Reason::ResourceExhausted,
            "The server is at its limit; try again later.",
        ),
        Code::Unauthenticated => say(Reason::Unauthenticated, "The call carries no valid token."),
        Code::PermissionDenied => say(Reason::PermissionDenied, "The caller may not do this."),
        Code::DeadlineExceeded => say(Reason::DeadlineExceeded, "The deadline passed first."),
        Code::Cancelled => say(Reason::Cancelled, "The call was cancelled."),
        Code::Unimplemented => say(
            Reason::Unimplemented,
            "This server has no such method; ask reflection.",
        ),
        Code::Unavailable | Code::Aborted => {
            Error::unavailable("A part that is needed is not reachable right now; try again.")
                .caused_by(words.to_owned())
        }
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            Error::internal(words.to_owned())
        }
    }
}

/// A message over its limit.
pub fn too_large(found_bytes: u64, limit_bytes: u64) -> Error {
    Error::new(
        Reason::LimitExceeded,
        format!(
            "The message is {found_bytes} bytes long and at most {limit_bytes} are read; send \
             less at once."
        ),
    )
    .with("limit", limit_bytes.to_string())
}

fn is_size(words: &str) -> bool {
    words.contains("message length too large") || words.contains("size limit, of ")
}

fn oversize(words: &str) -> Error {
    let mut numbers = words
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .filter_map(|digits| digits.parse::<u64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(found), Some(limit)) => too_large(found, limit),
        (Some(limit), None) => Error::new(
            Reason::LimitExceeded,
            format!("The message is longer than {limit} bytes when unpacked; send less at once."),
        )
        .with("limit", limit.to_string()),
        (None, _) => Error::new(Reason::LimitExceeded, "The message is too long."),
    }
}

/// What tonic and prost say when the bytes of a request are not what they should be.
fn is_callers_fault(words: &str) -> bool {
    [
        "failed to decode Protobuf message",
        "protocol error: received message",
        "Unexpected EOF decoding stream",
        "Missing request message",
        "Error decompressing",
    ]
    .iter()
    .any(|beginning| words.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tonics_size_error_names_the_limit() {
        let error = error(&Status::out_of_range(
            "Error, decoded message length too large: found 5242890 bytes, the limit is: 4194304 bytes",
        ));
        assert_eq!(error.reason(), Reason::LimitExceeded);
        assert_eq!(
            error.metadata().get("limit").map(String::as_str),
            Some("4194304")
        );
        let error = super::error(&Status::resource_exhausted(
            "Error decompressing: size limit, of 4194304 bytes, exceeded while decompressing message",
        ));
        assert_eq!(error.reason(), Reason::LimitExceeded);
    }

    #[test]
    fn a_fault_keeps_its_words_to_itself() {
        let error = error(&Status::internal("password=hunter2"));
        assert_eq!(error.reason(), Reason::Internal);
        assert!(!error.message().contains("hunter2"));
    }

    #[test]
    fn a_bare_status_is_completed_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(complete(&mut headers), None);
        Status::unimplemented("")
            .add_header(&mut headers)
            .expect("fits");
        assert_eq!(complete(&mut headers), Some(Code::Unimplemented));
        let before = headers.clone();
        assert_eq!(complete(&mut headers), Some(Code::Unimplemented));
        assert_eq!(headers, before);
    }
}
