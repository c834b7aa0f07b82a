//! Why a call is allowed or refused.

use crate::Sight;

/// What is decided about a call, and by which policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub permission: String,
    pub allowed: bool,
    /// The permits that allow, or the forbids that refuse; none where no policy permits.
    pub policies: Vec<Deciding>,
    pub sight: Sight,
    /// Whether another row could be decided otherwise: some policy asks for owner, team or tags.
    pub depends_on_row: bool,
    /// Policies that could not be evaluated; with any of these the answer is no.
    pub errors: Vec<String>,
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// Its `@id`.
    pub id: String,
    /// Its `@description`.
    pub description: String,
}
