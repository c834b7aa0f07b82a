//! The file or URL that a key set comes from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use dossier_kernel::{Error, Reason, Result};
use http::Uri;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::Issuer;

/// A key set is a few kilobytes.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Callers with an unknown key wait for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) enum Source {
    File(PathBuf),
    Url {
        uri: Uri,
        client: Box<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>>,
    },
}

impl Source {
    pub fn of(settings: &Issuer) -> Result<Self> {
        if !settings.is_url() {
            return Ok(Self::File(PathBuf::from(&settings.jwks)));
        }
        let refuse = |words: String| {
            let message = format!("The key set of {} {words}.", settings.issuer);
            Error::new(Reason::InvalidArgument, message)
        };
        let uri: Uri = settings
            .jwks
            .parse()
            .map_err(|_| refuse(format!("has no valid URL: {}", settings.jwks)))?;
        let builder = HttpsConnectorBuilder::new();
        let builder = match &settings.jwks_ca_file {
            Some(path) => builder.with_tls_config(
                rustls_config(path)
                    .map_err(|words| refuse(format!("has no authority: {words}")))?,
            ),
            None => builder
                .with_native_roots()
                .map_err(|cause| refuse(format!("needs the system's authorities: {cause}")))?,
        };
        // Plain HTTP is held to loopback by `Issuer::check`. Redirects are not followed: keys come
        // from where the operator said.
        let connector = builder.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self::Url {
            uri,
            client: Box::new(client),
        })
    }

    /// How long after one attempt the next may follow.
    pub const fn pause(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_secs(1),
            Self::Url { .. } => Duration::from_secs(30),
        }
    }

    /// How old keys may be before they are read again.
    pub const fn age_max(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_secs(5),
            Self::Url { .. } => Duration::from_secs(5 * 60),
        }
    }

    pub const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// The document, or why there is none.
    pub async fn load(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
                let bytes = read
                    .map_err(|cause| cause.to_string())?
                    .map_err(|cause| cause.to_string())?;
                if bytes.len() > DOCUMENT_BYTES_MAX {
                    return Err("it is too large to be a key set".to_owned());
                }
                Ok(bytes)
            }
            Self::Url { uri, client } => {
                tokio::time::timeout(ANSWER_TIMEOUT, fetch(client, uri.clone()))
                    .await
                    .map_err(|_| "it did not answer in time".to_owned())?
            }
        }
    }
}

async fn fetch(
    client: &Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    uri: Uri,
) -> Result<Vec<u8>, String> {
    let answer = client.get(uri).await.map_err(|cause| whole(&cause))?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("it answered {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), DOCUMENT_BYTES_MAX);
    let whole = body.collect().await.map_err(|cause| cause.to_string())?;
    Ok(whole.to_bytes().to_vec())
}

/// With what is behind it: the client itself only says that it could not connect.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| {
        format!("{words}: {cause}")
    })
}

fn rustls_config(path: &Path) -> Result<rustls::ClientConfig, String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|cause| format!("{}: {cause}", path.display()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|cause| format!("{}: {cause}", path.display()))?;
        roots.add(certificate).map_err(|cause| cause.to_string())?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| cause.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
