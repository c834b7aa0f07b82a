//! How a process is configured. The manual is `dossier.default.toml`, which is also the defaults.

mod address;
pub(crate) mod production;
mod transport;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dossier_access::Issuer;
use dossier_kernel::{Error, Result, Violation};
use dossier_telemetry::LogFormat;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Deserializer, Serialize};

use crate::flags::Flags;

/// Every key with its default and its why, in TOML.
pub const MANUAL: &str = include_str!("../../../services/dossier/dossier.default.toml");

/// The services there are, in the order of the house.
pub const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];

/// The file that is read when the flags name none.
const FILE: &str = "dossier.toml";

const ENV_PREFIX: &str = "DOSSIER_";

/// The first words of the variables that are read. Others that begin alike are not ours.
const KEYS: &[&str] = &[
    "profile",
    "listen",
    "plaintext",
    "admin_listen",
    "reflection",
    "web_origins",
    "data_dir",
    "database_url",
    "database_connections_max",
    "auto_migrate",
    "redis_url",
    "cache_bytes_max",
    "feed_retention_days",
    "calls_max",
    "connections_max",
    "peer_connections_max",
    "only",
    "root_key_file",
    "old_root_key_files",
    "key_life_secs",
    "signing_key_file",
    "audit_key_file",
    "audit_sink_dir",
    "erasure_journal_file",
    "erasure_settle_secs",
    "policies_file",
    "anonymous_loopback",
    "issuers",
    "tls_cert_file",
    "tls_key_file",
    "tls_client_ca_file",
    "peer_ca_file",
    "peer_cert_file",
    "peer_key_file",
    "log_format",
    "log_level",
    "otlp_endpoint",
    "drain_secs_max",
    "peers",
];

/// The keys of [`MANUAL`], which has the words. No Debug: URLs hold passwords.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub profile: Profile,
    pub listen: SocketAddr,
    pub plaintext: bool,
    #[serde(default, deserialize_with = "unless_empty")]
    pub admin_listen: Option<SocketAddr>,
    pub reflection: bool,
    #[serde(deserialize_with = "words")]
    pub web_origins: Vec<String>,
    pub data_dir: PathBuf,
    #[serde(default, deserialize_with = "unless_empty")]
    pub database_url: Option<String>,
    pub database_connections_max: u32,
    pub auto_migrate: Option<bool>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub redis_url: Option<String>,
    pub cache_bytes_max: u64,
    pub feed_retention_days: u64,
    pub calls_max: usize,
    pub connections_max: usize,
    pub peer_connections_max: usize,
    #[serde(deserialize_with = "words")]
    pub only: Vec<String>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub root_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "paths")]
    pub old_root_key_files: Vec<PathBuf>,
    pub key_life_secs: u64,
    #[serde(default, deserialize_with = "unless_empty")]
    pub signing_key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub audit_key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub audit_sink_dir: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub erasure_journal_file: Option<PathBuf>,
    pub erasure_settle_secs: u64,
    #[serde(default, deserialize_with = "unless_empty")]
    pub policies_file: Option<PathBuf>,
    pub anonymous_loopback: bool,
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub tls_cert_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub tls_key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub tls_client_ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub peer_ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub peer_cert_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "unless_empty")]
    pub peer_key_file: Option<PathBuf>,
    pub log_format: LogFormat,
    pub log_level: LogLevel,
    #[serde(default, deserialize_with = "unless_empty")]
    pub otlp_endpoint: Option<String>,
    pub drain_secs_max: u64,
    pub peers: BTreeMap<String, String>,
}

