//! Reads of DIRECT data that wait to be written down. Whoever reads pays for a push; words are made
//! of it when it is flushed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dossier_kernel::id::resource_name;
use dossier_kernel::{
    AuditAction, AuditEvent, Call, Ctx, Error, Principal, Reason, RequestId, Result, TenantId,
    Timestamp,
};
use uuid::Uuid;

use crate::audit::{Limits, Seen};

/// So many reads become one event at most: enough that an event costs the reads in it next to
/// nothing, few enough that one event stays a small message.
const READS_PER_EVENT_MAX: usize = 200;

/// What becomes one event: a read, or reads of one resource each by one caller with one method. A
/// hundred thousand reads cost the disk what five hundred rows cost.
#[derive(Debug)]
pub(crate) struct Reads {
    tenant: TenantId,
    principal: Principal,
    on_behalf_of: Option<Principal>,
    purpose: Option<String>,
    call: Arc<Call>,
    /// Of the first.
    time: Timestamp,
    /// Of all of them, in their order.
    seen: Seen,
    request_ids: Vec<RequestId>,
}

pub(crate) struct Buffer {
    limits: Limits,
    state: Mutex<State>,
    hasher: RandomState,
}

#[derive(Default)]
struct State {
    waiting: Vec<Reads>,
    /// Where reads like these are joined, by the hash of what they have in common.
    open: HashMap<u64, usize>,
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
            hasher: RandomState::new(),
        }
    }

    /// Keeps a read to be written down. AUDIT_UNAVAILABLE where the buffer is full, or where it
    /// cannot be written and has waited too long. Says whether the buffer should be flushed at once.
    pub fn push(&self, ctx: &Ctx, call: &Arc<Call>, time: Timestamp, seen: Seen) -> Result<bool> {
        let common = Common::of(ctx, call, &seen);
        let mut state = self.state();
        let stale = state.failing
            && state
                .since
                .is_some_and(|since| since.elapsed() > self.limits.failing_max);
        if stale || state.count >= self.limits.read_count_max {
            return Err(unwritten());
        }
        let room = self.limits.read_bytes_max.saturating_sub(state.bytes);
        let place = match seen.ids.len() {
            1 => state.place(&common, &self.hasher),
            _ => state.waiting.len(),
        };
        match state.waiting.get_mut(place) {
            Some(reads) => {
                let bytes = each_bytes(&ctx.request_id);
                if bytes > room {
                    return Err(unwritten());
                }
                reads.join(ctx, &seen);
                state.bytes += bytes;
            }
            None => {
                let reads = Reads::new(ctx, call, time, seen);
                let bytes = reads.bytes();
                if bytes > room {
                    return Err(unwritten());
                }
                state.waiting.push(reads);
                state.bytes += bytes;
            }
        }
        state.count += 1;
        state.since.get_or_insert_with(Instant::now);
        Ok(state.count * 4 >= self.limits.read_count_max
            || state.bytes * 4 >= self.limits.read_bytes_max)
    }

    /// Reads that wait, the oldest first, about `most` of them. They count until
    /// [`Buffer::written`].
    pub fn take(&self, most: usize) -> Vec<Reads> {
        let mut state = self.state();
        state.open.clear();
        let mut count = 0;
        let enough = state.waiting.iter().position(|reads| {
            count += reads.count();
            count >= most
        });
        let rest = match enough {
            Some(last) => state.waiting.split_off(last + 1),
            None => Vec::new(),
        };
        std::mem::replace(&mut state.waiting, rest)
    }

    /// These are on disk.
    pub fn written(&self, taken: &[Reads]) {
        let mut state = self.state();
        state.count -= taken.iter().map(Reads::count).sum::<usize>();
        state.bytes -= taken.iter().map(Reads::bytes).sum::<usize>();
        state.since = (!state.waiting.is_empty()).then(Instant::now);
        state.failing = false;
    }

    /// These could not be written; they wait again, before all others. Says whether that is new.
    pub fn failed(&self, mut taken: Vec<Reads>) -> bool {
        let mut state = self.state();
        state.open.clear();
        taken.append(&mut state.waiting);
        state.waiting = taken;
        !std::mem::replace(&mut state.failing, true)
    }

    // Counts and list are changed together without a panic in between.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Where a read of one resource belongs: with others like it, where there are any with room for
    /// one more, else behind all.
    fn place(&mut self, common: &Common<'_>, hasher: &RandomState) -> usize {
        let behind = self.waiting.len();
        let has_room = |place: usize| {
            let reads = self.waiting.get(place);
            reads.is_some_and(|reads| reads.has_room_for(common))
        };
        // Mostly the next read is of the same caller as the last.
        let last = behind.saturating_sub(1);
        if has_room(last) {
            return last;
        }
        let hash = hasher.hash_one(common);
        if let Some(place) = self
            .open
            .get(&hash)
            .copied()
            .filter(|place| has_room(*place))
        {
            return place;
        }
        self.open.insert(hash, behind);
        behind
    }
}

