//! Reading an error as a foreign client would, without our own code.

use std::collections::BTreeMap;

use prost::Message;
use tonic::{Code, Status};

#[derive(Clone, PartialEq, Message)]
struct Wire {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

/// The facts of the one `ErrorInfo`. Fails the test unless code, reason, domain and the number of
/// `ErrorInfo`s are right.
pub fn refused(status: &Status, code: Code, reason: &str) -> BTreeMap<String, String> {
    let wire = Wire::decode(status.details()).expect("details are a google.rpc.Status");
    let infos: Vec<ErrorInfo> = wire
        .details
        .iter()
        .filter(|any| any.type_url == "type.googleapis.com/google.rpc.ErrorInfo")
        .map(|any| ErrorInfo::decode(any.value.as_slice()).expect("an ErrorInfo"))
        .collect();
    let [info] = infos.as_slice() else {
        panic!("{} ErrorInfos: {status:?}", infos.len())
    };
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (code, reason),
        "{status:?}"
    );
    assert_eq!((wire.code, info.domain.as_str()), (code as i32, "dossier"));
    assert_eq!(wire.message, status.message());
    assert!(!status.message().is_empty() && !status.message().contains("secret"));
    info.metadata.clone()
}
