//! The three messages of `google.rpc` that our errors consist of, and their wrapper. Written out
//! because the contract imports nothing but `google/protobuf`.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::{Any, Duration};

/// `google.rpc.Status`: what `grpc-status-details-bin` holds.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.rpc.ErrorInfo`: the reason, for programs.
#[derive(Clone, PartialEq, Message)]
pub struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    pub metadata: BTreeMap<String, String>,
}

/// `google.rpc.BadRequest`: which fields are wrong.
#[derive(Clone, PartialEq, Message)]
pub struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`
#[derive(Clone, PartialEq, Message)]
pub struct FieldViolation {
    #[prost(string, tag = "1")]
    pub field: String,
    #[prost(string, tag = "2")]
    pub description: String,
}

/// `google.rpc.RetryInfo`: when a retry makes sense.
#[derive(Clone, PartialEq, Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Duration>,
}

/// The type URL by which a detail is recognised.
pub trait Detail: Message + Default {
    const TYPE_URL: &'static str;

    fn to_any(&self) -> Any {
        Any {
            type_url: Self::TYPE_URL.to_owned(),
            value: self.encode_to_vec(),
        }
    }
}

impl Detail for ErrorInfo {
    const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.ErrorInfo";
}
impl Detail for BadRequest {
    const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.BadRequest";
}
impl Detail for RetryInfo {
    const TYPE_URL: &'static str = "type.googleapis.com/google.rpc.RetryInfo";
}

impl Status {
    /// The first detail of the type, where there is one and it can be read.
    pub fn detail<D: Detail>(&self) -> Option<D> {
        let any = self
            .details
            .iter()
            .find(|any| any.type_url == D::TYPE_URL)?;
        D::decode(any.value.as_slice()).ok()
    }
}
