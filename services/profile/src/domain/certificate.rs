//! What is certified of an erasure.

use dossier_kernel::{TenantId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::privacy_request;
use super::{Counts, PrivacyRequest};

/// A later form gets another number.
const VERSION: u32 = 1;

/// An erasure that is done: of the customers of one operation together, for each of whom the same
/// holds.
pub struct Certificate<'a> {
    pub tenant: &'a TenantId,
    pub operation: Uuid,
    pub customer_count: usize,
    pub begin_time: Timestamp,
    pub end_time: Timestamp,
    /// Rows erased, by service and table; among them customers' keys.
    pub erased: &'a Counts,
    /// Rows left, as each service counted them afterwards, the keys likewise.
    pub held: &'a Counts,
}

impl Certificate<'_> {
    /// What is signed for the customer of a request. Numbers are whole, so that there is one way to
    /// write it.
    pub fn of(&self, request: &PrivacyRequest) -> Value {
        let Self {
            tenant,
            operation,
            customer_count,
            begin_time,
            end_time,
            erased,
            held,
        } = self;
        json!({
            "version": VERSION,
            "tenant": tenant.as_str(),
            "request": privacy_request::name(request.id),
            "customer": request.customer.to_name(),
            "request_time": request.create_time.to_rfc3339(),
            "begin_time": begin_time.to_rfc3339(),
            "end_time": end_time.to_rfc3339(),
            "operation": operation.to_string(),
            "operation_customer_count": customer_count,
            "rows_erased": erased,
            "rows_held": held,
        })
    }
}
