//! A PostgreSQL server of one's own: to be killed, filled and made read-only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::authority::{Authority, Issued};
use crate::backend::{ask, required, succeed};
use crate::port::Port;
use crate::process::Process;

/// The startup message of protocol 3.0 (PostgreSQL manual, "Message Formats"): whole length,
/// version, and who wants what.
const STARTUP: &[u8] = b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0";
const AUTHENTICATION_OK: u8 = b'R';
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server with its data in a directory of its own and PostgreSQL's own defaults for
/// durability (`fsync`, `full_page_writes`, `synchronous_commit` on). Dropping it kills it.
pub struct Cluster {
    programs: PathBuf,
    url: String,
    port: Port,
    settings: Vec<String>,
    server: Option<Process>,
    // Last: the data goes after the server.
    dir: TempDir,
}

impl Cluster {
    /// Makes and starts a server, with these settings such as `max_connections=20`. Takes the
    /// programs of the server that the test run uses.
    pub async fn start(settings: &[&str]) -> anyhow::Result<Self> {
        let mut cluster = Self::make(settings)?;
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// As [`Self::start`], and lets nobody in without TLS. The authority issues its certificate.
    pub async fn start_over_tls(authority: &Authority) -> anyhow::Result<Self> {
        let mut cluster = Self::make(&["ssl=on"])?;
        let data = cluster.data();
        // PostgreSQL looks for these names.
        let Issued { cert, key } = authority.issue(&data, "server", &[])?;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
        std::fs::write(data.join("pg_hba.conf"), "hostssl all all all trust\n")?;
        own(&[&cert, &key])?;
        cluster.start_again().await?;
        Ok(cluster)
    }

    fn make(settings: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("dossier-cluster-")
            .tempdir()?;
        // The database's own user must be able to pass through.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))?;
        let port = Port::hold()?;
        let cluster = Self {
            programs: programs()?,
            url: format!("postgres://postgres@{}/postgres", port.address()),
            port,
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            server: None,
            dir,
        };
        cluster.make_data()?;
        Ok(cluster)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its data (`data`) and its log (`server.log`) are.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// SIGKILL of the server and of all its processes, as when they run out of memory.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        // Stopped first, so that it starts no process between the look and the kill.
        signal("STOP", &[server.id()])?;
        let children = format!("/proc/{0}/task/{0}/children", server.id());
        let children = std::fs::read_to_string(children)?;
        let children: Vec<u32> = children.split_whitespace().flat_map(str::parse).collect();
        server.kill()?;
        if !children.is_empty() {
            // Those that saw the end of the server are gone by themselves.
            let _ = signal("KILL", &children);
        }
        Ok(())
    }

    /// Starts the server that [`Self::kill`] ended and waits until it has recovered.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let data = self.data();
        let mut command = self.owned("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(&data);
        command.args(["-h", "127.0.0.1", "-p", &self.port.number().to_string()]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut server = Process::spawn(&mut command, &self.dir.path().join("server.log"))?;
        let begun = Instant::now();
        while self.execute("SELECT 1").is_err() {
            server.check_running()?;
            if begun.elapsed() > START_TIMEOUT {
                bail!(
                    "not serving after {START_TIMEOUT:?}; the log ends:\n{}",
                    server.log_end()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.server = Some(server);
        Ok(())
    }

    /// Runs a statement as the server's administrator.
    pub fn execute(&self, statement: &str) -> anyhow::Result<String> {
        ask(&self.url, statement)
    }

    /// A setting of the whole server, such as `work_mem = '4MB'`, also for sessions that are open.
    pub fn set(&self, setting: &str) -> anyhow::Result<()> {
        self.execute(&format!("ALTER SYSTEM SET {setting}"))?;
        self.execute("SELECT pg_reload_conf()")?;
        Ok(())
    }

    /// Ends the sessions of programs whose name is like this.
    pub fn hang_up(&self, programs: &str) -> anyhow::Result<()> {
        self.execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name LIKE '{programs}'"
        ))?;
        Ok(())
    }

    /// Opens sessions until the server has no place for another; they end when they are dropped.
    pub async fn crowd(&self) -> anyhow::Result<Vec<TcpStream>> {
        let mut sessions = Vec::new();
        loop {
            let mut session = TcpStream::connect(self.port.address()).await?;
            session.write_all(STARTUP).await?;
            match session.read_u8().await? {
                AUTHENTICATION_OK => sessions.push(session),
                _ => return Ok(sessions),
            }
        }
    }

    fn make_data(&self) -> anyhow::Result<()> {
        let data = self.data();
        std::fs::create_dir(&data)?;
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700))?;
        own(&[&data])?;
        let mut initdb = self.owned("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        succeed(initdb.args(["--no-sync", "-D"]).arg(&data))?;
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// PostgreSQL refuses to run as root; its package made a user for it.
    fn owned(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if let Ok(Some(owner)) = owner() {
            command.args(["--reuid", owner, "--regid", owner, "--init-groups"]);
        }
        command.args(["--pdeathsig", "INT"]);
        command.arg(self.programs.join(program)).current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.kill();
    }
}

/// Gives files to the database's own user, where it has one.
fn own(files: &[&Path]) -> anyhow::Result<()> {
    if let Some(owner) = owner()? {
        succeed(Command::new("chown").arg(owner).args(files))?;
    }
    Ok(())
}

fn owner() -> anyhow::Result<Option<&'static str>> {
    let id = succeed(Command::new("id").arg("-u"))?;
    Ok((id.trim_ascii() == b"0").then_some("postgres"))
}

const BINDIR: &str = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";

/// Where the server of the test run has its programs.
fn programs() -> anyhow::Result<PathBuf> {
    let server = required("DOSSIER_TEST_POSTGRES_URL")?;
    let folder = PathBuf::from(ask(&server, BINDIR)?);
    if !folder.join("initdb").is_file() {
        bail!(
            "{} has no initdb: the server must run on this machine",
            folder.display()
        );
    }
    Ok(folder)
}

fn signal(name: &str, processes: &[u32]) -> anyhow::Result<()> {
    let mut kill = Command::new("sh");
    let processes: Vec<_> = processes.iter().map(u32::to_string).collect();
    kill.args(["-c", &format!("kill -{name} {}", processes.join(" "))]);
    succeed(&mut kill).context("no such process")?;
    Ok(())
}