fn unwritten() -> Error {
    Error::new(
        Reason::AuditUnavailable,
        "Reads of personal data cannot be written down; nothing is shown until they can.",
    )
    .retry_after(Duration::from_secs(1))
}

/// About how much memory one read takes that joins others.
fn each_bytes(request: &RequestId) -> usize {
    size_of::<Uuid>() + size_of::<RequestId>() + 2 * size_of::<usize>() + request.as_str().len()
}

impl Reads {
    pub fn new(ctx: &Ctx, call: &Arc<Call>, time: Timestamp, seen: Seen) -> Self {
        Self {
            tenant: ctx.tenant.clone(),
            principal: ctx.principal.clone(),
            on_behalf_of: ctx.on_behalf_of.clone(),
            purpose: ctx.purpose.clone(),
            call: Arc::clone(call),
            time,
            seen,
            request_ids: vec![ctx.request_id.clone()],
        }
    }

    fn count(&self) -> usize {
        self.request_ids.len()
    }

    fn has_room_for(&self, common: &Common<'_>) -> bool {
        // A read of several resources stays alone: each request is said beside its one resource.
        self.seen.ids.len() == self.count()
            && self.count() < READS_PER_EVENT_MAX
            && self.common() == *common
    }

    fn join(&mut self, ctx: &Ctx, seen: &Seen) {
        self.seen.ids.extend_from_slice(&seen.ids);
        self.seen.count += seen.count;
        self.request_ids.push(ctx.request_id.clone());
    }

    fn common(&self) -> Common<'_> {
        Common {
            tenant: &self.tenant,
            principal: &self.principal,
            on_behalf_of: self.on_behalf_of.as_ref(),
            purpose: self.purpose.as_deref(),
            method: &self.call.method,
            collection: self.seen.collection,
            direct: &self.seen.direct,
        }
    }

    /// About how much memory they take.
    fn bytes(&self) -> usize {
        let purpose = self.purpose.as_ref().map_or(0, String::len);
        let behind = self.on_behalf_of.as_ref().map_or(0, |who| who.id.len());
        let fields = self.seen.fields().count() * size_of::<Cow<'static, str>>();
        // A read alone may be of many resources, reads that are joined are of one each.
        let more = self.seen.ids.len().saturating_sub(self.count()) * size_of::<Uuid>();
        let each: usize = self.request_ids.iter().map(each_bytes).sum();
        size_of::<Self>() + self.principal.id.len() + purpose + behind + fields + more + each
    }

    /// What they are written down as.
    pub fn event(&self, action: AuditAction) -> AuditEvent {
        let fields = self.seen.fields().map(ToString::to_string).collect();
        let names = self.seen.ids.iter();
        let resources = names.map(|id| resource_name(self.seen.collection, *id));
        AuditEvent {
            tenant: self.tenant.clone(),
            time: self.time,
            principal: self.principal.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            purpose: self.purpose.clone(),
            request_ids: self.request_ids.clone(),
            call: Arc::clone(&self.call),
            action,
            resources: resources.collect(),
            resource_count: self.seen.count,
            fields,
        }
    }
}

/// What reads have in common that are written down together.
#[derive(PartialEq, Eq, Hash)]
struct Common<'a> {
    tenant: &'a TenantId,
    principal: &'a Principal,
    on_behalf_of: Option<&'a Principal>,
    purpose: Option<&'a str>,
    method: &'a str,
    collection: &'a str,
    direct: &'a [Cow<'static, str>],
}

