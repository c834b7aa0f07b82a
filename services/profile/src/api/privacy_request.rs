//! Privacy requests and legal holds as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{CustomerId, Error, Result};
use dossier_proto::profile::v1 as wire;
use uuid::Uuid;

use super::request::{self, customer_name, invalid};
use super::value::encode_time;
use crate::app::Shown;
use crate::domain::legal_hold::check_reason;
use crate::domain::{
    LegalHold, PrivacyRequest, PrivacyRequestState, PrivacyRequestType, Violations,
};

const NAME_WORDS: &str = "must be privacyRequests/{privacy_request} with a UUID";

pub fn encode(shown: Shown) -> wire::PrivacyRequest {
    let Shown { request, held } = shown;
    let name = request.to_name();
    let PrivacyRequest {
        id: _,
        customer,
        kind,
        state,
        create_time,
        due_time,
        end_time,
        creator,
        cancel_reason,
    } = request;
    let kind = match kind {
        PrivacyRequestType::Access => wire::PrivacyRequestType::Access,
        PrivacyRequestType::Erase => wire::PrivacyRequestType::Erase,
        PrivacyRequestType::Port => wire::PrivacyRequestType::Port,
    };
    let state = match state {
        PrivacyRequestState::Pending => wire::PrivacyRequestState::Pending,
        PrivacyRequestState::Running => wire::PrivacyRequestState::Running,
        PrivacyRequestState::Done => wire::PrivacyRequestState::Done,
        PrivacyRequestState::Cancelled => wire::PrivacyRequestState::Cancelled,
    };
    wire::PrivacyRequest {
        name,
        customer: customer.to_name(),
        r#type: kind.into(),
        state: state.into(),
        create_time: Some(encode_time(create_time)),
        due_time: Some(encode_time(due_time)),
        end_time: end_time.map(encode_time),
        creator,
        cancel_reason: cancel_reason.unwrap_or_default(),
        held,
    }
}

pub fn encode_hold(hold: LegalHold) -> wire::LegalHold {
    let LegalHold {
        customer,
        reason,
        create_time,
        creator,
    } = hold;
    wire::LegalHold {
        customer: customer.to_name(),
        reason,
        create_time: Some(encode_time(create_time)),
        creator,
    }
}

pub fn create(
    asked: wire::CreatePrivacyRequestRequest,
) -> Result<(CustomerId, PrivacyRequestType, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "PrivacyRequestService/CreatePrivacyRequest";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let given = asked
        .privacy_request
        .ok_or_else(|| invalid("privacy_request", "is required"))?;
    if !given.name.is_empty() {
        problems.add_to_request("privacy_request.name", "must be empty");
    }
    let customer = CustomerId::from_name(&given.customer);
    if customer.is_none() {
        let words = "must be customers/{customer} with a UUID";
        problems.add_to_request("privacy_request.customer", words);
    }
    let kind = match given.r#type() {
        wire::PrivacyRequestType::Access => Some(PrivacyRequestType::Access),
        wire::PrivacyRequestType::Erase => Some(PrivacyRequestType::Erase),
        wire::PrivacyRequestType::Port => Some(PrivacyRequestType::Port),
        wire::PrivacyRequestType::Unspecified => None,
    };
    if kind.is_none() {
        let words = "is required: ACCESS, ERASE or PORT";
        problems.add_to_request("privacy_request.type", words);
    }
    problems.into_result()?;
    let unsaid = || Error::internal("a request without violations lacks something");
    Ok((customer.ok_or_else(unsaid)?, kind.ok_or_else(unsaid)?, once))
}

pub fn cancel(asked: wire::CancelPrivacyRequestRequest) -> Result<(Uuid, String, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "PrivacyRequestService/CancelPrivacyRequest";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let id = name(&asked.name)?;
    check_reason(&asked.reason, &mut problems);
    problems.into_result()?;
    Ok((id, asked.reason, once))
}

pub fn set_hold(asked: wire::SetLegalHoldRequest) -> Result<(CustomerId, String, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "PrivacyRequestService/SetLegalHold";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let customer = customer_name("customer", &asked.customer)?;
    check_reason(&asked.reason, &mut problems);
    problems.into_result()?;
    Ok((customer, asked.reason, once))
}

pub fn release_hold(asked: wire::ReleaseLegalHoldRequest) -> Result<(CustomerId, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "PrivacyRequestService/ReleaseLegalHold";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let customer = customer_name("customer", &asked.customer)?;
    problems.into_result()?;
    Ok((customer, once))
}

/// The id of a request.
pub fn name(name: &str) -> Result<Uuid> {
    let id = name
        .split_once('/')
        .filter(|(collection, _)| *collection == PrivacyRequest::COLLECTION)
        .and_then(|(_, id)| Uuid::try_parse(id).ok());
    id.ok_or_else(|| invalid("name", NAME_WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_with_a_request_is_named_at_once() {
        let asked = wire::CreatePrivacyRequestRequest {
            privacy_request: Some(wire::PrivacyRequest {
                name: "privacyRequests/1".to_owned(),
                customer: "nobody".to_owned(),
                ..Default::default()
            }),
            request_id: "again".to_owned(),
        };
        let refused = create(asked).expect_err("refused");
        let fields: Vec<&str> = refused
            .violations()
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "request_id",
                "privacy_request.name",
                "privacy_request.customer",
                "privacy_request.type"
            ]
        );
        assert!(name("customers/0199f0a0-0000-7000-8000-000000000001").is_err());
    }
}
