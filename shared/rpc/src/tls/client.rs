//! The asking side.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dossier_kernel::Result;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::files::{Fresh, authorities, chain, private_key};
use super::unusable;

const HTTPS_PORT: u16 = 443;

/// Where a client finds whom to believe, and what to prove itself with.
#[derive(Clone, Debug)]
pub struct ClientTlsFiles {
    /// PEM: the authorities of the peers' certificates. The system's are not asked: a peer is one
    /// of ours.
    pub ca: PathBuf,
    /// PEM: certificate and key, where peers want one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Asks over TLS. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls(Arc<Fresh<ClientConfig>>);

impl ClientTls {
    /// FAILED_PRECONDITION, naming the file, when one cannot be used.
    pub fn load(files: ClientTlsFiles) -> Result<Self> {
        let mut paths = vec![files.ca.clone()];
        if let Some((cert, key)) = files.identity.clone() {
            paths.extend([cert, key]);
        }
        let fresh = Fresh::new(paths, move || config(&files))?;
        Ok(Self(Arc::new(fresh)))
    }
}

fn config(files: &ClientTlsFiles) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(authorities(&files.ca)?);
    let mut config = match &files.identity {
        Some((cert, key)) => builder
            .with_client_auth_cert(chain(cert)?, private_key(key)?)
            .map_err(|cause| unusable(format!("{}: {cause}", cert.display())))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Connections for a channel: every new one is made with the certificates of its moment.
impl Service<Uri> for ClientTls {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = TlsConnector::from(self.0.get());
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let host = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let port = uri.port_u16().unwrap_or(HTTPS_PORT);
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Ok(TokioIo::new(connector.connect(name, stream).await?))
        })
    }
}
