//! Reads of DIRECT data that wait to be written down. Whoever reads pays for a push; words are made
//! of it when it is flushed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dossier_kernel::{
    AuditAction, AuditEvent, Call, Ctx, Error, Principal, Reason, RequestId, Result, TenantId,
    Timestamp,
};
use uuid::Uuid;

use crate::audit::{Limits, Seen};

/// So many reads become one event at most: enough that an event costs the reads in it next to
/// nothing, few enough that one event stays a small message.
const READS_PER_EVENT_MAX: usize = 200;

/// One read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    tenant: TenantId,
    principal: Principal,
    on_behalf_of: Option<Principal>,
    purpose: Option<String>,
    request_id: RequestId,
    call: Arc<Call>,
    time: Timestamp,
    seen: Seen,
}

pub(crate) struct Buffer {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Read>,
    /// Of reads that wait and of those that are being written.
    count: usize,
    bytes: usize,
    /// Since when the oldest waits.
    since: Option<Instant>,
    /// The last flush failed.
    failing: bool,
}

impl Buffer {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Keeps a read to be written down. AUDIT_UNAVAILABLE where the buffer is full, or where it
    /// cannot be written and has waited too long. Says whether the buffer should be flushed at once.
    pub fn push(&self, read: Read) -> Result<bool> {
        let mut state = self.state();
        let bytes = read.bytes();
        let full = state.count >= self.limits.read_count_max
            || state.bytes + bytes > self.limits.read_bytes_max;
        let stale = state.failing
            && state
                .since
                .is_some_and(|since| since.elapsed() > self.limits.failing_max);
        if full || stale {
            return Err(Error::new(
                Reason::AuditUnavailable,
                "Reads of personal data cannot be written down; nothing is shown until they can.",
            )
            .retry_after(Duration::from_secs(1)));
        }
        state.count += 1;
        state.bytes += bytes;
        state.since.get_or_insert_with(Instant::now);
        state.waiting.push(read);
        Ok(state.count * 4 >= self.limits.read_count_max
            || state.bytes * 4 >= self.limits.read_bytes_max)
    }

    /// Up to `most` reads that wait, the oldest first. They count until [`Buffer::written`].
    pub fn take(&self, most: usize) -> Vec<Read> {
        let mut state = self.state();
        if state.waiting.len() <= most {
            return std::mem::take(&mut state.waiting);
        }
        let rest = state.waiting.split_off(most);
        std::mem::replace(&mut state.waiting, rest)
    }

    /// These are on disk.
    pub fn written(&self, reads: &[Read]) {
        let mut state = self.state();
        state.count -= reads.len();
        state.bytes -= reads.iter().map(Read::bytes).sum::<usize>();
        state.since = (!state.waiting.is_empty()).then(Instant::now);
        state.failing = false;
    }

    /// These could not be written; they wait again, before all others. Says whether that is new.
    pub fn failed(&self, mut reads: Vec<Read>) -> bool {
        let mut state = self.state();
        reads.append(&mut state.waiting);
        state.waiting = reads;
        !std::mem::replace(&mut state.failing, true)
    }

    // Counts and list are changed together without a panic in between.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    pub fn new(ctx: &Ctx, call: &Arc<Call>, time: Timestamp, seen: Seen) -> Self {
        Self {
            tenant: ctx.tenant.clone(),
            principal: ctx.principal.clone(),
            on_behalf_of: ctx.on_behalf_of.clone(),
            purpose: ctx.purpose.clone(),
            request_id: ctx.request_id.clone(),
            call: Arc::clone(call),
            time,
            seen,
        }
    }

    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let texts = self.principal.id.len() + self.request_id.as_str().len();
        let purpose = self.purpose.as_ref().map_or(0, String::len);
        let behind = self.on_behalf_of.as_ref().map_or(0, |who| who.id.len());
        let lists = self.seen.ids.len() * size_of::<Uuid>()
            + self.seen.fields().count() * size_of::<Cow<'static, str>>();
        size_of::<Self>() + self.tenant.as_str().len() + texts + purpose + behind + lists
    }

    fn into_event(self, action: AuditAction) -> AuditEvent {
        let fields = self.seen.fields().map(ToString::to_string).collect();
        let names = self.seen.ids.iter();
        let resources = names.map(|id| name(self.seen.collection, id)).collect();
        AuditEvent {
            tenant: self.tenant,
            time: self.time,
            principal: self.principal,
            on_behalf_of: self.on_behalf_of,
            purpose: self.purpose,
            request_ids: vec![self.request_id],
            call: self.call,
            action,
            resources,
            resource_count: self.seen.count,
            fields,
        }
    }
}

fn name(collection: &str, id: &Uuid) -> String {
    format!("{collection}/{id}")
}

/// What a read of SENSITIVE data is written down as.
pub(crate) fn sensitive(read: Read) -> AuditEvent {
    read.into_event(AuditAction::ReadSensitive)
}

