//! What a person asks for, and by when it must be answered.

use std::time::Duration;

use dossier_filter::{FieldType, Schema};
use dossier_kernel::{CustomerId, Timestamp};
use uuid::Uuid;

/// A month (GDPR article 12(3)), the shortest there is.
const ANSWERED_WITHIN: Duration = Duration::from_secs(28 * 86_400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivacyRequestType {
    Access,
    Erase,
    Port,
}

impl PrivacyRequestType {
    pub const ALL: [Self; 3] = [Self::Access, Self::Erase, Self::Port];

    /// The word used in stores and filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "ACCESS",
            Self::Erase => "ERASE",
            Self::Port => "PORT",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivacyRequestState {
    Pending,
    /// An erasure that has begun: nothing stops it.
    Running,
    Done,
    Cancelled,
}

impl PrivacyRequestState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Done, Self::Cancelled];

    /// The word used in stores and filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Done => "DONE",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacyRequest {
    pub id: Uuid,
    pub customer: CustomerId,
    pub kind: PrivacyRequestType,
    pub state: PrivacyRequestState,
    pub create_time: Timestamp,
    pub due_time: Timestamp,
    pub end_time: Option<Timestamp>,
    /// Who entered it, such as `person:amy`.
    pub creator: String,
    pub cancel_reason: Option<String>,
}

impl PrivacyRequest {
    pub const COLLECTION: &'static str = "privacyRequests";

    pub fn new(
        customer: CustomerId,
        kind: PrivacyRequestType,
        creator: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            customer,
            kind,
            state: PrivacyRequestState::Pending,
            create_time: now,
            due_time: now.plus(ANSWERED_WITHIN),
            end_time: None,
            creator,
            cancel_reason: None,
        }
    }

    pub fn to_name(&self) -> String {
        name(self.id)
    }
}

pub fn name(id: Uuid) -> String {
    dossier_kernel::id::resource_name(PrivacyRequest::COLLECTION, id)
}

/// The fields of `ListPrivacyRequestsRequest.filter`.
pub struct PrivacyRequestFields;

const FIELDS: [&str; 5] = ["type", "state", "customer", "create_time", "due_time"];

impl Schema for PrivacyRequestFields {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        let [name] = path else { return None };
        let words = |words: &[&'static str]| {
            FieldType::Enum(words.iter().map(|word| (*word).to_owned()).collect())
        };
        match name.as_str() {
            "type" => Some(words(
                &PrivacyRequestType::ALL.map(PrivacyRequestType::as_str),
            )),
            "state" => Some(words(
                &PrivacyRequestState::ALL.map(PrivacyRequestState::as_str),
            )),
            "customer" => Some(FieldType::Id),
            "create_time" | "due_time" => Some(FieldType::Time),
            _ => None,
        }
    }

    fn known(&self) -> Vec<String> {
        FIELDS.map(str::to_owned).to_vec()
    }
}
