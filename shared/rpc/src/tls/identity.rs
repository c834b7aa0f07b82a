//! Which service of the suite a certificate is of, after SPIFFE (X509-SVID, section 2).

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const PREFIX: &str = "spiffe://dossier/service/";

/// The URI in the subject's alternative names of a service's certificate.
pub fn service_uri(service: &str) -> String {
    format!("{PREFIX}{service}")
}

/// The service a verified certificate names. `None` for a certificate of anybody else, and for one
/// with several URIs, which would be two at once.
pub(super) fn service_of(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut uris = certificate.valid_uri_names();
    let (one, none) = (uris.next()?, uris.next());
    let name = one.strip_prefix(PREFIX).filter(|_| none.is_none())?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=63).contains(&name.len()) && name.bytes().all(plain);
    fits.then(|| name.into())
}
