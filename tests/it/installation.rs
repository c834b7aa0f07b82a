//! An installation written by hand: keys, certificates, one configuration for every program. For
//! tests of what the suite makes of its configuration.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dossier_access::{Grant, SigningKey};
use dossier_kernel::{Principal, PrincipalKind, Role, TenantId};
use dossier_testkit::{Authority, Bearer, Issued, Port, Process, Wire, program};
use tempfile::TempDir;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

pub const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Installation {
    pub authority: Authority,
    pub signing_seed: [u8; 32],
    /// Of the services, in their order; the suite in one process takes the first.
    ports: Vec<Port>,
    processes: Vec<Process>,
    dir: TempDir,
}

/// Keys of a configuration file and their values in TOML.
pub type Settings = BTreeMap<String, String>;

impl Installation {
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("dossier-installation-")
            .tempdir()?;
        let authority = Authority::new()?;
        authority.write(&dir.path().join("ca.crt"))?;
        for service in SERVICES {
            let uri = format!("spiffe://dossier/service/{service}");
            authority.issue(dir.path(), service, &[&uri])?;
        }
        let (a, b) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        let mut signing_seed = [0; 32];
        signing_seed[..16].copy_from_slice(a.as_bytes());
        signing_seed[16..].copy_from_slice(b.as_bytes());
        let installation = Self {
            authority,
            signing_seed,
            ports: SERVICES
                .iter()
                .map(|_| Port::hold())
                .collect::<Result<_, _>>()?,
            processes: Vec::new(),
            dir,
        };
        installation.write_key("signing.key", &signing_seed)?;
        let root = uuid::Uuid::new_v4().into_bytes();
        installation.write_key("root.key", &[root, a.into_bytes()].concat())?;
        installation.write_key("audit.key", &[root, b.into_bytes()].concat())?;
        Ok(installation)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file as for `root_key_file`.
    pub fn write_key(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        let mut file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        std::io::Write::write_all(&mut file, STANDARD.encode(bytes).as_bytes())?;
        Ok(path)
    }