/// Whether convenience or safety decides where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    Development,
    /// Refuses to start with anything that is only fit for a laptop.
    Production,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Config {
    /// Defaults ← `dossier.toml` or the file that the flags name ← environment ← flags.
    /// INVALID_ARGUMENT says which key is wrong and where it was set.
    pub fn load(flags: &Flags) -> Result<Self> {
        let mut figment = Figment::from(Toml::string(MANUAL));
        if let Some(path) = &flags.config {
            if !path.is_file() {
                let problem = format!("{} is not a file", path.display());
                return Err(Error::invalid(vec![Violation::new("--config", problem)]));
            }
            figment = figment.merge(Toml::file_exact(path));
        } else if Path::new(FILE).is_file() {
            figment = figment.merge(Toml::file_exact(FILE));
        }
        let ours = |name: &figment::value::UncasedStr| {
            let key = name.as_str().split("__").next().unwrap_or_default();
            KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
        };
        let environment = Env::prefixed(ENV_PREFIX).filter(ours).split("__");
        Self::read(
            &figment
                .merge(environment)
                .merge(Serialized::defaults(flags)),
        )
    }

    /// The defaults with everything in `data_dir` and on a free port: for tests and the demo, which
    /// must not depend on files and variables that happen to be there.
    pub fn embedded(data_dir: &Path) -> Result<Self> {
        let flags = Flags {
            data_dir: Some(data_dir.to_owned()),
            listen: Some("127.0.0.1:0".to_owned()),
            ..Flags::default()
        };
        Self::read(&Figment::from(Toml::string(MANUAL)).merge(Serialized::defaults(&flags)))
    }

    /// Whether this process keeps its data in files of its own.
    pub fn is_embedded(&self) -> bool {
        self.database_url.is_none()
    }

    /// Whether callers without a token are let in.
    pub fn admits_anonymous(&self) -> bool {
        self.anonymous_loopback && self.is_embedded() && self.listen.ip().is_loopback()
    }

    /// How long feeds keep their events; `None` for ever.
    pub fn feed_retention(&self) -> Option<Duration> {
        let days = Some(self.feed_retention_days).filter(|days| *days > 0);
        days.map(|days| Duration::from_secs(days.saturating_mul(24 * 3_600)))
    }

    pub fn migrates_itself(&self) -> bool {
        self.auto_migrate.unwrap_or(self.is_embedded())
    }

    /// The services that are asked over the network, and where.
    pub fn distant_peers(&self) -> impl Iterator<Item = (&str, &str)> {
        let distant =
            |name: &str| !self.only.is_empty() && !self.only.iter().any(|own| own == name);
        self.peers
            .iter()
            .map(|(name, uri)| (name.as_str(), uri.as_str()))
            .filter(move |(name, _)| distant(name))
    }

    pub fn root_key_path(&self) -> PathBuf {
        self.root_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("keys/root.key"))
    }

    pub fn signing_key_path(&self) -> PathBuf {
        self.signing_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("keys/signing.key"))
    }

    pub fn audit_key_path(&self) -> PathBuf {
        self.audit_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("keys/audit.key"))
    }

    pub fn audit_sink_path(&self) -> PathBuf {
        self.audit_sink_dir
            .clone()
            .unwrap_or_else(|| self.data_dir.join("audit"))
    }

    pub fn erasure_journal_path(&self) -> PathBuf {
        self.erasure_journal_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("erasures/journal"))
    }

    fn read(figment: &Figment) -> Result<Self> {
        let mut config: Self = figment.extract().map_err(explain)?;
        config.check()?;
        let asked_to_listen = figment
            .find_metadata("listen")
            .is_some_and(|from| from.name != "TOML source string");
        if let [alone] = config.only.as_slice()
            && !asked_to_listen
            && let Some(port) = config.peers.get(alone).and_then(|uri| port(uri))
        {
            config.listen.set_port(port);
        }
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let mut violations = Vec::new();
        let mut named = |field: &str, name: &str| {
            if !SERVICES.contains(&name) {
                let known = SERVICES.join(", ");
                let problem = format!("`{name}` is no service; there are {known}");
                violations.push(Violation::new(field, problem));
            }
        };
        self.only.iter().for_each(|name| named("only", name));
        self.peers.keys().for_each(|name| named("peers", name));
        for (field, url, scheme) in [
            ("database_url", &self.database_url, "postgres"),
            ("redis_url", &self.redis_url, "redis"),
        ] {
            if url.as_ref().is_some_and(|url| !url.starts_with(scheme)) {
                violations.push(Violation::new(
                    field,
                    format!("must begin with {scheme}://"),
                ));
            }
        }
        if self.drain_secs_max > 20 {
            violations.push(Violation::new("drain_secs_max", "must be at most 20"));
        }
        if !(1..=30).contains(&self.key_life_secs) {
            violations.push(Violation::new("key_life_secs", "must be from 1 to 30"));
        }
        if !(1..=3_600).contains(&self.erasure_settle_secs) {
            violations.push(Violation::new(
                "erasure_settle_secs",
                "must be from 1 to 3,600",
            ));
        }
        for (field, is_none) in [
            (
                "database_connections_max",
                self.database_connections_max == 0,
            ),
            ("calls_max", self.calls_max == 0),
            ("connections_max", self.connections_max == 0),
            ("peer_connections_max", self.peer_connections_max == 0),
        ] {
            if is_none {
                violations.push(Violation::new(field, "must be at least 1"));
            }
        }
        violations.extend(transport::check(self));
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(violations))
        }
    }
}

/// `50051` of `http://127.0.0.1:50051`.
fn port(uri: &str) -> Option<u16> {
    uri.trim_end_matches('/').rsplit(':').next()?.parse().ok()
}

fn explain(errors: figment::Error) -> Error {
    let violations = errors
        .into_iter()
        .map(|error| {
            let key = if error.path.is_empty() {
                "configuration".into()
            } else {
                error.path.join(".")
            };
            let from = error.metadata.as_ref().map_or_else(String::new, source);
            Violation::new(key, format!("{}{from}", error.kind))
        })
        .collect();
    Error::invalid(violations)
}

/// Where a value was set, in words for whoever set it.
fn source(metadata: &figment::Metadata) -> String {
    match &metadata.source {
        Some(figment::Source::File(path)) => format!(" ({})", path.display()),
        // The flags are the only values that come from code.
        Some(figment::Source::Code(_)) => " (command line)".to_owned(),
        _ => format!(" ({})", metadata.name),
    }
}

/// A list, or words between commas as variables have it.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        List(Vec<String>),
        Line(String),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::List(words) => words,
        Words::Line(line) => line
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    Ok(words(deserializer)?
        .into_iter()
        .map(PathBuf::from)
        .collect())
}

/// An empty value is none: orchestrators set variables they have nothing to say in.
fn unless_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests;