/// What reads of DIRECT data are written down as. Reads of one resource each, by one caller with
/// one method, are one event that names them all, with a request id for each: a hundred thousand
/// reads cost the disk what five thousand rows cost.
pub(crate) fn merged(reads: &[Read]) -> Vec<AuditEvent> {
    let mut events: Vec<AuditEvent> = Vec::with_capacity(reads.len() / 8 + 1);
    let mut open: HashMap<Sameness<'_>, usize> = HashMap::new();
    for read in reads {
        let [id] = read.seen.ids.as_slice() else {
            events.push(read.clone().into_event(AuditAction::ReadDirect));
            continue;
        };
        match open.entry(Sameness::of(read)) {
            Entry::Occupied(mut entry) => {
                let event = &mut events[*entry.get()];
                if event.resources.len() < READS_PER_EVENT_MAX {
                    event.resources.push(name(read.seen.collection, id));
                    event.request_ids.push(read.request_id.clone());
                    event.resource_count += read.seen.count;
                    continue;
                }
                entry.insert(events.len());
            }
            Entry::Vacant(entry) => {
                entry.insert(events.len());
            }
        }
        events.push(read.clone().into_event(AuditAction::ReadDirect));
    }
    events
}

/// What reads have in common that are written down together.
#[derive(PartialEq, Eq, Hash)]
struct Sameness<'a> {
    tenant: &'a TenantId,
    principal: &'a Principal,
    on_behalf_of: Option<&'a Principal>,
    purpose: Option<&'a str>,
    method: &'a str,
    collection: &'a str,
    direct: &'a [Cow<'static, str>],
}

impl<'a> Sameness<'a> {
    fn of(read: &'a Read) -> Self {
        Self {
            tenant: &read.tenant,
            principal: &read.principal,
            on_behalf_of: read.on_behalf_of.as_ref(),
            purpose: read.purpose.as_deref(),
            method: &read.call.method,
            collection: read.seen.collection,
            direct: &read.seen.direct,
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::AuditLevel;

    use super::*;

    fn read(who: &str, n: u128) -> Read {
        let mut ctx = Ctx::service(who, TenantId::embedded_default());
        ctx.request_id = RequestId::from_header(&format!("request-{n}")).expect("an id");
        let call = Arc::new(Call {
            method: "Get".into(),
            permission: "read".into(),
            audit: AuditLevel::Read,
        });
        let mut seen = Seen::of("customers");
        seen.resource(Uuid::from_u128(n));
        seen.direct("display_name");
        Read::new(&ctx, &call, Timestamp::from_secs(1), seen)
    }

    fn limits() -> Limits {
        Limits {
            read_count_max: 10,
            failing_max: Duration::ZERO,
            ..Limits::default()
        }
    }

    #[test]
    fn reads_of_one_caller_are_written_down_together_and_none_is_lost() {
        let each = READS_PER_EVENT_MAX * 2 + 1;
        let reads: Vec<Read> = (0..each as u128 * 2)
            .map(|n| read(["amy", "bob"][n as usize % 2], n))
            .collect();
        let events = merged(&reads);
        assert_eq!(events.len(), 6, "of each two that are full and one more");
        let mut seen: Vec<String> = Vec::new();
        for event in &events {
            assert_eq!(event.resources.len(), event.request_ids.len());
            assert_eq!(event.resource_count, event.resources.len() as u64);
            for (resource, request) in event.resources.iter().zip(&event.request_ids) {
                let n: u128 = request.as_str()["request-".len()..].parse().expect("n");
                assert_eq!(*resource, name("customers", &Uuid::from_u128(n)));
                let who = ["amy", "bob"][n as usize % 2];
                assert_eq!(event.principal.id, who);
                seen.push(resource.clone());
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), each * 2);
    }

    #[test]
    fn a_full_buffer_refuses_until_it_is_written() {
        let buffer = Buffer::new(limits());
        for n in 0..10 {
            buffer.push(read("amy", n)).expect("room");
        }
        let error = buffer.push(read("amy", 10)).expect_err("full");
        assert_eq!(error.reason(), Reason::AuditUnavailable);
        let reads = buffer.take(100);
        assert!(buffer.push(read("amy", 10)).is_err(), "not on disk yet");
        buffer.written(&reads);
        buffer.push(read("amy", 10)).expect("room again");
    }

    #[test]
    fn what_could_not_be_written_waits_before_all_others_and_stops_reads_in_time() {
        let buffer = Buffer::new(limits());
        buffer.push(read("amy", 0)).expect("room");
        let reads = buffer.take(100);
        buffer.push(read("amy", 1)).expect("room");
        assert!(buffer.failed(reads));
        // The limit of these tests is that nothing may wait.
        std::thread::sleep(Duration::from_millis(2));
        assert!(buffer.push(read("amy", 2)).is_err(), "waited too long");
        let again = buffer.take(100);
        let ids: Vec<&str> = again.iter().map(|read| read.request_id.as_str()).collect();
        assert_eq!(ids, ["request-0", "request-1"]);
        buffer.written(&again);
        buffer.push(read("amy", 2)).expect("healed");
    }

    #[test]
    fn bytes_bound_the_buffer_too() {
        let one = read("amy", 0).bytes();
        let buffer = Buffer::new(Limits {
            read_bytes_max: one * 3,
            ..Limits::default()
        });
        let taken = (0..9).filter(|n| buffer.push(read("amy", *n)).is_ok());
        assert_eq!(taken.count(), 3);
    }
}
