//! Everything a suite writes to, and a canary for each.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use dossier_testkit::{Backend, Cluster, Suite};
use rusqlite::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::collector::Collector;

/// What lies outside the suite's own directory, and what must be asked for.
pub struct Places {
    cluster: Option<PathBuf>,
    redis: Option<Redis>,
}

/// A watch over every command that Redis is sent.
struct Redis {
    url: String,
    monitor: Child,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}

impl Places {
    /// Points what the processes write by themselves into the suite's directory.
    pub fn prepare(
        suite: &mut Suite,
        cluster: Option<&Cluster>,
        collector: &Collector,
    ) -> anyhow::Result<Self> {
        for folder in ["tmp", "home", "audit", "backup"] {
            std::fs::create_dir(suite.dir().join(folder))?;
        }
        let path = |folder: &str| suite.dir().join(folder).to_string_lossy().into_owned();
        let environment = [
            ("TMPDIR", path("tmp")),
            ("SQLITE_TMPDIR", path("tmp")),
            ("HOME", path("home")),
            ("DOSSIER_OTLP_ENDPOINT", collector.url.clone()),
            ("DOSSIER_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ("DOSSIER_AUDIT_SINK_DIR", path("audit")),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        suite.set_environment(environment.to_vec());
        let redis = match suite.backend() {
            Backend::SqliteMemory => None,
            Backend::PostgresRedis => Some(watch_redis(suite.dir())?),
        };
        Ok(Self {
            cluster: cluster.map(|cluster| cluster.dir().to_owned()),
            redis,
        })
    }

    /// What is searched: databases with their logs, what the processes printed and exported, their
    /// temporary and home directories, dumps, backups and answers; PostgreSQL's files and log.
    pub fn folders(&self, suite: &Suite) -> Vec<PathBuf> {
        std::iter::once(suite.dir().to_owned())
            .chain(self.cluster.clone())
            .collect()
    }

    /// Of the running suite: what it tells operators, backups, dumps.
    pub async fn collect(&self, suite: &Suite) -> anyhow::Result<()> {
        let log = suite.log()?;
        let addresses: Vec<_> = log.lines().filter_map(admin_address).collect();
        ensure!(
            addresses.len() == suite.process_ids().len(),
            "operators' addresses: {addresses:?}"
        );
        for (index, address) in addresses.iter().enumerate() {
            for page in ["metrics", "readyz"] {
                let answer = get(address, page).await?;
                ensure!(answer.starts_with(b"HTTP/1.1 200"), "{page} of {address}");
                std::fs::write(suite.dir().join(format!("{page}-{index}.txt")), answer)?;
            }
        }
        self.dump(suite)
    }

    /// Backups and dumps, as an operator makes them.
    pub fn dump(&self, suite: &Suite) -> anyhow::Result<()> {
        suite.dump_stores()?;
        for database in databases(suite)? {
            let name = database.file_name().context("a file")?;
            let backup = suite.dir().join("backup").join(name);
            let _ = std::fs::remove_file(&backup);
            let backup = backup.to_string_lossy().into_owned();
            Connection::open(&database)?.execute("VACUUM INTO ?1", [backup])?;
        }
        Ok(())
    }

    /// Puts the word into every place, by the way that things come there; says which these are.
    pub async fn plant(
        &self,
        suite: &Suite,
        collector: &Collector,
        word: &str,
    ) -> anyhow::Result<Vec<(String, PathBuf)>> {
        let dir = suite.dir();
        let mut planted = Vec::new();
        let mut note = |name: &str, path: &Path| planted.push((name.to_owned(), path.to_owned()));
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let text = ["log", "txt"]
                .iter()
                .any(|end| path.extension() == Some(end.as_ref()));
            if text || path.ends_with("errors.bin") {
                let mut file = OpenOptions::new().append(true).open(&path)?;
                writeln!(file, "{{\"name\":\"{word}\"}}")?;
                note("what is printed or answered", &path);
            }
        }
        for folder in ["tmp", "home", "audit", "keys"] {
            let path = dir.join(folder).join("planted");
            std::fs::write(&path, format!("\u{1}{word}\u{2}"))?;
            note(folder, &path);
        }
        collector.send(word).await?;
        ensure!(
            collector.received()? > 10_000,
            "the suite exports telemetry"
        );
        note("telemetry", &collector.path);
        let table =
            format!("CREATE TABLE planted (word text); INSERT INTO planted VALUES ('{word}')");
        for database in databases(suite)? {
            // Open while it is searched: the value is in the log and not yet in the file.
            let conn = Connection::open(&database)?;
            conn.execute_batch(&format!("PRAGMA journal_mode=WAL; {table}"))?;
            std::mem::forget(conn);
            let wal = format!("{}-wal", database.display());
            note("a database's log", Path::new(&wal));
        }
        if suite.backend() == Backend::PostgresRedis {
            suite.sql(&table)?;
            // A statement that fails is what PostgreSQL logs.
            let _ = suite.sql(&format!("SELECT '{word}'::integer"));
            note("PostgreSQL's dump", &dir.join("postgres.sql"));
        }
        if let (Some(redis), Some(cluster)) = (&self.redis, &self.cluster) {
            redis.set(word)?;
            note("Redis", &dir.join("redis.rdb"));
            note("the commands Redis is sent", &dir.join("redis-monitor.txt"));
            note("PostgreSQL's write-ahead log", &cluster.join("data/pg_wal"));
            note("PostgreSQL's own log", &cluster.join("server.log"));
        }
        self.dump(suite)?;
        for database in databases(suite)? {
            let name = database.file_name().context("a file")?;
            note("a backup", &dir.join("backup").join(name));
        }
        Ok(planted)
    }
}

impl Redis {
    fn set(&self, word: &str) -> anyhow::Result<()> {
        let mut set = Command::new("redis-cli");
        set.args(["-u", &self.url, "set", "planted", word, "ex", "60"]);
        ensure!(set.stdout(Stdio::null()).status()?.success(), "redis-cli");
        // What is sent is seen a moment later.
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(())
    }
}

fn watch_redis(dir: &Path) -> anyhow::Result<Redis> {
    let url = std::env::var("DOSSIER_TEST_REDIS_URL").context("DOSSIER_TEST_REDIS_URL")?;
    let seen = File::create(dir.join("redis-monitor.txt"))?;
    let monitor = Command::new("redis-cli")
        .args(["-u", &url, "monitor"])
        .stdin(Stdio::null())
        .stdout(seen)
        .spawn()?;
    Ok(Redis { url, monitor })
}

fn databases(suite: &Suite) -> anyhow::Result<Vec<PathBuf>> {
    let data = suite.dir().join("data");
    if suite.backend() == Backend::PostgresRedis {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.extension() == Some("db".as_ref()) {
            found.push(path);
        }
    }
    ensure!(found.len() == 4, "databases: {found:?}");
    Ok(found)
}

/// Of the line that says that a process serves.
fn admin_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let message = fields.get("message").or_else(|| line.get("message"))?;
    let admin = fields.get("admin")?.as_str()?;
    (message == "serving").then(|| admin.to_owned())
}

async fn get(address: &str, page: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /{page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
