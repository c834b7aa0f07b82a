//! Which ways in and out fit together.

use std::net::SocketAddr;

use dossier_kernel::Violation;

use super::{Config, SERVICES};

/// What is wrong whatever the profile.
pub(super) fn check(config: &Config) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut say = |field: &str, words: &str| found.push(Violation::new(field, words));
    for (field, one, other) in [
        ("tls_key_file", &config.tls_cert_file, &config.tls_key_file),
        ("tls_cert_file", &config.tls_key_file, &config.tls_cert_file),
        (
            "peer_key_file",
            &config.peer_cert_file,
            &config.peer_key_file,
        ),
        (
            "peer_cert_file",
            &config.peer_key_file,
            &config.peer_cert_file,
        ),
    ] {
        if one.is_some() && other.is_none() {
            say(
                field,
                "is needed too: a certificate and its key go together",
            );
        }
    }
    let serves_tls = config.tls_cert_file.is_some();
    if config.tls_client_ca_file.is_some() && !serves_tls {
        say(
            "tls_client_ca_file",
            "needs tls_cert_file: without TLS nobody shows a certificate",
        );
    }
    if !serves_tls && !config.plaintext {
        let listening = [
            ("listen", Some(config.listen)),
            ("admin_listen", config.admin_listen),
        ];
        for (field, _) in listening
            .into_iter()
            .filter(|(_, at)| at.is_some_and(is_open))
        {
            say(
                field,
                "is reached from other machines: name tls_cert_file and tls_key_file, or say \
                 plaintext = true where something in front of it does TLS",
            );
        }
    }
    let https = |(_, uri): (&str, &str)| uri.starts_with("https://");
    if config.distant_peers().any(https) {
        if config.peer_ca_file.is_none() {
            say(
                "peer_ca_file",
                "is needed: https peers are believed by the authority it names",
            );
        }
        // A certificate names one service, and each asks with its own name.
        if (2..SERVICES.len()).contains(&config.only.len()) && config.tls_client_ca_file.is_some() {
            say(
                "only",
                "must name one service where certificates tell services apart, or be empty",
            );
        }
    }
    for (at, issuer) in config.issuers.iter().enumerate() {
        found.extend(issuer.check(&format!("issuers[{at}]")));
        let same = |other: &&dossier_access::Issuer| other.issuer == issuer.issuer;
        if config.issuers.iter().filter(same).count() > 1 {
            let field = format!("issuers[{at}].issuer");
            found.push(Violation::new(field, "is named twice"));
        }
    }
    found
}

fn is_open(at: SocketAddr) -> bool {
    !at.ip().to_canonical().is_loopback()
}
