//! What customers agreed to: the entries of a ledger, and what they come to at an instant.

use dossier_kernel::{CustomerId, Pii, Timestamp, id};
use uuid::Uuid;

use super::{ConsentNotice, Date, Violations, normalize};

/// The most entries of one customer, withdrawals aside: those are always taken.
pub const ENTRIES_MAX: i64 = 1_000;
const EVIDENCE_MAX: usize = 4_096;
/// PIPL article 31: until then a guardian consents.
const GUARDED_YEARS: i32 = 14;
const DAY_MICROS: i64 = 86_400_000_000;

/// In the order in which decisions of one instant count: the last of them decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsentDecision {
    Granted,
    Denied,
    Withdrawn,
}

impl ConsentDecision {
    const ALL: [Self; 3] = [Self::Granted, Self::Denied, Self::Withdrawn];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "GRANTED",
            Self::Denied => "DENIED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentKind {
    General,
    Separate,
    Guardian,
}

impl ConsentKind {
    const ALL: [Self; 3] = [Self::General, Self::Separate, Self::Guardian];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::General => "GENERAL",
            Self::Separate => "SEPARATE",
            Self::Guardian => "GUARDIAN",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegalBasis {
    Consent,
    Contract,
    LegalObligation,
    VitalInterest,
    PublicTask,
    LegitimateInterest,
}

impl LegalBasis {
    const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalObligation,
        Self::VitalInterest,
        Self::PublicTask,
        Self::LegitimateInterest,
    ];

    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "CONSENT",
            Self::Contract => "CONTRACT",
            Self::LegalObligation => "LEGAL_OBLIGATION",
            Self::VitalInterest => "VITAL_INTEREST",
            Self::PublicTask => "PUBLIC_TASK",
            Self::LegitimateInterest => "LEGITIMATE_INTEREST",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// An entry of a ledger.
#[derive(Clone, Debug)]
pub struct Consent {
    pub customer: CustomerId,
    pub stance: Stance,
    /// Which notice, and which version of it.
    pub notice: Option<(String, i32)>,
    pub evidence: Option<Pii<String>>,
    /// Empty where it is not said.
    pub collected_through: String,
    pub record_time: Timestamp,
    /// The principal that wrote it down.
    pub actor: String,
    /// The evidence was not opened.
    pub masked: bool,
}

impl Consent {
    pub fn to_name(&self) -> String {
        name_of(self.customer, self.stance.id)
    }
}

/// `customers/{customer}/consents/{consent}`
pub fn name_of(customer: CustomerId, consent: Uuid) -> String {
    let consent = id::resource_name("consents", consent);
    [customer.to_name(), consent].join("/")
}

/// The part of an entry that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance {
    pub id: Uuid,
    /// Counts the customer's entries from 1.
    pub sequence: i64,
    pub decision: ConsentDecision,
    pub purpose: String,
    /// Empty: all of them.
    pub channel: String,
    pub kind: Option<ConsentKind>,
    /// A withdrawal has none.
    pub basis: Option<LegalBasis>,
    /// The notice demands a separate consent for the purpose.
    pub needs_separate: bool,
    pub occur_time: Timestamp,
    pub expire_time: Option<Timestamp>,
}

/// Why a state is what it is; it says the state too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentReason {
    InForce,
    Refused,
    NeedsSeparate,
    NeedsGuardian,
    Expired,
    Withdrawn,
    NothingRecorded,
    UnknownCustomer,
}

/// What a ledger comes to, for one purpose and channel at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub purpose: String,
    pub channel: String,
    pub reason: ConsentReason,
    /// Whose entry decided, and which.
    pub decided_by: Option<(CustomerId, Stance)>,
}

impl Stance {
    /// Whether it counts for the purpose and channel at this instant.
    fn counts(&self, purpose: &str, channel: &str, at: Timestamp) -> bool {
        let reaches = self.channel.is_empty() || self.channel == channel;
        reaches && self.purpose == purpose && self.occur_time <= at
    }

    /// The entry with the greatest decides. Of one instant what forbids comes last: to be asked once
    /// more harms nobody.
    fn place(&self) -> (Timestamp, ConsentDecision, i64) {
        (self.occur_time, self.decision, self.sequence)
    }

    /// A guardian's consent is one for a child: of an adult it says no more than a general one.
    fn comes_to(&self, birth_date: Option<Date>, at: Timestamp) -> ConsentReason {
        match self.decision {
            ConsentDecision::Withdrawn => return ConsentReason::Withdrawn,
            ConsentDecision::Denied => return ConsentReason::Refused,
            ConsentDecision::Granted => {}
        }
        if self.expire_time.is_some_and(|end| end <= at) {
            return ConsentReason::Expired;
        }
        let by_consent = self.basis == Some(LegalBasis::Consent);
        match self.kind {
            _ if !by_consent => ConsentReason::InForce,
            Some(ConsentKind::Guardian)
                if birth_date.is_none_or(|birth| is_guarded(birth, self.occur_time)) =>
            {
                ConsentReason::InForce
            }
            _ if birth_date.is_some_and(|birth| is_guarded(birth, at)) => {
                ConsentReason::NeedsGuardian
            }
            Some(ConsentKind::Separate) => ConsentReason::InForce,
            _ if self.needs_separate => ConsentReason::NeedsSeparate,
            _ => ConsentReason::InForce,
        }
    }
}

