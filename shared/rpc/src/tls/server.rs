//! The serving side.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::Result;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::files::{Fresh, authorities, chain, private_key};
use super::{identity, unusable};

/// How long a handshake may take, waiting for its turn included.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at once: each costs a signature and some memory before anybody is known.
const HANDSHAKES_MAX: usize = 256;

/// Where a server finds what it proves itself with.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that lead to an authority.
    pub cert: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// PEM: the authorities of certificates that clients may show. With them a client may come
    /// without a certificate, and a token of a service is believed only with that service's own.
    pub client_ca: Option<PathBuf>,
}

/// Serves TLS. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    config: Fresh<ServerConfig>,
    verifies_clients: bool,
    handshakes: Semaphore,
}

impl Tls {
    /// FAILED_PRECONDITION, naming the file, when one cannot be used or the key is not the
    /// certificate's.
    pub fn load(files: TlsFiles) -> Result<Self> {
        let mut paths = vec![files.cert.clone(), files.key.clone()];
        paths.extend(files.client_ca.clone());
        let verifies_clients = files.client_ca.is_some();
        Ok(Self(Arc::new(Inner {
            config: Fresh::new(paths, move || config(&files))?,
            verifies_clients,
            handshakes: Semaphore::new(HANDSHAKES_MAX),
        })))
    }

    /// Whether clients may show certificates, and services must.
    pub fn verifies_clients(&self) -> bool {
        self.0.verifies_clients
    }

    /// The handshake of one connection, and the service its certificate names. `None` when it
    /// failed or took too long, which is the peer's affair.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> Option<(TlsStream<TcpStream>, Option<Arc<str>>)> {
        let handshake = async {
            let _turn = self.0.handshakes.acquire().await.ok()?;
            let acceptor = TlsAcceptor::from(self.0.config.get());
            match acceptor.accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    None
                }
            }
        };
        let stream = timeout(HANDSHAKE_TIMEOUT, handshake).await.ok()??;
        let certificates = stream.get_ref().1.peer_certificates();
        let service = certificates
            .and_then(|chain| chain.first())
            .and_then(identity::service_of);
        Some((stream, service))
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match &files.client_ca {
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated()
                .build()
                .map_err(unusable)?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain(&files.cert)?, private_key(&files.key)?)
        .map_err(|cause| unusable(format!("{}: {cause}", files.cert.display())))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
