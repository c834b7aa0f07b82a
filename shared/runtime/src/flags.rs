//! What the command line may say about the configuration: the last word, key by key.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

/// Flags of every command that opens the suite's data. Those that are not given say nothing.
#[derive(Args, Clone, Debug, Default, Serialize)]
pub struct Flags {
    /// Configuration file [default: dossier.toml in the working directory, where there is one]
    #[arg(
        long,
        value_name = "FILE",
        env = "DOSSIER_CONFIG",
        help_heading = "Configuration"
    )]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// `development` or `production`, which refuses to start with anything unsafe
    /// [default: development]
    #[arg(long, value_name = "PROFILE", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,

    /// Address of gRPC, gRPC-Web and health [default: 127.0.0.1:50050]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,

    /// Address of /metrics, /readyz and /livez [default: off]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<String>,

    /// Directory of SQLite files and keys [default: dossier-data]
    #[arg(long, value_name = "DIR", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// PostgreSQL instead of SQLite files; better given as DOSSIER_DATABASE_URL
    #[arg(long, value_name = "URL", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,

    /// A Redis that several processes share [default: each caches for itself]
    #[arg(long, value_name = "URL", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis_url: Option<String>,

    /// Serve these services only: profile, interaction, segmentation, feedback
    #[arg(
        long,
        value_name = "SERVICES",
        value_delimiter = ',',
        help_heading = "Configuration"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,

    /// `pretty` or `json`, on standard error [default: pretty]
    #[arg(long, value_name = "FORMAT", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<String>,

    /// The finest log level: error, warn, info, debug, trace [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "Configuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}
