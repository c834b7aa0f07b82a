//! Limits on what is said of people's requests, and between services of the people themselves.

use serde_json::{Value, json};

use super::table::{limit, many, x};
use super::{Expected, Limit};

const CANCEL: &str = "dossier.profile.v1.PrivacyRequestService/CancelPrivacyRequest";
const HOLD: &str = "dossier.profile.v1.PrivacyRequestService/SetLegalHold";
const ERASE: &str = "dossier.subject.v1.SubjectParticipantService/EraseSubjects";
const REMAP: &str = "dossier.subject.v1.SubjectParticipantService/RemapSubjects";
const ATTEST: &str = "dossier.subject.v1.SubjectParticipantService/AttestSubjects";

pub fn limits() -> Vec<Limit> {
    vec![
        limit(
            "reason for which a privacy request is cancelled",
            CANCEL,
            500,
            Expected::Invalid("reason"),
            |ground, n| vec![json!({"name": ground.privacy_request, "reason": x(n)})],
        ),
        limit(
            "reason of a legal hold",
            HOLD,
            500,
            Expected::Invalid("reason"),
            |ground, n| vec![json!({"customer": ground.relative, "reason": x(n)})],
        ),
        limit(
            "customers that a service is asked to erase",
            ERASE,
            500,
            Expected::Limit,
            |_, n| strangers(n),
        ),
        limit(
            "customers of whom a service is told who speaks for them",
            REMAP,
            500,
            Expected::Limit,
            |_, n| {
                let stranger = || json!(format!("customers/{}", uuid::Uuid::new_v4()));
                let speaker = |_| json!({"customer": stranger(), "speaker": stranger()});
                vec![json!({
                    "service": "interaction",
                    "speakers": many(n, speaker),
                    "time": "2026-01-02T03:04:05Z",
                })]
            },
        ),
        limit(
            "customers that a service is asked to attest",
            ATTEST,
            500,
            Expected::Limit,
            |_, n| strangers(n),
        ),
    ]
}

/// Customers of whom nothing is held.
fn strangers(count: usize) -> Vec<Value> {
    let stranger = |_| json!(format!("customers/{}", uuid::Uuid::new_v4()));
    vec![json!({"service": "interaction", "customers": many(count, stranger)})]
}
