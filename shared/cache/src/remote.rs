//! The cache that several processes share: Redis, kept at arm's length.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use dossier_kernel::{Error, Reason, Result};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError, Script};

use crate::Key;
use crate::breaker::Breaker;
use crate::entry::Entry;
use crate::missed::{Due, Missed};

/// Nobody waits longer than this for Redis.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_millis(20);
/// Only the probe waits for connections, and no request waits for the probe.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);
/// How often a Redis that was given up is tried again.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// An entry on the wire is its version in 20 digits, then `-` for a mark, or `+`, the run and the
/// value. Digits compare as text, and Redis compares text of digits alike in every locale.
const VERSION_DIGITS: usize = 20;
const RUN_DIGITS: usize = 16;

/// Names the run: as long as it lasts, every announcement has reached Redis or waits in a process
/// that lives. It ends when Redis loses its marks (flushed, or empty after a start: the key is gone
/// with them), when a process starts, since the one before may have been killed between a commit and
/// its announcement, and when more was missed than is remembered. A value counts only in its run, and is put only in the run of its miss.
const RUN: &str = "dossier:run";

const SET_UNLESS_NEWER: &str = r"
if ARGV[3] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
local held = redis.call('GETRANGE', KEYS[1], 0, 19)
if held ~= '' and held > string.sub(ARGV[1], 1, 20) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

const BEGIN_RUN: &str = r"
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])";

/// The name of a run, of [`RUN_DIGITS`].
pub(crate) type Run = Vec<u8>;
/// What is true in every run: a mark.
const ALWAYS: &[u8] = &[];

#[derive(Clone)]
pub(crate) struct Remote(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    answer_timeout: Duration,
    set_unless_newer: Script,
    begin_run: Script,
    breaker: Breaker,
    missed: Missed,
    /// Why Redis could not be used, as it was last said.
    told: Mutex<String>,
}

impl Remote {
    /// Fails only when `url` is not a Redis address. A Redis that is away is found later.
    pub async fn connect(url: &str, answer_timeout: Duration) -> Result<Self> {
        let refuse = |_: RedisError| {
            Error::new(
                Reason::InvalidArgument,
                "redis_url is not an address such as redis://127.0.0.1:6379/0.",
            )
        };
        let tcp = TcpSettings::default().set_nodelay(true);
        // A peer that vanished without a word is given up after this long.
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(Duration::from_secs(5));
        let address = url
            .into_connection_info()
            .map_err(refuse)?
            .set_tcp_settings(tcp);
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(answer_timeout));
        let client = Client::open(address).map_err(refuse)?;
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(refuse)?;
        let inner = Arc::new(Inner {
            connection,
            answer_timeout,
            set_unless_newer: Script::new(SET_UNLESS_NEWER),
            begin_run: Script::new(BEGIN_RUN),
            breaker: Breaker::new(),
            missed: Missed::at_the_start(),
            told: Mutex::default(),
        });
        inner.breaker.open();
        if !inner.heal().await {
            inner.give_up();
        }
        Ok(Self(inner))
    }

    /// The value, or the run in which there is none; not even that when Redis is away.
    pub async fn get(&self, key: &Key) -> Result<Bytes, Option<Run>> {
        let inner = &self.0;
        let mut connection = inner.connection.clone();
        let mut command = redis::cmd("MGET");
        command.arg(key.as_str()).arg(RUN);
        let found: Option<(Option<Vec<u8>>, Option<Run>)> =
            inner.ask(command.query_async(&mut connection)).await;
        let (bytes, run) = found.ok_or(None)?;
        let Some(run) = run else {
            return Err(inner.ask(inner.begin_run()).await);
        };
        let mut bytes = Bytes::from(bytes.unwrap_or_default());
        let head = bytes.get(VERSION_DIGITS..VERSION_DIGITS + 1 + RUN_DIGITS);
        match head.and_then(|head| head.strip_prefix(b"+")) {
            Some(of) if of == run => Ok(bytes.split_off(VERSION_DIGITS + 1 + RUN_DIGITS)),
            _ => Err(Some(run)),
        }
    }

    /// Keeps a value unless a newer entry is known or the run is over. Lost when Redis is away.
    pub async fn put(&self, key: &Key, entry: Entry<Bytes>, run: Run) {
        self.0.ask(self.0.set(key, entry, &run)).await;
    }

    /// Announces that versions before the mark are stale; repeated until Redis has taken it.
    pub async fn announce(&self, key: &Key, version: i64) {
        if self
            .0
            .ask(self.0.set(key, Entry::mark(version), ALWAYS))
            .await
            .is_some()
        {
            return;
        }
        let open = || self.0.trip_until_told();
        self.0.missed.note(key, version, open);
    }
}