/// Under 14, by the calendar of UTC. Who was born on a 29 February is 14 on a 1 March.
fn is_guarded(birth: Date, at: Timestamp) -> bool {
    let (year, month, day) = birth.to_year_month_day();
    let grown = year + GUARDED_YEARS;
    let birthday = Date::from_year_month_day(grown, month, day)
        .or_else(|| Date::from_year_month_day(grown, month + 1, 1));
    let today = i32::try_from(at.micros().div_euclid(DAY_MICROS)).ok();
    match (birthday, today) {
        (Some(birthday), Some(today)) => today < birthday.days(),
        // Beyond the calendar: whoever is not known to be 14 is not.
        (None, _) | (_, None) => true,
    }
}

/// The instant that a ledger is judged at.
#[derive(Clone, Copy, Debug)]
pub enum AsOf {
    /// Everything that is written down has happened, whatever this process' clock says of it: other
    /// processes write, too.
    Now(Timestamp),
    /// As it was, or would have been.
    At(Timestamp),
}

impl AsOf {
    pub fn of(read_time: Option<Timestamp>, now: Timestamp) -> Self {
        read_time.map_or(Self::Now(now), Self::At)
    }

    const fn time(self) -> Timestamp {
        match self {
            Self::Now(time) | Self::At(time) => time,
        }
    }

    const fn counts_until(self) -> Timestamp {
        match self {
            Self::Now(_) => Timestamp(i64::MAX),
            Self::At(time) => time,
        }
    }
}

/// What a customer's ledger comes to. The last entry that counts decides, in whatever order they come.
pub fn judge<'s>(
    customer: CustomerId,
    ledger: impl IntoIterator<Item = &'s Stance>,
    (purpose, channel): (&str, &str),
    birth_date: Option<Date>,
    instant: AsOf,
) -> Verdict {
    let at = instant.time();
    let counting = ledger
        .into_iter()
        .filter(|entry| entry.counts(purpose, channel, instant.counts_until()));
    let last = counting.max_by_key(|entry| entry.place());
    Verdict {
        purpose: purpose.to_owned(),
        channel: channel.to_owned(),
        reason: last.map_or(ConsentReason::NothingRecorded, |entry| {
            entry.comes_to(birth_date, at)
        }),
        decided_by: last.map(|entry| (customer, entry.clone())),
    }
}

/// A decision as a caller states it.
#[derive(Clone, Debug)]
pub struct NewConsent {
    pub decision: Option<ConsentDecision>,
    pub purpose: String,
    pub channel: String,
    pub kind: Option<ConsentKind>,
    pub basis: Option<LegalBasis>,
    /// The id of a notice.
    pub notice: Option<String>,
    /// 0: the newest that is in effect.
    pub notice_version: i32,
    pub evidence: Option<Pii<String>>,
    pub collected_through: String,
    pub occur_time: Option<Timestamp>,
    pub expire_time: Option<Timestamp>,
}

impl NewConsent {
    /// Names everything that is wrong on its own; `path` is where the fields are in the request.
    pub fn check(mut self, path: &str, now: Timestamp, problems: &mut Violations) -> Self {
        problems.check_own_name(format!("{path}purpose"), &self.purpose);
        for (field, value) in [
            ("channel", &self.channel),
            ("collected_through", &self.collected_through),
        ] {
            if !value.is_empty() {
                problems.check_own_name(format!("{path}{field}"), value);
            }
        }
        let mut say = |field: &str, words: &str| {
            problems.add_to_request(format!("{path}{field}"), words);
        };
        let is_withdrawal = self.decision == Some(ConsentDecision::Withdrawn);
        if self.decision.is_none() {
            say("decision", "is required: GRANTED or DENIED");
        }
        let evidence = self
            .evidence
            .take()
            .map(|text| normalize::prose(text.expose()));
        if evidence
            .as_ref()
            .is_some_and(|text| text.chars().count() > EVIDENCE_MAX)
        {
            say("evidence", "must have at most 4,096 characters");
        }
        self.evidence = evidence.filter(|text| !text.is_empty()).map(Pii::new);
        if self.occur_time.is_some_and(|at| at > now) {
            say(
                "occur_time",
                "must not lie in the future; leave it out for now",
            );
        }
        let occurred = self.occur_time.unwrap_or(now);
        if self.expire_time.is_some_and(|end| end <= occurred) {
            say("expire_time", "must be after occur_time");
        }
        let is_grant = self.decision == Some(ConsentDecision::Granted);
        if self.expire_time.is_some() && !is_grant {
            say("expire_time", "belongs to GRANTED only");
        }
        match self.basis {
            None if !is_withdrawal => say("legal_basis", "is required, such as CONSENT"),
            Some(LegalBasis::Consent) if is_grant => {
                if self.kind.is_none() {
                    say("kind", "is required: GENERAL, SEPARATE or GUARDIAN");
                }
                if self.notice.is_none() {
                    say("notice", "is required: what the customer was told");
                }
            }
            Some(LegalBasis::Consent) | None => {}
            Some(_) if self.kind.is_some() => {
                say("kind", "belongs to the legal basis CONSENT only");
            }
            Some(_) => {}
        }
        if self.notice_version < 0 {
            say(
                "notice_version",
                "must not be negative; 0 is the newest in effect",
            );
        }
        if self.notice.is_none() && self.notice_version > 0 {
            say("notice_version", "needs a notice");
        }
        self
    }

    /// What the notice has to say about it, where one is named.
    pub fn check_notice(
        &self,
        notice: &ConsentNotice,
        occurred: Timestamp,
        problems: &mut Violations,
    ) {
        if notice.effective_time > occurred {
            let words = "was not in effect yet at occur_time";
            problems.add_to_request("consent.notice_version", words);
        }
        if notice.purpose(&self.purpose).is_none() {
            let words = "is none that this version of the notice covers";
            problems.add_to_request("consent.purpose", words);
        }
    }
}

#[cfg(test)]
mod tests;
