//! What is known of a customer: the sum of what the three feeds said.

use std::collections::BTreeMap;

use dossier_kernel::{Currency, Timestamp};

use super::{AttributeValue, Purchase, Totals};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub standing: Standing,
    /// `None` until profile has told of the customer, and after a purge.
    pub profile: Option<Profile>,
    /// All purchases there ever were, by currency.
    pub totals: BTreeMap<Currency, Totals>,
    /// Purchases, oldest first: at least those that a window of a rule can reach, and all that are
    /// dated in the future.
    pub purchases: Vec<Purchase>,
    pub feedback: Feedback,
}

/// Whether the customer counts. The feeds are independent: a purchase may come before the customer
/// and after the customer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Profile has not told of the customer yet.
    Unknown,
    Live,
    /// Deleted softly: counts nowhere, and can come back.
    Deleted,
    /// Being erased everywhere: whatever the feeds still tell of earlier times is not kept, the file
    /// included, until profile says that the customer is gone.
    Erased,
    /// Gone for good. Remembered so that what still arrives is not kept.
    Purged,
}

/// The customer's file as far as it is not direct or sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub kind: CustomerType,
    pub gender: Option<Gender>,
    /// Days since 1970-01-01.
    pub birth_date: Option<i32>,
    pub region_code: Option<String>,
    pub language_code: Option<String>,
    pub time_zone: Option<String>,
    /// The principal that looks after the customer.
    pub owner: Option<String>,
    pub team: Option<String>,
    pub create_time: Timestamp,
    pub tags: Vec<String>,
    /// The code of an organisation's industry and those above it.
    pub industry: Vec<String>,
    pub attributes: BTreeMap<String, AttributeValue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerType {
    Person,
    Organization,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    Female,
    Male,
    Other,
}

/// What the customer said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    pub response_count: i64,
    pub last_response_time: Option<Timestamp>,
    /// Cases that wait for us.
    pub open_case_count: i64,
}

impl Feedback {
    /// Counts one response, or one case as it stands.
    pub fn add(&mut self, response_time: Option<Timestamp>, open_case: bool) {
        self.response_count += i64::from(response_time.is_some());
        self.last_response_time = self.last_response_time.max(response_time);
        self.open_case_count += i64::from(open_case);
    }
}

impl CustomerType {
    pub const ALL: [Self; 2] = [Self::Person, Self::Organization];

    /// The name in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Organization => "ORGANIZATION",
        }
    }
}

impl Gender {
    pub const ALL: [Self; 3] = [Self::Female, Self::Male, Self::Other];

    /// The name in rules.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "FEMALE",
            Self::Male => "MALE",
            Self::Other => "OTHER",
        }
    }
}

impl Customer {
    /// A customer of whom nothing is known.
    pub const fn unknown() -> Self {
        Self {
            standing: Standing::Unknown,
            profile: None,
            totals: BTreeMap::new(),
            purchases: Vec::new(),
            feedback: Feedback {
                response_count: 0,
                last_response_time: None,
                open_case_count: 0,
            },
        }
    }

    /// The file of a customer that counts.
    pub fn live_profile(&self) -> Option<&Profile> {
        self.profile
            .as_ref()
            .filter(|_| self.standing == Standing::Live)
    }
}