impl<'a> Common<'a> {
    fn of(ctx: &'a Ctx, call: &'a Call, seen: &'a Seen) -> Self {
        Self {
            tenant: &ctx.tenant,
            principal: &ctx.principal,
            on_behalf_of: ctx.on_behalf_of.as_ref(),
            purpose: ctx.purpose.as_deref(),
            method: &call.method,
            collection: seen.collection,
            direct: &seen.direct,
        }
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::AuditLevel;

    use super::*;

    /// `who` reads customer `n` with request `n`.
    fn push(buffer: &Buffer, who: &str, n: u128) -> Result<bool> {
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
        buffer.push(&ctx, &call, Timestamp::from_secs(1), seen)
    }

    fn limits() -> Limits {
        Limits {
            read_count_max: 10,
            failing_max: Duration::ZERO,
            ..Limits::default()
        }
    }

    fn requests(taken: &[Reads]) -> Vec<&str> {
        let ids = taken.iter().flat_map(|reads| &reads.request_ids);
        ids.map(RequestId::as_str).collect()
    }

    #[test]
    fn reads_of_one_caller_are_written_down_together_and_none_is_lost() {
        let buffer = Buffer::new(Limits::default());
        let each = READS_PER_EVENT_MAX * 2 + 1;
        for n in 0..each as u128 * 2 {
            push(&buffer, ["amy", "bob"][n as usize % 2], n).expect("room");
        }
        let taken = buffer.take(usize::MAX);
        assert_eq!(taken.len(), 6, "of each two that are full and one more");
        let mut seen: Vec<String> = Vec::new();
        for reads in &taken {
            let event = reads.event(AuditAction::ReadDirect);
            assert_eq!(event.resources.len(), event.request_ids.len());
            assert_eq!(event.resource_count, event.resources.len() as u64);
            for (resource, request) in event.resources.iter().zip(&event.request_ids) {
                let n: u128 = request.as_str()["request-".len()..].parse().expect("n");
                assert_eq!(*resource, format!("customers/{}", Uuid::from_u128(n)));
                let who = ["amy", "bob"][n as usize % 2];
                assert_eq!(event.principal.id, who);
                seen.push(resource.clone());
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), each * 2);
        buffer.written(&taken);
        let state = buffer.state();
        assert_eq!((state.count, state.bytes), (0, 0));
    }

    #[test]
    fn what_was_taken_is_joined_no_more() {
        let buffer = Buffer::new(Limits::default());
        for n in 0..500 {
            push(&buffer, "amy", n).expect("room");
        }
        let mut all = Vec::new();
        for turn in 500.. {
            let taken = buffer.take(1);
            if taken.is_empty() {
                break;
            }
            assert_eq!(taken.len(), 1);
            all.extend(requests(&taken).into_iter().map(str::to_owned));
            buffer.written(&taken);
            if turn < 510 {
                push(&buffer, "amy", turn).expect("room");
            }
        }
        let expected: Vec<String> = (0..all.len()).map(|n| format!("request-{n}")).collect();
        assert_eq!(all, expected);
        assert!(all.len() > 500);
    }

    #[test]
    fn a_full_buffer_refuses_until_it_is_written() {
        let buffer = Buffer::new(limits());
        for n in 0..10 {
            push(&buffer, "amy", n).expect("room");
        }
        let error = push(&buffer, "amy", 10).expect_err("full");
        assert_eq!(error.reason(), Reason::AuditUnavailable);
        let taken = buffer.take(100);
        assert!(push(&buffer, "amy", 10).is_err(), "not on disk yet");
        buffer.written(&taken);
        push(&buffer, "amy", 10).expect("room again");
    }

    #[test]
    fn what_could_not_be_written_waits_before_all_others_and_stops_reads_in_time() {
        let buffer = Buffer::new(limits());
        push(&buffer, "amy", 0).expect("room");
        let taken = buffer.take(100);
        push(&buffer, "amy", 1).expect("room");
        assert!(buffer.failed(taken));
        // The limit of these tests is that nothing may wait.
        std::thread::sleep(Duration::from_millis(2));
        assert!(push(&buffer, "amy", 2).is_err(), "waited too long");
        let again = buffer.take(100);
        assert_eq!(requests(&again), ["request-0", "request-1"]);
        buffer.written(&again);
        push(&buffer, "amy", 2).expect("healed");
    }

    #[test]
    fn bytes_bound_the_buffer_too() {
        let names: Vec<String> = (0..9).map(|n| format!("caller-{n}")).collect();
        let one = {
            let buffer = Buffer::new(Limits::default());
            push(&buffer, &names[0], 0).expect("room");
            buffer.state().bytes
        };
        for joined in [false, true] {
            let buffer = Buffer::new(Limits {
                read_bytes_max: one * 3,
                ..Limits::default()
            });
            let mut taken = 0;
            while push(&buffer, &names[if joined { 0 } else { taken % 9 }], 0).is_ok() {
                taken += 1;
            }
            assert_eq!(taken > 3, joined, "{taken}");
            assert!(buffer.state().bytes <= one * 3);
        }
    }
}
