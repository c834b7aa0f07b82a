//! What the edge of a process is told: whom to believe, what to allow, how much to take.

use std::sync::Arc;
use std::time::Duration;

use dossier_access::{Access, Rules, Verifier};
use dossier_kernel::{Clock, Role, TenantId};
use tokio_util::sync::CancellationToken;

use crate::tls::Tls;

/// Options of [`crate::Server`]. Begin with [`Edge::new`] and change what differs.
#[derive(Clone)]
pub struct Edge {
    pub verifier: Arc<Verifier>,
    pub rules: Arc<Rules>,
    pub access: Access,
    /// The compiled contract: reflection answers from it, and it says which methods stream.
    pub descriptors: &'static [u8],
    /// Callers from this machine who bring no token act as this role in this tenant. Embedded
    /// default only; whoever sets it prints a warning that says so.
    pub anonymous: Option<(TenantId, Role)>,
    /// Serves TLS; plain text without it.
    pub tls: Option<Tls>,
    /// Web origins, such as `https://crm.example.com`, whose pages may call over gRPC-Web. Pages
    /// of this machine (`http://localhost:…`) always may.
    pub origins: Vec<String>,
    /// Whether reflection is served.
    pub reflection: bool,
    pub limits: Limits,
    pub clock: Clock,
    /// Cancelled by the server once it drains: long streams then end with a resumable item.
    pub stop: CancellationToken,
}

impl Edge {
    pub fn new(verifier: Arc<Verifier>, rules: Arc<Rules>, access: Access) -> Self {
        Self {
            verifier,
            rules,
            access,
            descriptors: dossier_proto::DESCRIPTORS,
            anonymous: None,
            tls: None,
            origins: Vec::new(),
            reflection: true,
            limits: Limits::default(),
            clock: Clock::system(),
            stop: CancellationToken::new(),
        }
    }
}

/// How much one process takes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A request message of an ordinary method, in bytes.
    pub message_bytes_max: u64,
    /// A request message of a method that takes a stream (import, ingest), in bytes.
    pub bulk_message_bytes_max: u64,
    /// All headers of one request, in bytes.
    pub header_list_bytes_max: u32,
    /// Calls open at once on one connection.
    pub connection_calls_max: u32,
    /// Unary calls being worked on at once: the measured limit moves between these two; more are
    /// answered RESOURCE_EXHAUSTED, those of the tenant with most of them first.
    pub calls_min: usize,
    pub calls_max: usize,
    /// Streams open at once; more are answered RESOURCE_EXHAUSTED.
    pub streams_max: usize,
    /// Streams one tenant may have open at once. Services of the suite follow feeds for others and
    /// are not held to it.
    pub tenant_streams_max: usize,
    /// How long a request message may take to arrive once it began; one of a unary call begins
    /// with the call.
    pub message_timeout: Duration,
    /// Connections open at once, from everywhere and from one address; more are closed at once.
    pub connections_max: usize,
    pub peer_connections_max: usize,
    /// After how long a connection without a call is asked to leave: one that had none yet, and
    /// one that had some. Clients connect again by themselves.
    pub first_call_timeout: Duration,
    pub idle_timeout: Duration,
    /// The deadline of a unary call that brings none. Streams have none unless they bring one.
    pub unary_timeout: Duration,
    /// How often the token or API key of an open stream is looked at again.
    pub readmission_interval: Duration,
    /// How often a silent connection is asked whether it lives, and how long it may think.
    pub keepalive_interval: Duration,
    pub keepalive_timeout: Duration,
}

/// What the generated servers are told to decode at most; the layers hold ordinary methods to
/// [`Limits::message_bytes_max`] before that.
pub const BULK_MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 4 * 1024 * 1024,
            bulk_message_bytes_max: BULK_MESSAGE_BYTES_MAX as u64,
            header_list_bytes_max: 16 * 1024,
            connection_calls_max: 128,
            calls_min: 64,
            calls_max: 1_024,
            streams_max: 4_096,
            tenant_streams_max: 1_024,
            message_timeout: Duration::from_secs(20),
            connections_max: 4_096,
            peer_connections_max: 1_024,
            first_call_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(10 * 60),
            unary_timeout: Duration::from_secs(30),
            readmission_interval: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
        }
    }
}

/// How a server stops.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// How long the server goes on after it said NOT_SERVING, so that balancers notice.
    pub announce: Duration,
    /// After this much time, counted from the signal, open connections are cut.
    pub bound: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            announce: Duration::ZERO,
            bound: Duration::from_secs(20),
        }
    }
}
