//! Certificates, as the configuration names them.

use dossier_kernel::Result;
use dossier_rpc::{ClientTls, ClientTlsFiles, Tls, TlsFiles};

use crate::config::Config;

/// `None` where plain text is served.
pub(crate) fn serving(config: &Config) -> Result<Option<Tls>> {
    match (&config.tls_cert_file, &config.tls_key_file) {
        (Some(cert), Some(key)) => Ok(Some(Tls::load(TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
            client_ca: config.tls_client_ca_file.clone(),
        })?)),
        _ => Ok(None),
    }
}

/// `None` where no authority is named, and so no peer can be asked over TLS.
pub(crate) fn asking(config: &Config) -> Result<Option<ClientTls>> {
    let Some(ca) = config.peer_ca_file.clone() else {
        return Ok(None);
    };
    let own = config
        .peer_cert_file
        .clone()
        .zip(config.peer_key_file.clone());
    let serving = || {
        config
            .tls_cert_file
            .clone()
            .zip(config.tls_key_file.clone())
    };
    let identity = own.or_else(serving);
    ClientTls::load(ClientTlsFiles { ca, identity }).map(Some)
}
