//! Consents as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{CustomerId, PageSize, Pii, Result, Timestamp};
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::check_consent_request::Who;
use prost_types::FieldMask;

use super::value::{encode_time, time_in};
use super::{consent_notice, request};
use crate::app::{ConsentQuestion, Question};
use crate::domain::{
    Consent, ConsentDecision, ConsentKind, ConsentReason, LegalBasis, NewConsent, Stance, Verdict,
    Violations, consent_name,
};

pub fn encode(consent: Consent) -> wire::Consent {
    let name = consent.to_name();
    let Consent {
        customer: _,
        stance,
        notice,
        evidence,
        collected_through,
        record_time,
        actor,
        masked,
    } = consent;
    let Stance {
        id: _,
        sequence: _,
        decision,
        purpose,
        channel,
        kind,
        basis,
        needs_separate: _,
        occur_time,
        expire_time,
    } = stance;
    let (notice, notice_version) = notice.unwrap_or_default();
    wire::Consent {
        name,
        decision: encode_decision(decision).into(),
        purpose,
        channel,
        kind: encode_kind(kind).into(),
        legal_basis: encode_basis(basis).into(),
        notice: match notice.is_empty() {
            true => notice,
            false => format!("consentNotices/{notice}"),
        },
        notice_version,
        evidence: evidence.map_or_else(String::new, |text| text.expose().clone()),
        collected_through,
        occur_time: Some(encode_time(occur_time)),
        expire_time: expire_time.map(encode_time),
        record_time: Some(encode_time(record_time)),
        actor,
        masked_fields: masked.then(|| FieldMask {
            paths: vec!["evidence".to_owned()],
        }),
    }
}

pub fn encode_verdict(verdict: Verdict) -> wire::ConsentStatus {
    let Verdict {
        purpose,
        channel,
        reason,
        decided_by,
    } = verdict;
    let (state, reason) = encode_reason(reason);
    let name = |(customer, entry): &(CustomerId, Stance)| consent_name(*customer, entry.id);
    let consent = decided_by.as_ref().map(name).unwrap_or_default();
    let entry = decided_by.map(|(_, entry)| entry);
    let occur_time = entry.as_ref().map(|entry| encode_time(entry.occur_time));
    let expire_time = entry.and_then(|entry| entry.expire_time);
    wire::ConsentStatus {
        purpose,
        channel,
        state: state.into(),
        reason: reason.into(),
        consent,
        occur_time,
        expire_time: expire_time.map(encode_time),
    }
}

const fn encode_reason(reason: ConsentReason) -> (wire::ConsentState, wire::ConsentReason) {
    use wire::{ConsentReason as Reason, ConsentState as State};
    match reason {
        ConsentReason::InForce => (State::Granted, Reason::InForce),
        ConsentReason::Refused => (State::Denied, Reason::Refused),
        ConsentReason::NeedsSeparate => (State::Denied, Reason::NeedsSeparate),
        ConsentReason::NeedsGuardian => (State::Denied, Reason::NeedsGuardian),
        ConsentReason::Expired => (State::Expired, Reason::Expired),
        ConsentReason::Withdrawn => (State::Withdrawn, Reason::Withdrawn),
        ConsentReason::NothingRecorded => (State::None, Reason::NothingRecorded),
        ConsentReason::UnknownCustomer => (State::None, Reason::UnknownCustomer),
    }
}

const fn encode_decision(decision: ConsentDecision) -> wire::ConsentDecision {
    match decision {
        ConsentDecision::Granted => wire::ConsentDecision::Granted,
        ConsentDecision::Denied => wire::ConsentDecision::Denied,
        ConsentDecision::Withdrawn => wire::ConsentDecision::Withdrawn,
    }
}

