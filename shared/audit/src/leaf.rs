//! An event as the bytes that are hashed: one form for ever, so that old hashes stay true.
//!
//! ```text
//! version (1) · id (16) · tenant · time in µs (8, big endian) · principal · on_behalf_of ·
//! purpose · method · permission · action (1) · resource_count · request_ids · resources · fields
//! ```
//! A number is a LEB128. A text is its length and its bytes. What may be missing is a text that may
//! be empty. A list is its count and its items; ids among them are 16 bytes instead of 36 letters:
//! an item is `0` and a text, `1` and a UUID, or `2`, a text and a UUID for `{text}/{uuid}`.

use std::fmt::Write as _;

use dossier_kernel::{
    AuditAction, AuditEvent, Error, Principal, PrincipalKind, Result, TenantId, Timestamp,
};
use uuid::Uuid;

use crate::tree::{self, Hash};

const VERSION: u8 = 1;
/// No event is larger by far: what claims to be is no event.
const ITEMS_MAX: u64 = 10_000;

/// What the audit log keeps of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub id: Uuid,
    pub tenant: String,
    pub time: Timestamp,
    /// `person:alice`.
    pub principal: String,
    /// Empty where nobody stands behind the principal.
    pub on_behalf_of: String,
    /// Empty where none was stated.
    pub purpose: String,
    /// `dossier.profile.v1.CustomerService/GetCustomer`.
    pub method: String,
    pub permission: String,
    pub action: AuditAction,
    pub resource_count: u64,
    pub request_ids: Vec<String>,
    pub resources: Vec<String>,
    pub fields: Vec<String>,
}

impl Leaf {
    /// The bytes of an event. The id's head is the event's time, so that ids sort by it.
    pub fn encode(id: Uuid, event: &AuditEvent) -> Vec<u8> {
        let AuditEvent {
            tenant,
            time,
            principal,
            on_behalf_of,
            purpose,
            request_ids,
            call,
            action,
            resources,
            resource_count,
            fields,
        } = event;
        let mut out = Vec::with_capacity(256);
        out.push(VERSION);
        out.extend_from_slice(id.as_bytes());
        put_text(&mut out, tenant.as_str());
        out.extend_from_slice(&time.micros().to_be_bytes());
        put_principal(&mut out, Some(principal));
        put_principal(&mut out, on_behalf_of.as_ref());
        put_text(&mut out, purpose.as_deref().unwrap_or_default());
        put_text(&mut out, &call.method);
        put_text(&mut out, &call.permission);
        out.push(code(*action));
        put_number(&mut out, *resource_count);
        put_list(&mut out, request_ids.iter().map(|id| id.as_str()));
        put_list(&mut out, resources.iter().map(String::as_str));
        put_list(&mut out, fields.iter().map(String::as_str));
        out
    }

    /// INTERNAL where the bytes are no event's: somebody changed them.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut bytes = Bytes(bytes);
        let leaf = bytes.leaf().filter(|_| bytes.0.is_empty());
        leaf.ok_or_else(|| Error::internal("the bytes of an audit event do not decode"))
    }

    /// What stands for the event in the tree.
    pub fn hash(bytes: &[u8]) -> Hash {
        tree::leaf_hash(bytes)
    }
}

/// A new event's id: UUID version 7 of its time, with the fraction of the millisecond in the 12 bits
/// that follow (RFC 9562, section 6.2, method 3).
pub(crate) fn new_id(time: Timestamp) -> Uuid {
    let micros = time.micros().max(0).unsigned_abs();
    let fraction = (micros % 1_000 * 4_096 / 1_000) as u16;
    let mut rest = [0; 10];
    rest.copy_from_slice(&Uuid::new_v4().as_bytes()[6..]);
    rest[..2].copy_from_slice(&fraction.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &rest).into_uuid()
}

const fn code(action: AuditAction) -> u8 {
    match action {
        AuditAction::Write => 1,
        AuditAction::ReadSensitive => 2,
        AuditAction::ReadDirect => 3,
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// As its `Display` reads, without making a string of it.
fn put_principal(out: &mut Vec<u8>, principal: Option<&Principal>) {
    let Some(Principal { kind, id }) = principal else {
        return put_text(out, "");
    };
    let kind = match kind {
        PrincipalKind::Person => "person:",
        PrincipalKind::ApiKey => "apikey:",
        PrincipalKind::Service => "service:",
    };
    put_number(out, (kind.len() + id.len()) as u64);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(id.as_bytes());
}

fn put_list<'a>(out: &mut Vec<u8>, items: impl ExactSizeIterator<Item = &'a str>) {
    put_number(out, items.len() as u64);
    for item in items {
        let (head, tail) = match item.rsplit_once('/') {
            Some((head, tail)) => (Some(head), tail),
            None => (None, item),
        };
        match (head, canonical(tail)) {
            (None, Some(id)) => {
                out.push(1);
                out.extend_from_slice(id.as_bytes());
            }
            (Some(head), Some(id)) => {
                out.push(2);
                put_text(out, head);
                out.extend_from_slice(id.as_bytes());
            }
            (_, None) => {
                out.push(0);
                put_text(out, item);
            }
        }
    }
}

/// The UUID whose usual form is exactly this text.
fn canonical(text: &str) -> Option<Uuid> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let id = Uuid::try_parse(text).ok()?;
    let mut usual = [0; uuid::fmt::Hyphenated::LENGTH];
    (id.hyphenated().encode_lower(&mut usual) == text).then_some(id)
}

/// What is left to decode.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn leaf(&mut self) -> Option<Leaf> {
        if self.byte()? != VERSION {
            return None;
        }
        Some(Leaf {
            id: self.uuid()?,
            tenant: self.tenant()?,
            time: Timestamp::from_micros(i64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            principal: self.text()?,
            on_behalf_of: self.text()?,
            purpose: self.text()?,
            method: self.text()?,
            permission: self.text()?,
            action: {
                let byte = self.byte()?;
                AuditAction::ALL
                    .into_iter()
                    .find(|action| code(*action) == byte)?
            },
            resource_count: self.number()?,
            request_ids: self.list()?,
            resources: self.list()?,
            fields: self.list()?,
        })
    }

    fn tenant(&mut self) -> Option<String> {
        let tenant = self.text()?;
        let known = tenant == TenantId::all().as_str() || TenantId::parse(&tenant).is_ok();
        known.then_some(tenant)
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|one| one[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.take(16)?).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let count = self.number().filter(|count| *count <= ITEMS_MAX)?;
        (0..count).map(|_| self.item()).collect()
    }

    fn item(&mut self) -> Option<String> {
        match self.byte()? {
            0 => self.text(),
            1 => self.uuid().map(|id| id.to_string()),
            2 => {
                let mut name = self.text()?;
                let _ = write!(name, "/{}", self.uuid()?);
                Some(name)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