    /// Fit for production: the suite in one process over TLS.
    pub fn fit_for_production(&self) -> Settings {
        let path = |name: &str| format!("{:?}", self.path(name));
        [
            ("profile", "\"production\"".to_owned()),
            ("listen", format!("\"{}\"", self.ports[0].address())),
            ("reflection", "false".to_owned()),
            ("anonymous_loopback", "false".to_owned()),
            ("data_dir", path("data")),
            ("root_key_file", path("root.key")),
            ("signing_key_file", path("signing.key")),
            ("audit_key_file", path("audit.key")),
            ("tls_cert_file", path("profile.crt")),
            ("tls_key_file", path("profile.key")),
            ("tls_client_ca_file", path("ca.crt")),
            ("log_format", "\"json\"".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// The same for one service of four processes.
    pub fn fit_for_production_alone(&self, service: &str) -> Settings {
        let at = SERVICES.iter().position(|name| *name == service);
        let port = &self.ports[at.unwrap_or_default()];
        let path = |name: &str| format!("{:?}", self.path(name));
        let mut settings = self.fit_for_production();
        for (key, value) in [
            ("listen", format!("\"{}\"", port.address())),
            ("tls_cert_file", path(&format!("{service}.crt"))),
            ("tls_key_file", path(&format!("{service}.key"))),
            ("peer_ca_file", path("ca.crt")),
            ("only", format!("[{service:?}]")),
        ] {
            settings.insert(key.to_owned(), value);
        }
        for (name, port) in SERVICES.iter().zip(&self.ports) {
            let uri = format!("\"https://localhost:{}\"", port.number());
            settings.insert(format!("peers.{name}"), uri);
        }
        settings
    }

    /// Writes `{name}.toml`.
    pub fn configure(&self, name: &str, settings: &Settings) -> anyhow::Result<PathBuf> {
        let path = self.path(&format!("{name}.toml"));
        // Tables come after plain keys, or they would swallow them.
        let (tables, plain): (Vec<_>, Vec<_>) =
            settings.iter().partition(|(key, _)| key.starts_with("[["));
        let lines = plain
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        let tables = tables
            .iter()
            .map(|(key, value)| format!("{key}\n{value}\n"));
        std::fs::write(&path, lines.chain(tables).collect::<String>())?;
        Ok(path)
    }

    /// Starts a program with these settings and waits until its service answers.
    pub async fn start(&mut self, name: &str, settings: &Settings) -> anyhow::Result<()> {
        let config = self.configure(name, settings)?;
        let (binary, serve) = match name {
            "dossier" => ("dossier".to_owned(), Some("serve")),
            service => (format!("dossier-{service}"), None),
        };
        let mut command = Command::new(program(&binary)?);
        command
            .args(serve)
            .arg("--config")
            .arg(config)
            .current_dir(self.dir.path());
        let log = self.path(&format!("{name}.log"));
        let mut process = Process::spawn(&mut command, &log)?;
        let begun = Instant::now();
        while !self.serves(name).await {
            process.check_running()?;
            if begun.elapsed() > START_TIMEOUT {
                bail!("{name} does not serve:\n{}", process.log_end());
            }
            // A process that starts tells nobody: it is asked again.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.processes.push(process);
        Ok(())
    }

    /// kill -9 of every program.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let mut processes = std::mem::take(&mut self.processes);
        processes.iter_mut().try_for_each(Process::kill)
    }

    /// How `dossier serve` ends with these settings, and what it says.
    pub fn refused(&self, settings: &Settings) -> anyhow::Result<(ExitStatus, String)> {
        let config = self.configure("refused", settings)?;
        let output = Command::new(program("dossier")?)
            .args(["serve", "--config"])
            .arg(config)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status, words))
    }

    /// A token that the suite signs itself.
    pub fn token(
        &self,
        principal: Principal,
        roles: &[Role],
        tenant: &TenantId,
    ) -> anyhow::Result<String> {
        let key = SigningKey::from_seed(&self.signing_seed)?;
        let hour = Duration::from_secs(3_600);
        Ok(key.mint(Grant::new(tenant.clone(), principal, roles.to_vec(), hour))?)
    }

    pub fn admin(&self) -> anyhow::Result<String> {
        let principal = Principal {
            kind: PrincipalKind::Person,
            id: "operator".to_owned(),
        };
        self.token(principal, &[Role::Admin], &TenantId::embedded_default())
    }

    /// A way to a service that is served over TLS; `name` is the service, or `dossier`.
    pub fn wire(&self, name: &str, token: &str, identity: Option<&Issued>) -> anyhow::Result<Wire> {
        let channel = self.endpoint(name, identity)?.connect_lazy();
        Ok(InterceptedService::new(channel, Bearer::new(token)?))
    }

    /// As [`Self::wire`], for calls that bring their own metadata.
    pub fn channel(&self, name: &str) -> anyhow::Result<Channel> {
        Ok(self.endpoint(name, None)?.connect_lazy())
    }

    pub fn issued(&self, service: &str) -> Issued {
        Issued {
            cert: self.path(&format!("{service}.crt")),
            key: self.path(&format!("{service}.key")),
        }
    }

    fn endpoint(&self, name: &str, identity: Option<&Issued>) -> anyhow::Result<Endpoint> {
        let at = SERVICES.iter().position(|service| *service == name);
        let port = self.ports[at.unwrap_or_default()].number();
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.pem()));
        if let Some(Issued { cert, key }) = identity {
            let identity = Identity::from_pem(std::fs::read(cert)?, std::fs::read(key)?);
            tls = tls.identity(identity);
        }
        let endpoint = Endpoint::from_shared(format!("https://localhost:{port}"))?;
        endpoint.tls_config(tls).context("TLS")
    }

    async fn serves(&self, name: &str) -> bool {
        let Ok(endpoint) = self.endpoint(name, None) else {
            return false;
        };
        let Ok(channel) = endpoint.connect().await else {
            return false;
        };
        health(channel).await
    }
}

async fn health(channel: Channel) -> bool {
    use tonic_health::pb::health_check_response::ServingStatus;
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