const fn encode_kind(kind: Option<ConsentKind>) -> wire::ConsentKind {
    match kind {
        None => wire::ConsentKind::Unspecified,
        Some(ConsentKind::General) => wire::ConsentKind::General,
        Some(ConsentKind::Separate) => wire::ConsentKind::Separate,
        Some(ConsentKind::Guardian) => wire::ConsentKind::Guardian,
    }
}

const fn encode_basis(basis: Option<LegalBasis>) -> wire::LegalBasis {
    match basis {
        None => wire::LegalBasis::Unspecified,
        Some(LegalBasis::Consent) => wire::LegalBasis::Consent,
        Some(LegalBasis::Contract) => wire::LegalBasis::Contract,
        Some(LegalBasis::LegalObligation) => wire::LegalBasis::LegalObligation,
        Some(LegalBasis::VitalInterest) => wire::LegalBasis::VitalInterest,
        Some(LegalBasis::PublicTask) => wire::LegalBasis::PublicTask,
        Some(LegalBasis::LegitimateInterest) => wire::LegalBasis::LegitimateInterest,
    }
}

/// `None` where it is not said, or cannot be recorded so.
fn decode_decision(number: i32) -> Option<ConsentDecision> {
    match wire::ConsentDecision::try_from(number).ok()? {
        wire::ConsentDecision::Unspecified | wire::ConsentDecision::Withdrawn => None,
        wire::ConsentDecision::Granted => Some(ConsentDecision::Granted),
        wire::ConsentDecision::Denied => Some(ConsentDecision::Denied),
    }
}

/// `None` where it is not said, or says nothing.
fn decode_kind(number: i32) -> Option<ConsentKind> {
    match wire::ConsentKind::try_from(number).ok()? {
        wire::ConsentKind::Unspecified => None,
        wire::ConsentKind::General => Some(ConsentKind::General),
        wire::ConsentKind::Separate => Some(ConsentKind::Separate),
        wire::ConsentKind::Guardian => Some(ConsentKind::Guardian),
    }
}

/// `None` where it is not said, or says nothing.
fn decode_basis(number: i32) -> Option<LegalBasis> {
    match wire::LegalBasis::try_from(number).ok()? {
        wire::LegalBasis::Unspecified => None,
        wire::LegalBasis::Consent => Some(LegalBasis::Consent),
        wire::LegalBasis::Contract => Some(LegalBasis::Contract),
        wire::LegalBasis::LegalObligation => Some(LegalBasis::LegalObligation),
        wire::LegalBasis::VitalInterest => Some(LegalBasis::VitalInterest),
        wire::LegalBasis::PublicTask => Some(LegalBasis::PublicTask),
        wire::LegalBasis::LegitimateInterest => Some(LegalBasis::LegitimateInterest),
    }
}

pub fn record(asked: wire::RecordConsentRequest) -> Result<(CustomerId, NewConsent, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ConsentService/RecordConsent";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::RecordConsentRequest {
        customer,
        consent,
        request_id: _,
    } = asked;
    let customer = request::name_in("customer", &customer, &mut problems);
    let wire::Consent {
        name,
        decision,
        purpose,
        channel,
        kind,
        legal_basis,
        notice,
        notice_version,
        evidence,
        collected_through,
        occur_time,
        expire_time,
        record_time: _,
        actor: _,
        masked_fields: _,
    } = consent.unwrap_or_default();
    if !name.is_empty() {
        problems.add_to_request("consent.name", "must be empty; it is assigned");
    }
    let notice = match notice.is_empty() {
        true => None,
        false => consent_notice::id_of(&notice).or_else(|| {
            problems.add_to_request("consent.notice", consent_notice::NAME_WORDS);
            None
        }),
    };
    let occur_time = time_in("consent.occur_time", occur_time, &mut problems);
    let expire_time = time_in("consent.expire_time", expire_time, &mut problems);
    problems.into_result()?;
    let new = NewConsent {
        decision: decode_decision(decision),
        purpose,
        channel,
        kind: decode_kind(kind),
        basis: decode_basis(legal_basis),
        notice,
        notice_version,
        evidence: Some(Pii::new(evidence)),
        collected_through,
        occur_time,
        expire_time,
    };
    Ok((customer, new, once))
}

