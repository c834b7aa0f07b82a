//! A Redis of one's own: to be killed, frozen and flushed.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;
use tempfile::TempDir;

use crate::backend::succeed;
use crate::process::Process;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server that keeps nothing on disk. Dropping it kills it.
pub struct Redis {
    port: u16,
    server: Process,
    // Last: the log goes after the server.
    dir: TempDir,
}

impl Redis {
    pub async fn start() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("dossier-redis-")
            .tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = spawn(port, &dir)?;
        let mut redis = Self { port, server, dir };
        redis.wait().await?;
        Ok(redis)
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill()
    }

    /// Starts what [`Self::kill`] ended, empty.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server = spawn(self.port, &self.dir)?;
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
        cli.args(["-p", &self.port.to_string()]).args(words);
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

fn spawn(port: u16, dir: &TempDir) -> anyhow::Result<Process> {
    let mut server = Command::new("setpriv");
    server.args(["--pdeathsig", "KILL", "redis-server"]);
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    server.args(["--save", "", "--appendonly", "no", "--dir"]);
    server.arg(dir.path());
    Process::spawn(&mut server, &dir.path().join("redis.log"))
}
