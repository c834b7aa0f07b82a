//! A PostgreSQL and a Redis of our own: free ports, data in a temporary directory, gone at the end.
//!
//! Both die with this process even when it is killed (`setpriv --pdeathsig`), so a broken run leaves
//! nothing behind that listens.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::command::{run_quietly, succeeds};
use crate::tools;

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Running backends; dropping them stops them.
pub struct Backends {
    pub postgres_url: String,
    pub redis_url: String,
    servers: Vec<Child>,
    // Last: the data goes after the servers.
    dir: TempDir,
}

impl Backends {
    pub fn start() -> anyhow::Result<Self> {
        tools::ensure(&[tools::REDIS])?;
        let programs = tools::postgres_programs()?;
        let dir = tempfile::Builder::new()
            .prefix("dossier-backends-")
            .tempdir()?;
        // The database's own user must be able to pass through.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))?;
        let [postgres_port, redis_port] = free_ports()?;
        let mut backends = Self {
            postgres_url: format!("postgres://postgres@127.0.0.1:{postgres_port}/postgres"),
            redis_url: format!("redis://127.0.0.1:{redis_port}"),
            servers: Vec::new(),
            dir,
        };
        backends.start_postgres(&programs, postgres_port)?;
        backends.start_redis(redis_port)?;
        eprintln!(
            "started {} and {}",
            backends.postgres_url, backends.redis_url
        );
        Ok(backends)
    }

    fn start_postgres(&mut self, programs: &Path, port: u16) -> anyhow::Result<()> {
        let data = self.folder("postgres")?;
        let owner = if running_as_root() {
            Some("postgres")
        } else {
            None
        };
        if let Some(owner) = owner {
            run_quietly(Command::new("chown").arg(owner).arg(&data))?;
        }
        run_quietly(
            as_user(owner, &programs.join("initdb"))
                .args([
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "--no-sync",
                ])
                .arg("-D")
                .arg(&data)
                .current_dir("/"),
        )?;
        // The suites kill our processes, never the machine: the page cache is as good as the disk
        // here, and a test database is made in a tenth of the time.
        let settings = ["fsync=off", "full_page_writes=off", "max_connections=500"];
        let mut server = as_user(owner, &programs.join("postgres"));
        server
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .current_dir("/");
        server.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        self.serve(&mut server, "postgres.log")?;
        let ready = programs.join("pg_isready");
        self.wait(|| {
            succeeds(Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]))
        })
        .context("PostgreSQL does not answer")
    }

    fn start_redis(&mut self, port: u16) -> anyhow::Result<()> {
        let data = self.folder("redis")?;
        let port = port.to_string();
        let mut server = as_user(None, Path::new("redis-server"));
        server.args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        server.args(["--databases", "1024", "--dir"]).arg(&data);
        self.serve(&mut server, "redis.log")?;
        self.wait(|| succeeds(Command::new("redis-cli").args(["-p", &port, "ping"])))
            .context("Redis does not answer")
    }

    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.dir.path().join(name);
        std::fs::create_dir(&folder)?;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        Ok(folder)
    }

    fn serve(&mut self, server: &mut Command, log: &str) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.dir.path().join(log))?;
        let child = server
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", server.get_program().display()))?;
        self.servers.push(child);
        Ok(())
    }

    fn wait(&mut self, ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !ready() {
            for server in &mut self.servers {
                if let Some(status) = server.try_wait()? {
                    bail!("a server ended at once: {status}");
                }
            }
            if started.elapsed() > START_TIMEOUT {
                bail!("no answer within {START_TIMEOUT:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // SIGINT is PostgreSQL's fast shutdown and stops Redis too.
            let asked =
                succeeds(Command::new("sh").args(["-c", &format!("kill -INT {}", server.id())]));
            if !asked {
                let _ = server.kill();
            }
            let _ = server.wait();
        }
    }
}

/// Bound at the same time, so that they differ.
fn free_ports() -> anyhow::Result<[u16; 2]> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let both = (bind()?, bind()?);
    Ok([both.0.local_addr()?.port(), both.1.local_addr()?.port()])
}

fn running_as_root() -> bool {
    run_quietly(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

/// PostgreSQL refuses to run as root; its Debian package made a user for it.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn both_listen_until_they_are_dropped_and_leave_nothing() {
        let backends = Backends::start().expect("started");
        let addresses: Vec<String> = [&backends.postgres_url, &backends.redis_url]
            .map(|url| {
                let after_user = url
                    .rsplit(['@', '/'])
                    .find(|part| part.contains("127.0.0.1"));
                after_user.expect("an address").to_owned()
            })
            .into();
        let dir = backends.dir.path().to_owned();
        for address in &addresses {
            TcpStream::connect(address).expect("listens");
        }
        drop(backends);
        for address in &addresses {
            TcpStream::connect(address).expect_err("listens no more");
        }
        assert!(!dir.exists(), "{} is left", dir.display());
    }
}
