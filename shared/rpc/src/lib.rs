#![doc = include_str!("../README.md")]

mod channel;
mod conduct;
mod configured;
mod connections;
mod edge;
mod foreign;
mod google;
mod health;
mod layers;
mod method;
mod reason;
mod request;
mod serve;
mod server;
mod status;
mod timeout;
mod tls;

pub use channel::{Channel, Local, Peer, TokenSource};
pub use edge::{BULK_MESSAGE_BYTES_MAX, Drain, Edge, Limits};
pub use health::Health;
pub use layers::EdgeService;
pub use method::MethodsError;
pub use reason::name as reason_name;
pub use request::{CURSOR, ctx, stop, with_cursor};
pub use server::{AssemblyError, Part, Server};
pub use status::{DETAILS_BYTES_MAX, DOMAIN, VIOLATIONS_MAX, error_from_status, status};
pub use tls::{ClientTls, ClientTlsFiles, Tls, TlsConnection, TlsFiles, TlsListener, service_uri};

/// Named by [`configured!`].
#[doc(hidden)]
pub use tonic;
pub use tonic_health::ServingStatus;
