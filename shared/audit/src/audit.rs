//! The audit log of one service's database.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dossier_db::Db;
use dossier_kernel::{AuditAction, AuditEvent, Clock, Ctx, Error, Result, TenantId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::append::unavailable;
use crate::buffer::{Buffer, Reads};
use crate::certificate;
use crate::export::Export;
use crate::key::{AuditKey, VerifierKey};
use crate::log::Log;
use crate::sequence::{self, EVENTS_MAX};
use crate::sink::Sink;

/// How often reads are written down and events get their places: half of the promised second.
const EVERY: Duration = Duration::from_millis(500);
/// So many reads are written down at once, without waiting for more.
const READS_PER_FLUSH: usize = 4_096;
/// How long one flush may take before it counts as failed.
const FLUSH_BOUND: Duration = Duration::from_secs(5);

/// What the log of a service needs.
#[derive(Clone)]
pub struct Options {
    /// `profile`; the log's checkpoints are those of `dossier/profile`.
    pub service: &'static str,
    pub key: AuditKey,
    /// Where checkpoints are exported; `None` keeps them in the database alone.
    pub sink: Option<PathBuf>,
    pub limits: Limits,
}

/// How many reads of DIRECT data may wait to be written down.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub read_count_max: usize,
    pub read_bytes_max: usize,
    /// Where writing fails, reads stop when the oldest has waited this long.
    pub failing_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read_count_max: 65_536,
            read_bytes_max: 16 << 20,
            failing_max: Duration::from_secs(1),
        }
    }
}

/// What an answer shows in the clear. Masked values were not seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(crate) collection: &'static str,
    /// The first [`AuditEvent::RESOURCES_MAX`].
    pub(crate) ids: Vec<Uuid>,
    pub(crate) count: u64,
    pub(crate) direct: Vec<Cow<'static, str>>,
    pub(crate) sensitive: Vec<Cow<'static, str>>,
}

impl Seen {
    /// Nothing yet, of resources named `{collection}/{id}`.
    pub fn of(collection: &'static str) -> Self {
        Self {
            collection,
            ids: Vec::new(),
            count: 0,
            direct: Vec::new(),
            sensitive: Vec::new(),
        }
    }

    /// One more resource that the answer shows; each once.
    pub fn resource(&mut self, id: Uuid) {
        self.count += 1;
        if self.ids.len() < AuditEvent::RESOURCES_MAX {
            self.ids.push(id);
        }
    }

    /// A field of class DIRECT, by the contract's name.
    pub fn direct(&mut self, field: impl Into<Cow<'static, str>>) {
        add(&mut self.direct, field.into());
    }

    /// A field of class SENSITIVE, by the contract's name.
    pub fn sensitive(&mut self, field: impl Into<Cow<'static, str>>) {
        add(&mut self.sensitive, field.into());
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Cow<'static, str>> {
        self.direct.iter().chain(&self.sensitive)
    }
}

fn add(fields: &mut Vec<Cow<'static, str>>, field: Cow<'static, str>) {
    if !fields.contains(&field) {
        fields.push(field);
    }
}

