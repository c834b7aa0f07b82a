//! What people ask for, and what keeps it from being done.

use std::collections::HashSet;

use dossier_proto::profile::v1 as wire;
use tonic::Code;
use wire::{PrivacyRequestState as State, PrivacyRequestType as Type};

use super::*;

/// More than are read at once.
const REVISIONS: usize = 210;

pub async fn ask(
    privacy: &mut PrivacyRequests,
    customer: &str,
    kind: Type,
) -> Result<wire::PrivacyRequest, Status> {
    let privacy_request = wire::PrivacyRequest {
        customer: customer.to_owned(),
        r#type: kind.into(),
        ..Default::default()
    };
    let request = wire::CreatePrivacyRequestRequest {
        privacy_request: Some(privacy_request),
        request_id: request_id(),
    };
    let first = privacy.create_privacy_request(request.clone()).await?;
    let again = privacy.create_privacy_request(request).await?;
    assert_eq!(first.get_ref().name, again.get_ref().name, "one request");
    Ok(first.into_inner())
}

pub async fn read(privacy: &mut PrivacyRequests, name: &str) -> wire::PrivacyRequest {
    let request = wire::GetPrivacyRequestRequest {
        name: name.to_owned(),
    };
    let found = privacy.get_privacy_request(request).await;
    found.expect("there").into_inner()
}

async fn cancel(privacy: &mut PrivacyRequests, name: &str) -> Result<wire::PrivacyRequest, Status> {
    let request = wire::CancelPrivacyRequestRequest {
        name: name.to_owned(),
        reason: "withdrawn".to_owned(),
        request_id: request_id(),
    };
    Ok(privacy.cancel_privacy_request(request).await?.into_inner())
}

async fn hold(privacy: &mut PrivacyRequests, customer: &str) -> Result<wire::LegalHold, Status> {
    let request = wire::SetLegalHoldRequest {
        customer: customer.to_owned(),
        reason: "case 4711".to_owned(),
        request_id: request_id(),
    };
    Ok(privacy.set_legal_hold(request).await?.into_inner())
}

async fn release(privacy: &mut PrivacyRequests, customer: &str) -> Result<(), Status> {
    let request = wire::ReleaseLegalHoldRequest {
        customer: customer.to_owned(),
        request_id: request_id(),
    };
    privacy.release_legal_hold(request).await.map(drop)
}

#[tokio::test]
async fn who_is_held_is_neither_erased_nor_purged() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let held = create(&mut client, known("held")).await.name;
        let deleted = create(&mut client, known("deleted")).await.name;
        for name in [&held, &deleted] {
            assert_eq!(
                hold(&mut privacy, name).await.expect("held").reason,
                "case 4711"
            );
        }
        let asked = ask(&mut privacy, &held, Type::Erase).await;
        assert_eq!(refused(asked).0, Code::FailedPrecondition);
        get(&mut client, &held).await.expect("nothing happened");
        let delete = wire::DeleteCustomerRequest {
            name: deleted.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        house.pass(Duration::from_secs(60 * 86_400));
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 0);
        get(&mut client, &deleted).await.expect("kept");

        for name in [&held, &deleted] {
            release(&mut privacy, name).await.expect("released");
            assert_eq!(refused(release(&mut privacy, name).await).0, Code::NotFound);
        }
        ask(&mut privacy, &held, Type::Erase).await.expect("asked");
        assert_eq!(house.profile.purge_customers().await.expect("sweeps"), 1);
        assert_eq!(house.erase().await, 2);
    }
}

#[tokio::test]
async fn a_hold_stops_an_erasure_that_has_not_begun() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let name = create(&mut client, known("a")).await.name;
        let asked = ask(&mut privacy, &name, Type::Erase).await.expect("asked");
        hold(&mut privacy, &name).await.expect("held");
        assert_eq!(house.erase().await, 0);
        let waits = read(&mut privacy, &asked.name).await;
        assert!(waits.state() == State::Pending && waits.held);
        release(&mut privacy, &name).await.expect("released");
        house.profile.erase_customers().await.expect("begins");
        assert_eq!(
            refused(hold(&mut privacy, &name).await).0,
            Code::FailedPrecondition
        );
        assert_eq!(
            refused(cancel(&mut privacy, &asked.name).await).0,
            Code::FailedPrecondition
        );
        assert_eq!(house.erase().await, 1);
    }
}

#[tokio::test]
async fn a_cancelled_erasure_can_be_undone() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let name = create(&mut client, known("a")).await.name;
        let asked = ask(&mut privacy, &name, Type::Erase).await.expect("asked");
        for _ in 0..2 {
            let ended = cancel(&mut privacy, &asked.name).await.expect("cancelled");
            assert!(ended.state() == State::Cancelled);
            assert_eq!(ended.cancel_reason, "withdrawn");
        }
        assert_eq!(house.erase().await, 0);
        let undelete = wire::UndeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        client.undelete_customer(undelete).await.expect("undeleted");
        let back = get(&mut client, &name).await.expect("there");
        assert_eq!(back.delete_time, None);
    }
}

