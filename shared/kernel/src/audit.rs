//! What is written down about who did what.

use std::sync::Arc;

use crate::{Ctx, Principal, RequestId, TenantId, Timestamp};

/// What a call leaves in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditLevel {
    /// Nothing personal is read or changed.
    None,
    /// Personal data is read.
    Read,
    /// Something is changed.
    Write,
}

/// The RPC that is being answered. Shared by all calls of the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `dossier.profile.v1.CustomerService/GetCustomer`.
    pub method: Box<str>,
    /// `profile.customers.read`.
    pub permission: Box<str>,
    pub audit: AuditLevel,
}

/// What somebody did, as the audit log keeps it: never a value, only the names of what was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    pub tenant: TenantId,
    pub time: Timestamp,
    pub principal: Principal,
    /// For whom a service acted.
    pub on_behalf_of: Option<Principal>,
    pub purpose: Option<String>,
    /// The request that did it. Reads of DIRECT data that were written down together have one for
    /// each of `resources`.
    pub request_ids: Vec<RequestId>,
    pub call: Arc<Call>,
    pub action: AuditAction,
    /// Resource names such as `customers/…`, at most [`AuditEvent::RESOURCES_MAX`] of them.
    pub resources: Vec<String>,
    /// How many resources it was, also those that are not named.
    pub resource_count: u64,
    /// The contract's names of the fields that were changed or shown, without repetition.
    pub fields: Vec<String>,
}

impl AuditEvent {
    /// Resources that one event names: as many as the largest page, so that whatever one answer
    /// shows is named. Streams beyond say how many it was.
    pub const RESOURCES_MAX: usize = 1_000;

    /// What the caller of `ctx` does; no resource is named yet.
    pub fn new(ctx: &Ctx, call: &Arc<Call>, action: AuditAction, time: Timestamp) -> Self {
        Self {
            tenant: ctx.tenant.clone(),
            time,
            principal: ctx.principal.clone(),
            on_behalf_of: ctx.on_behalf_of.clone(),
            purpose: ctx.purpose.clone(),
            request_ids: vec![ctx.request_id.clone()],
            call: Arc::clone(call),
            action,
            resources: Vec::new(),
            resource_count: 0,
            fields: Vec::new(),
        }
    }
}

/// The kind of deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// Something was changed: written in the transaction of the change.
    Write,
    /// SENSITIVE data was shown: written before the answer.
    ReadSensitive,
    /// DIRECT data was shown: written within a second.
    ReadDirect,
}

impl AuditAction {
    pub const ALL: [Self; 3] = [Self::Write, Self::ReadSensitive, Self::ReadDirect];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::ReadSensitive => "read_sensitive",
            Self::ReadDirect => "read_direct",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}
