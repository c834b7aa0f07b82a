//! A Redis of one's own: to be killed, frozen and flushed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::backend::succeed;
use crate::port::Port;
use crate::process::Process;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server that keeps nothing on disk. Dropping it kills it.
pub struct Redis {
    port: Port,
    /// The authority's certificate, where it speaks TLS only.
    ca: Option<PathBuf>,
    server: Process,
    // Last: the log goes after the server.
    dir: TempDir,
}

impl Redis {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(None).await
    }

    /// Lets nobody in without TLS. The authority issues its certificate.
    pub async fn start_over_tls(authority: &Authority) -> anyhow::Result<Self> {
        Self::start_with(Some(authority)).await
    }

    async fn start_with(authority: Option<&Authority>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("dossier-redis-")
            .tempdir()?;
        let mut ca = None;
        if let Some(authority) = authority {
            authority.issue(dir.path(), "server", &[])?;
            let path = dir.path().join("ca.crt");
            authority.write(&path)?;
            ca = Some(path);
        }
        let port = Port::hold()?;
        let server = spawn(&port, &dir, ca.as_deref())?;
        let mut redis = Self {
            port,
            ca,
            server,
            dir,
        };
        redis.wait().await?;
        Ok(redis)
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill()
    }

    /// Starts what [`Self::kill`] ended, empty.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server = spawn(&self.port, &self.dir, self.ca.as_deref())?;
        self.wait().await
    }

    /// SIGSTOP: connections stay open and nothing is answered, until [`Self::thaw`].
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.server.signal("STOP")
    }

    pub fn thaw(&self) -> anyhow::Result<()> {
        self.server.signal("CONT")
    }

    /// Runs a command, such as `FLUSHALL`, and answers what it says.
    pub fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port.number().to_string()]);
        if let Some(ca) = &self.ca {
            cli.arg("--tls").arg("--cacert").arg(ca);
        }
        cli.args(words);
        Ok(String::from_utf8_lossy(&succeed(&mut cli)?)
            .trim()
            .to_owned())
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !self.command(&["PING"]).is_ok_and(|pong| pong == "PONG") {
            self.server.check_running()?;
            if begun.elapsed() > START_TIMEOUT {
                bail!("Redis does not answer");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

fn spawn(port: &Port, dir: &TempDir, ca: Option<&Path>) -> anyhow::Result<Process> {
    let port = port.number().to_string();
    let mut server = Command::new("setpriv");
    server.args(["--pdeathsig", "KILL", "redis-server"]);
    server.args(["--bind", "127.0.0.1"]);
    match ca {
        None => {
            server.args(["--port", &port]);
        }
        Some(ca) => {
            server.args(["--port", "0", "--tls-port", &port]);
            server.args(["--tls-auth-clients", "no", "--tls-ca-cert-file"]);
            server.arg(ca);
            for (option, name) in [
                ("--tls-cert-file", "server.crt"),
                ("--tls-key-file", "server.key"),
            ] {
                server.arg(option).arg(dir.path().join(name));
            }
        }
    }
    server.args(["--save", "", "--appendonly", "no", "--dir"]);
    server.arg(dir.path());
    Process::spawn(&mut server, &dir.path().join("redis.log"))
}