pub fn withdraw(
    asked: wire::WithdrawConsentRequest,
) -> Result<(CustomerId, NewConsent, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ConsentService/WithdrawConsent";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::WithdrawConsentRequest {
        customer,
        purpose,
        channel,
        evidence,
        collected_through,
        occur_time,
        request_id: _,
    } = asked;
    let customer = request::name_in("customer", &customer, &mut problems);
    let occur_time = time_in("occur_time", occur_time, &mut problems);
    problems.into_result()?;
    let new = NewConsent {
        decision: Some(ConsentDecision::Withdrawn),
        purpose,
        channel,
        kind: None,
        basis: None,
        notice: None,
        notice_version: 0,
        evidence: Some(Pii::new(evidence)),
        collected_through,
        occur_time,
        expire_time: None,
    };
    Ok((customer, new, once))
}

pub fn check(asked: wire::CheckConsentRequest) -> Result<ConsentQuestion> {
    let mut problems = Violations::default();
    let question = question(asked, "", &mut problems);
    problems.into_result()?;
    Ok(question)
}

pub fn batch_check(asked: wire::BatchCheckConsentRequest) -> Result<Vec<ConsentQuestion>> {
    let wire::BatchCheckConsentRequest { requests } = asked;
    request::limit(requests.len(), "requests")?;
    let mut problems = Violations::default();
    let questions = requests.into_iter().enumerate().map(|(index, asked)| {
        let path = format!("requests[{index}].");
        question(asked, &path, &mut problems)
    });
    let questions = questions.collect();
    problems.into_result()?;
    Ok(questions)
}

fn question(
    asked: wire::CheckConsentRequest,
    path: &str,
    problems: &mut Violations,
) -> ConsentQuestion {
    let wire::CheckConsentRequest {
        purpose,
        channel,
        read_time,
        who,
    } = asked;
    problems.check_own_name(format!("{path}purpose"), &purpose);
    if !channel.is_empty() {
        problems.check_own_name(format!("{path}channel"), &channel);
    }
    let at = time_in(&format!("{path}read_time"), read_time, problems);
    let who = match who {
        Some(Who::Customer(name)) => {
            let field = format!("{path}customer");
            Question::Name(request::name_in(&field, &name, problems))
        }
        Some(Who::Key(key)) => request::question(key, &format!("{path}key"), problems),
        None => {
            problems.add_to_request(format!("{path}customer"), "is required, or a key");
            Question::Nobody
        }
    };
    ConsentQuestion {
        who,
        purpose,
        channel,
        at,
    }
}

/// What to list, of whom, and as of when.
pub struct Listed {
    pub customer: CustomerId,
    pub at: Option<Timestamp>,
    pub page_size: PageSize,
    pub page_token: String,
}

pub fn list(asked: wire::ListConsentsRequest) -> Result<Listed> {
    let wire::ListConsentsRequest {
        customer,
        read_time,
        page_size,
        page_token,
    } = asked;
    listed(&customer, read_time, page_size, page_token)
}

pub fn list_entries(asked: wire::ListConsentEntriesRequest) -> Result<Listed> {
    let wire::ListConsentEntriesRequest {
        customer,
        page_size,
        page_token,
    } = asked;
    listed(&customer, None, page_size, page_token)
}

fn listed(
    customer: &str,
    read_time: Option<prost_types::Timestamp>,
    page_size: i32,
    page_token: String,
) -> Result<Listed> {
    let mut problems = Violations::default();
    let customer = request::name_in("customer", customer, &mut problems);
    let at = time_in("read_time", read_time, &mut problems);
    let page_size = request::page_size(page_size, &mut problems);
    problems.into_result()?;
    Ok(Listed {
        customer,
        at,
        page_size,
        page_token,
    })
}
