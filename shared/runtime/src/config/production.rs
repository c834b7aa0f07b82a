//! What production does not start with: all reasons at once, each with its cure.

use std::path::Path;

use dossier_kernel::{Error, Result, Violation};

use super::address::Address;
use super::{Config, Profile};

const WHAT: &str = "key";

/// INVALID_ARGUMENT with every reason why this configuration is not fit for production, where it
/// says that it is for production.
pub(crate) fn check(config: &Config) -> Result<()> {
    if config.profile != Profile::Production {
        return Ok(());
    }
    let mut reasons = Vec::new();
    edge(config, &mut reasons);
    keys(config, &mut reasons);
    erasures(config, &mut reasons);
    ways_out(config, &mut reasons);
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Error::invalid(reasons)),
    }
}

fn edge(config: &Config, reasons: &mut Vec<Violation>) {
    let mut say = |field: &str, words: &str| reasons.push(Violation::new(field, words));
    if config.tls_cert_file.is_none() {
        // On loopback too: what was meant for one machine is forwarded sooner or later.
        say(
            "tls_cert_file",
            "production serves TLS only, on loopback too; name a certificate here and its key in \
             tls_key_file",
        );
    }
    if config.plaintext {
        say("plaintext", "production serves TLS only; take it out");
    }
    if !config.only.is_empty() && config.tls_client_ca_file.is_none() {
        say(
            "tls_client_ca_file",
            "services in several processes prove who they are by certificate; name the authority \
             that issued theirs",
        );
    }
    if config.reflection {
        say(
            "reflection",
            "shows the contract to anybody; say reflection = false",
        );
    }
    if config.anonymous_loopback {
        say(
            "anonymous_loopback",
            "lets this machine in without a token; say anonymous_loopback = false",
        );
    }
}

/// What an erasure waits for is bounded by a minute.
fn erasures(config: &Config, reasons: &mut Vec<Violation>) {
    if config.erasure_settle_secs < 60 {
        let words = "is less than services may write of an erased customer; say at least 60";
        reasons.push(Violation::new("erasure_settle_secs", words));
    }
}

fn keys(config: &Config, reasons: &mut Vec<Violation>) {
    let mut named = vec![
        ("root_key_file", config.root_key_file.as_deref()),
        ("signing_key_file", config.signing_key_file.as_deref()),
        ("audit_key_file", config.audit_key_file.as_deref()),
    ];
    let old = config.old_root_key_files.iter();
    named.extend(old.map(|path| ("old_root_key_files", Some(path.as_path()))));
    for (field, path) in named {
        let reason = match path {
            None => Some(
                "a key made in the data directory is copied with the data; make one elsewhere \
                 (32 random bytes in base64, mode 0600) and name it here"
                    .to_owned(),
            ),
            Some(path) if is_below(path, &config.data_dir) => Some(format!(
                "{} lies in the data directory and is copied with the data; move it elsewhere",
                path.display()
            )),
            Some(path) => weakness(path),
        };
        reasons.extend(reason.map(|words| Violation::new(field, words)));
    }
}

fn weakness(path: &Path) -> Option<String> {
    // A file that cannot be read is refused by whoever needs it, in better words.
    let text = dossier_keyfile::read(path, WHAT).ok()?;
    let words = dossier_keyfile::weakness(&text)?;
    Some(format!(
        "{} {words}; draw 32 random bytes (`openssl rand -base64 32`)",
        path.display()
    ))
}

/// As the file system sees it where both are there, else as they are written.
fn is_below(path: &Path, dir: &Path) -> bool {
    match (path.canonicalize(), dir.canonicalize()) {
        (Ok(path), Ok(dir)) => path.starts_with(dir),
        _ => path.starts_with(dir),
    }
}

fn ways_out(config: &Config, reasons: &mut Vec<Violation>) {
    let mut say = |field: String, words: &str| reasons.push(Violation::new(field, words));
    for (name, uri) in config.distant_peers() {
        if !uri.starts_with("https://") {
            say(
                format!("peers.{name}"),
                "production asks its peers over https:// only",
            );
        }
    }
    if let Some(url) = &config.database_url {
        let address = Address::of(url);
        let verified = matches!(
            address.parameter("sslmode"),
            Some("verify-full" | "verify-ca")
        );
        if !verified && !address.stays_here() {
            say(
                "database_url".to_owned(),
                "goes over the network without proof of who answers; add \
                 ?sslmode=verify-full&sslrootcert=/path/to/ca.crt, or use a socket of this machine",
            );
        }
    }
    if let Some(url) = &config.redis_url {
        let address = Address::of(url);
        let secured = address.scheme == "rediss" && address.fragment != "insecure";
        let socket = address.scheme == "redis+unix";
        if !secured && !socket && !address.stays_here() {
            say(
                "redis_url".to_owned(),
                "goes over the network in plain text; use rediss://, or loopback",
            );
        }
    }
    for (at, issuer) in config.issuers.iter().enumerate() {
        if issuer.is_plain_http() {
            say(
                format!("issuers[{at}].jwks"),
                "production reads key sets over https:// or from a file",
            );
        }
    }
}