#[tokio::test]
async fn a_person_is_told_everything_and_then_the_request_is_done() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let person = wire::Customer {
            contact_points: vec![email("ada@example.com")],
            ..known("Ada")
        };
        let name = create(&mut client, person).await.name;
        let other = create(&mut client, known("Grace")).await.name;
        let consent = wire::Consent {
            decision: wire::ConsentDecision::Granted.into(),
            purpose: "delivery".to_owned(),
            legal_basis: wire::LegalBasis::Contract.into(),
            evidence: "by telephone".to_owned(),
            ..Default::default()
        };
        let record = wire::RecordConsentRequest {
            customer: name.clone(),
            consent: Some(consent),
            request_id: request_id(),
        };
        let recorded = house.consents().record_consent(record).await;
        recorded.expect("recorded");
        let relationship = wire::Relationship {
            from: other.clone(),
            to: name.clone(),
            r#type: wire::RelationshipType::Friend.into(),
            ..Default::default()
        };
        let relate = wire::CreateRelationshipRequest {
            relationship: Some(relationship),
            request_id: request_id(),
        };
        let related = house.relationships().create_relationship(relate).await;
        related.expect("related");
        for number in 0..REVISIONS {
            let customer = wire::Customer {
                name: name.clone(),
                given_name: format!("Ada {number}"),
                ..Default::default()
            };
            let update = wire::UpdateCustomerRequest {
                customer: Some(customer),
                ..Default::default()
            };
            client.update_customer(update).await.expect("updated");
        }
        // Written down once more by the same address.
        let again = wire::Customer {
            contact_points: vec![email("ada@example.com")],
            ..super::person("Ada")
        };
        let twin = create(&mut client, again).await.name;
        super::duplicates::scan(&house).await;
        let asked = ask(&mut privacy, &name, Type::Access).await.expect("asked");
        let due = asked.due_time.as_ref().expect("a time").seconds;
        let made = asked.create_time.as_ref().expect("a time").seconds;
        assert!((27 * 86_400..=31 * 86_400).contains(&(due - made)));
        for _ in 0..2 {
            let request = wire::ExportPrivacyRequestRequest {
                name: asked.name.clone(),
            };
            let answer = privacy.export_privacy_request(request).await;
            let mut stream = answer.expect("exports").into_inner();
            let mut bytes = Vec::new();
            while let Some(message) = stream.message().await.expect("goes on") {
                bytes.extend(message.chunk);
            }
            let text = String::from_utf8(bytes).expect("text");
            let parse = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
            let lines: Vec<_> = text.lines().map(parse).collect();
            assert!(lines.iter().all(|line| line["service"] == "profile"));
            let of = |collection: &str| {
                let lines = lines.iter().filter(|line| line["collection"] == collection);
                lines.collect::<Vec<_>>()
            };
            let [file] = of("customers")[..] else {
                panic!("{text}");
            };
            assert_eq!(file["name"], name.as_str());
            assert_eq!(file["data"]["displayName"], "Ada");
            assert!(file.to_string().contains("ada@example.com"));
            let [consent] = of("consents")[..] else {
                panic!("{text}");
            };
            assert_eq!(consent["data"]["evidence"], "by telephone");
            let [relationship] = of("relationships")[..] else {
                panic!("{text}");
            };
            assert_eq!(relationship["data"]["to"], other.as_str());
            let [pair] = of("duplicatePairs")[..] else {
                panic!("{text}");
            };
            assert_eq!(pair["data"]["otherCustomer"], twin.as_str());
            let names: HashSet<String> = of("revisions")
                .iter()
                .map(|line| line["name"].to_string())
                .collect();
            assert_eq!(names.len(), REVISIONS + 1, "every page");
            assert!(text.contains("Ada 0"), "what was is told");
            assert!(read(&mut privacy, &asked.name).await.state() == State::Done);
        }
        let erase = ask(&mut privacy, &name, Type::Erase).await.expect("asked");
        for (request, code) in [
            (&asked.name, Code::NotFound),
            (&erase.name, Code::FailedPrecondition),
        ] {
            let request = wire::ExportPrivacyRequestRequest {
                name: request.clone(),
            };
            let answer = privacy.export_privacy_request(request).await;
            assert_eq!(status_of(answer).code(), code);
        }
    }
}

#[tokio::test]
async fn requests_are_listed_newest_first_and_filtered() {
    for house in House::each().await {
        let (mut client, mut privacy) = (house.customers(), house.privacy_requests());
        let mut names = Vec::new();
        for (n, kind) in [Type::Access, Type::Port, Type::Erase]
            .into_iter()
            .enumerate()
        {
            let name = create(&mut client, known(&n.to_string())).await.name;
            names.push(ask(&mut privacy, &name, kind).await.expect("asked").name);
        }
        names.reverse();
        let mut listed = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListPrivacyRequestsRequest {
                page_size: 2,
                page_token,
                ..Default::default()
            };
            let page = privacy.list_privacy_requests(request).await.expect("lists");
            let page = page.into_inner();
            listed.extend(page.privacy_requests.into_iter().map(|one| one.name));
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        assert_eq!(listed, names);
        let request = wire::ListPrivacyRequestsRequest {
            filter: "type = ERASE AND state = PENDING".to_owned(),
            ..Default::default()
        };
        let page = privacy.list_privacy_requests(request).await.expect("lists");
        assert_eq!(page.get_ref().privacy_requests.len(), 1);
        let unknown = wire::GetPrivacyRequestRequest {
            name: names[0].replace("0", "1"),
        };
        let unknown = privacy.get_privacy_request(unknown).await;
        assert_eq!(refused(unknown).0, Code::NotFound);
    }
}
