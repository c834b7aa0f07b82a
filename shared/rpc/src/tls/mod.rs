//! TLS (rustls on ring; 1.3 and 1.2), on both sides of a connection.
//!
//! | you want | use |
//! |---|---|
//! | to serve over TLS | [`Tls`] in [`crate::Edge`] |
//! | the same for another server of this process | [`Tls::listen`] |
//! | to ask a peer over TLS | [`ClientTls`] with [`crate::Channel::secured`] |
//! | which service a certificate is of | `identity` |
//!
//! Certificates, keys and authorities are read again when their files change; when what is there then
//! cannot be used, the ones of before stay and the log says so.

mod client;
mod files;
mod identity;
mod listener;
mod server;

pub use client::{ClientTls, ClientTlsFiles};
pub use identity::service_uri;
pub use listener::{TlsConnection, TlsListener};
pub use server::{Tls, TlsFiles};

use dossier_kernel::{Error, Reason};

fn unusable(words: impl std::fmt::Display) -> Error {
    Error::new(
        Reason::FailedPrecondition,
        format!("TLS cannot be used: {words}."),
    )
}