/// The audit log of one service's database. Cheap to clone.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    db: Db,
    options: Options,
    origin: String,
    buffer: Buffer,
    /// Wakes the keeper before its time.
    full: Notify,
    stop: CancellationToken,
    failing: AtomicBool,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// A log that nobody keeps yet: [`Audit::start`] does.
    pub fn new(db: Db, options: Options) -> Self {
        Self(Arc::new(Inner {
            db,
            origin: format!("dossier/{}", options.service),
            buffer: Buffer::new(options.limits),
            options,
            full: Notify::new(),
            stop: CancellationToken::new(),
            failing: AtomicBool::new(false),
            keeper: Mutex::new(None),
        }))
    }

    /// Begins to keep the log in the background: reads are written down, events get their places,
    /// checkpoints are signed and exported, until [`Audit::close`].
    pub fn start(&self) {
        let keeper = tokio::spawn(self.clone().keep());
        let mut slot = self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(keeper);
    }

    /// To be said before personal data in the clear leaves the service. A read of SENSITIVE data is
    /// on disk when this returns; one of DIRECT data is within a second. AUDIT_UNAVAILABLE where it
    /// cannot be written down: then the answer must not be given.
    ///
    /// Work that nobody called for sees without being seen.
    pub async fn saw(&self, ctx: &Ctx, seen: Seen) -> Result<()> {
        let Some(call) = &ctx.call else { return Ok(()) };
        if seen.count == 0 {
            return Ok(());
        }
        let is_sensitive = !seen.sensitive.is_empty();
        if !is_sensitive && seen.direct.is_empty() {
            return Ok(());
        }
        let now = Clock::system().now();
        if is_sensitive {
            let mut own = own_ctx(ctx.tenant.clone());
            own.deadline = ctx.deadline;
            let read = Reads::new(ctx, call, now, seen);
            let event = read.event(AuditAction::ReadSensitive);
            return Box::pin(self.record(own, vec![event])).await;
        }
        if self.0.buffer.push(ctx, call, now, seen)? {
            self.0.full.notify_one();
        }
        Ok(())
    }

    /// Whether the keeper's last turn failed: the log cannot be written, or is not signed because
    /// somebody changed it.
    pub fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Relaxed)
    }

    /// A document that holds a statement and a signature of `signer` by the key that also signs the
    /// log; [`crate::certificate::verify`] reads it.
    pub fn certify(&self, signer: &str, statement: serde_json::Value) -> Result<String> {
        certificate::sign(&self.0.options.key, signer, &statement)
    }

    /// Whose signature the documents of [`Self::certify`] carry.
    pub fn certifier(&self, signer: &str) -> VerifierKey {
        self.0.options.key.verifier(signer)
    }

    /// For reading the log.
    pub fn log(&self) -> Log {
        Log::new(
            self.0.db.clone(),
            self.0.options.key.clone(),
            self.0.origin.clone(),
        )
    }

    /// Writes down what waits, gives places, exports; then keeps the log no longer. To be called
    /// when nothing reads any more and before the database closes.
    pub async fn close(&self) {
        self.0.stop.cancel();
        let keeper = {
            let mut slot = self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take()
        };
        if let Some(keeper) = keeper {
            // A keeper that panicked has nothing left to wait for.
            let _ = keeper.await;
        }
    }

    /// Writes down all reads that wait.
    pub async fn flush(&self) -> Result<()> {
        loop {
            let reads = self.0.buffer.take(READS_PER_FLUSH);
            if reads.is_empty() {
                return Ok(());
            }
            let own = own_ctx(TenantId::all()).with_timeout(FLUSH_BOUND);
            let events = reads.iter().map(|one| one.event(AuditAction::ReadDirect));
            match self.record(own, events.collect()).await {
                Ok(()) => self.0.buffer.written(&reads),
                Err(error) => {
                    self.0.buffer.failed(reads);
                    return Err(error);
                }
            }
        }
    }

    /// Does once what is done twice a second: writes reads down, gives places, exports.
    pub async fn turn(&self) -> Result<()> {
        self.flush().await?;
        self.sequence(&mut None).await
    }

    /// Gives every waiting event its place and signs the tree; says how many events that were.
    pub async fn integrate(&self) -> Result<u64> {
        let mut all = 0;
        let everyone = self.0.db.reader_of(&TenantId::all());
        while sequence::anybody_waits(&everyone).await? {
            let audit = self.clone();
            let own = own_ctx(TenantId::all());
            let work = self.0.db.write(&own, move |tx| {
                Box::pin(async move {
                    sequence::integrate(tx, &audit.0.options.key, &audit.0.origin).await
                })
            });
            let count = work.await?.value;
            all += count;
            if count < EVENTS_MAX {
                break;
            }
        }
        Ok(all)
    }

    /// `export` is what is known of the sink from the last time.
    async fn sequence(&self, export: &mut Option<Export>) -> Result<()> {
        let Inner {
            db,
            options,
            origin,
            ..
        } = self.0.as_ref();
        let everyone = db.reader_of(&TenantId::all());
        let Some(sink) = &options.sink else {
            return self.integrate().await.map(|_| ());
        };
        let export = match export {
            Some(export) => export,
            none => {
                let sink = Sink::new(sink, options.service);
                none.insert(Export::open(sink, &options.key, origin).await?)
            }
        };
        if sequence::anybody_waits(&everyone).await? {
            // What is not the exported history any more is not signed.
            export.check(&everyone).await?;
            self.integrate().await?;
        }
        export.carry(&everyone, &options.key, origin).await?;
        Ok(())
    }

    async fn record(&self, own: Ctx, events: Vec<AuditEvent>) -> Result<()> {
        let work = self.0.db.write(&own, move |tx| {
            Box::pin(async move {
                events.into_iter().for_each(|event| tx.record(event));
                Ok(())
            })
        });
        work.await.map(|_| ()).map_err(unavailable)
    }

    async fn keep(self) {
        let mut keeper = Keeper {
            audit: self,
            export: None,
            flushing: Trouble::default(),
            sequencing: Trouble::default(),
        };
        loop {
            let stopped = tokio::select! {
                () = keeper.audit.0.stop.cancelled() => true,
                () = tokio::time::sleep(EVERY) => false,
                () = keeper.audit.0.full.notified() => false,
            };
            keeper.turn().await;
            if stopped {
                return;
            }
        }
    }
}

/// Who keeps the log, and what it told the operator so far.
struct Keeper {
    audit: Audit,
    export: Option<Export>,
    flushing: Trouble,
    sequencing: Trouble,
}

impl Keeper {
    async fn turn(&mut self) {
        let flushed = self.audit.flush().await;
        self.flushing.tell("reads are not written down", flushed);
        let sequenced = self.audit.sequence(&mut self.export).await;
        self.sequencing
            .tell("the audit log is not signed", sequenced);
        let failing = self.flushing.0 || self.sequencing.0;
        self.audit.0.failing.store(failing, Ordering::Relaxed);
    }
}

/// Says once that something fails, and once that it no longer does.
#[derive(Default)]
struct Trouble(bool);

impl Trouble {
    fn tell(&mut self, what: &'static str, outcome: Result<()>) {
        match outcome {
            Err(error) if !self.0 => {
                let cause = cause(&error);
                tracing::error!(%error, cause, "{what}");
                self.0 = true;
            }
            Ok(()) if self.0 => {
                tracing::info!("over: {what}");
                self.0 = false;
            }
            Err(_) | Ok(()) => {}
        }
    }
}

fn cause(error: &Error) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// The log's own work is not work of the call that it records.
fn own_ctx(tenant: TenantId) -> Ctx {
    Ctx::service("audit", tenant)
}
