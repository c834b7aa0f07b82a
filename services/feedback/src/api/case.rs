//! Cases on the wire.

use dossier_kernel::{Pii, Result};
use dossier_proto::feedback::v1 as wire;

use super::decode::{field_mask, invalid, wire_time};
use crate::domain::{Case, CaseDraft, CaseState, CaseType, Reply};

pub fn decode_draft(case: wire::Case) -> Result<CaseDraft> {
    if !case.name.is_empty() {
        return Err(invalid("case.name", "must be empty"));
    }
    let case_type = match case.r#type() {
        wire::CaseType::Complaint => Some(CaseType::Complaint),
        wire::CaseType::Suggestion => Some(CaseType::Suggestion),
        wire::CaseType::Question => Some(CaseType::Question),
        wire::CaseType::Unspecified => None,
    };
    let given = |text: String| (!text.is_empty()).then_some(text);
    Ok(CaseDraft {
        case_type,
        subject: Pii::new(case.subject),
        description: given(case.description).map(Pii::new),
        channel: given(case.channel),
    })
}

/// The fields that hold words, in the contract's names.
const WORDY_FIELDS: [&str; 4] = ["subject", "description", "replies.text", "resolution"];

pub fn encode_case(case: Case) -> wire::Case {
    let etag = case.etag();
    let Case {
        id,
        revision: _,
        create_time,
        update_time,
        customer,
        case_type,
        subject,
        description,
        channel,
        state,
        replies,
        resolution,
        resolve_time,
        close_time,
        masked,
    } = case;
    let replies = replies.into_iter().map(
        |Reply {
             create_time,
             author,
             text,
         }| wire::Reply {
            create_time: wire_time(create_time),
            author,
            text: text.expose().clone(),
        },
    );
    wire::Case {
        name: id.to_name(),
        uid: id.to_string(),
        etag,
        create_time: wire_time(create_time),
        update_time: wire_time(update_time),
        customer: customer.to_name(),
        r#type: encode_type(case_type).into(),
        subject: subject.expose().clone(),
        description: description
            .map(|text| text.expose().clone())
            .unwrap_or_default(),
        channel: channel.unwrap_or_default(),
        state: encode_state(state).into(),
        replies: replies.collect(),
        resolution: resolution
            .map(|text| text.expose().clone())
            .unwrap_or_default(),
        resolve_time: resolve_time.and_then(wire_time),
        close_time: close_time.and_then(wire_time),
        masked_fields: masked.then(|| field_mask(&WORDY_FIELDS)),
    }
}

pub const fn encode_type(case_type: CaseType) -> wire::CaseType {
    match case_type {
        CaseType::Complaint => wire::CaseType::Complaint,
        CaseType::Suggestion => wire::CaseType::Suggestion,
        CaseType::Question => wire::CaseType::Question,
    }
}

pub const fn encode_state(state: CaseState) -> wire::CaseState {
    match state {
        CaseState::Open => wire::CaseState::Open,
        CaseState::Resolved => wire::CaseState::Resolved,
        CaseState::Closed => wire::CaseState::Closed,
    }
}
