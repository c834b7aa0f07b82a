//! Customers that may be in the files twice, and the scans that look for them.

use std::time::Duration;

use dossier_kernel::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The least probability that is looked for where none is said, in thousandths: more likely one
/// customer than two.
pub const SCORE_MIN: i32 = 500;
/// Customers that a scan compares at most: they are in memory, about 3 KB each.
pub const SCANNED_MAX: u64 = 500_000;
/// Scans of a tenant that wait or run at the same time.
pub const UNFINISHED_MAX: u64 = 20;
/// How often a scan is tried again before it has failed.
pub const FAILURES_MAX: i32 = 5;
/// How long a process that is not heard of any more keeps others from going on with its scan.
pub const LEASE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateScanState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl DuplicateScanState {
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateScan {
    pub id: Uuid,
    pub state: DuplicateScanState,
    /// Thousandths.
    pub score_min: i32,
    pub create_time: Timestamp,
    pub start_time: Option<Timestamp>,
    pub end_time: Option<Timestamp>,
    /// Who asked for it, such as `person:amy`.
    pub creator: String,
    pub done_count: i64,
    pub total_count: i64,
    pub pair_count: i64,
    pub failure: Option<String>,
}

impl DuplicateScan {
    pub const COLLECTION: &'static str = "duplicateScans";

    pub fn new(score_min: i32, creator: String, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            state: DuplicateScanState::Queued,
            score_min,
            create_time: now,
            start_time: None,
            end_time: None,
            creator,
            done_count: 0,
            total_count: 0,
            pair_count: 0,
            failure: None,
        }
    }

    pub fn to_name(&self) -> String {
        scan_name(self.id)
    }
}

pub fn scan_name(id: Uuid) -> String {
    dossier_kernel::id::resource_name(DuplicateScan::COLLECTION, id)
}

/// What keeps a scan of so many customers from beginning.
pub fn too_many(customers: u64) -> Option<String> {
    (customers > SCANNED_MAX).then(|| {
        format!("The tenant has {customers} customers; a scan compares at most {SCANNED_MAX}.")
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicatePairState {
    /// Nobody decided anything.
    Open,
    /// They are two customers.
    Dismissed,
}

impl DuplicatePairState {
    pub const ALL: [Self; 2] = [Self::Open, Self::Dismissed];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Dismissed => "DISMISSED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Two customers that may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicatePair {
    pub id: Uuid,
    /// The one with the smaller id.
    pub low: CustomerId,
    pub high: CustomerId,
    pub state: DuplicatePairState,
    pub likeness: Likeness,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    /// Who decided, and when.
    pub decided: Option<(String, Timestamp)>,
    /// The last scan that found them.
    pub scan: Uuid,
}

impl DuplicatePair {
    pub const COLLECTION: &'static str = "duplicatePairs";

    pub fn to_name(&self) -> String {
        dossier_kernel::id::resource_name(Self::COLLECTION, self.id)
    }
}

/// The id of two customers' pair: the same in every scan, so that what was decided is found again.
pub fn pair_id(low: CustomerId, high: CustomerId) -> Uuid {
    Uuid::new_v5(&low.uuid(), high.uuid().as_bytes())
}

/// How alike two customers are, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness {
    /// The probability that they are one, in thousandths.
    pub score: i32,
    /// The same as a match weight, in hundredths of a bit.
    pub weight: i32,
    pub evidence: Vec<DuplicateEvidence>,
}

/// What a field says about two customers: no value of theirs, which is why it lies in the clear
/// (class QUASI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateEvidence(
    /// The field.
    pub String,
    /// How well its values agree.
    pub String,
    /// Hundredths of a bit, negative where it speaks against them.
    pub i32,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_is_too_large_for_a_scan_is_told_so() {
        assert_eq!(too_many(SCANNED_MAX), None);
        let words = too_many(SCANNED_MAX + 1).expect("too many");
        assert!(
            words.contains("500001") && words.contains("500000"),
            "{words}"
        );
    }

    #[test]
    fn two_customers_have_one_pair() {
        let (low, high) = (
            CustomerId(Uuid::from_u128(1)),
            CustomerId(Uuid::from_u128(2)),
        );
        assert_eq!(pair_id(low, high), pair_id(low, high));
        assert_ne!(pair_id(low, high), pair_id(high, low));
        assert_ne!(pair_id(low, high), pair_id(low, low));
    }
}