#[cfg(test)]
impl Remote {
    pub fn forget_own_run(&self) {
        self.0.missed.start_again();
    }

    pub async fn heal(&self) -> bool {
        self.0.heal().await
    }
}

impl Inner {
    /// Runs a command unless the breaker is open; every failure is `None`.
    async fn ask<T>(
        self: &Arc<Self>,
        command: impl Future<Output = Result<T, RedisError>>,
    ) -> Option<T> {
        if self.breaker.is_open() {
            return None;
        }
        match tokio::time::timeout(self.answer_timeout, command).await {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                Some(answer)
            }
            Ok(Err(_)) | Err(_) => {
                if self.breaker.failed() {
                    self.give_up();
                }
                None
            }
        }
    }

    /// The run, begun where there is none.
    async fn begin_run(&self) -> Result<Run, RedisError> {
        let mut connection = self.connection.clone();
        let mut begin = self.begin_run.key(RUN);
        begin.arg(new_run());
        begin.invoke_async(&mut connection).await
    }

    /// Ends the run that was.
    async fn end_run(&self) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        let mut set = redis::cmd("SET");
        set.arg(RUN).arg(new_run());
        set.query_async(&mut connection).await
    }

    async fn set(&self, key: &Key, entry: Entry<Bytes>, run: &[u8]) -> Result<bool, RedisError> {
        let mut connection = self.connection.clone();
        let mut wire = format!("{:020}", entry.version).into_bytes();
        match entry.value {
            Some(value) => {
                wire.push(b'+');
                wire.extend_from_slice(run);
                wire.extend_from_slice(&value);
            }
            None => wire.push(b'-'),
        }
        let ttl_ms = u64::try_from(entry.ttl.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        self.set_unless_newer
            .key(key.as_str())
            .key(RUN)
            .arg(wire)
            .arg(ttl_ms)
            .arg(run)
            .invoke_async(&mut connection)
            .await
    }

    fn trip_until_told(self: &Arc<Self>) {
        if self.breaker.open() {
            self.give_up();
        }
    }

    /// Says so once and looks for Redis in the background.
    fn give_up(self: &Arc<Self>) {
        tracing::warn!("redis does not answer; reads go to the database until it does");
        tokio::spawn(probe(Arc::downgrade(self)));
    }

    /// Tells Redis what it has missed and closes the breaker; `false` when Redis is still away.
    async fn heal(&self) -> bool {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        if !self.tried(ping.query_async(&mut connection)).await {
            return false;
        }
        while let Some(due) = self.missed.next(|| self.breaker.close()) {
            let told = async {
                match &due {
                    Due::End(_) => self.end_run().await,
                    Due::Mark(key, version) => {
                        let mark = Entry::mark(*version);
                        self.set(key, mark, ALWAYS).await.map(drop)
                    }
                }
            };
            if !self.tried(told).await {
                return false;
            }
            self.missed.told(&due);
        }
        true
    }

    async fn tried(&self, command: impl Future<Output = Result<(), RedisError>>) -> bool {
        match tokio::time::timeout(CONNECT_TIMEOUT, command).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                self.tell(&error);
                false
            }
            Err(_) => false,
        }
    }

    /// Says why there is no connection, once for each reason: it is asked for twice a second.
    fn tell(&self, error: &RedisError) {
        let words = error.to_string();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != words {
            tracing::warn!(error = %words, "redis cannot be used");
            *told = words;
        }
    }
}

fn new_run() -> String {
    let random = getrandom::u64().unwrap_or_default();
    format!("{random:0width$x}", width = RUN_DIGITS)
}

/// Tries until Redis answers again, or nobody has the cache any more.
async fn probe(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(PROBE_INTERVAL).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        if inner.heal().await {
            tracing::info!("redis answers again");
            return;
        }
    }
}
