//! Other services have customers erased, and ask what is held of them.

use dossier_proto::subject::v1 as subject;
use dossier_proto::subject::v1::subject_participant_service_client::SubjectParticipantServiceClient;
use tonic::Code;

use super::*;

type Subjects = SubjectParticipantServiceClient<InterceptedService<Channel, Bearer>>;

async fn subjects(world: &World, kind: PrincipalKind, role: Role) -> Subjects {
    let tenant = TenantId::parse("shop").expect("a tenant");
    let (channel, bearer) = world.way(tenant, kind, role).await;
    SubjectParticipantServiceClient::with_interceptor(channel, bearer)
}

fn erase(customer: CustomerId) -> subject::EraseSubjectsRequest {
    subject::EraseSubjectsRequest {
        service: "interaction".to_owned(),
        customers: vec![customer.to_name()],
        request_id: uuid::Uuid::new_v4().to_string(),
    }
}

async fn held(subjects: &mut Subjects, customer: CustomerId) -> Vec<i64> {
    let request = subject::AttestSubjectsRequest {
        service: "interaction".to_owned(),
        customers: vec![customer.to_name()],
    };
    let held = subjects.attest_subjects(request).await.expect("attests");
    let held = held.into_inner().held.into_iter();
    held.map(|table| table.row_count).collect()
}

async fn exported(subjects: &mut Subjects, customer: CustomerId) -> Vec<subject::SubjectRecord> {
    let request = subject::ExportSubjectRequest {
        service: "interaction".to_owned(),
        customer: customer.to_name(),
    };
    let answer = subjects.export_subject(request).await.expect("exports");
    let mut stream = answer.into_inner();
    let mut records = Vec::new();
    while let Some(record) = stream.message().await.expect("goes on") {
        records.push(record);
    }
    records
}

fn call(event_id: &str, customer: CustomerId, notes: &str) -> wire::Interaction {
    let call = wire::Call {
        notes: notes.to_owned(),
        ..Default::default()
    };
    wire::Interaction {
        details: Some(Details::Call(call)),
        ..purchase(event_id, customer, 1)
    }
}

#[tokio::test]
async fn an_erased_customer_leaves_nothing_behind() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let mut service = subjects(&world, PrincipalKind::Service, Role::Service).await;
    let [gone, kept] = [CustomerId::generate(), CustomerId::generate()];
    for customer in [gone, kept] {
        for (event, notes) in [("1", "one word"), ("2", "another")] {
            let event = format!("{customer}/{event}");
            let request = record(call(&event, customer, notes));
            client.record_interaction(request).await.expect("records");
        }
    }
    // Rows, who speaks for whom, events, outcomes, keys.
    assert_eq!(held(&mut service, gone).await, [2, 0, 0, 0, 0, 1]);
    let records = exported(&mut service, gone).await;
    let words: Vec<&str> = records.iter().map(|record| record.json.as_str()).collect();
    assert!(
        words[0].contains("one word") && words[1].contains("another"),
        "{words:?}"
    );
    assert!(
        records
            .iter()
            .all(|record| record.collection == "interactions")
    );

    let request = erase(gone);
    let first = service
        .erase_subjects(request.clone())
        .await
        .expect("erases");
    let first: Vec<i64> = first
        .get_ref()
        .erased
        .iter()
        .map(|table| table.row_count)
        .collect();
    assert_eq!(first, [2, 0, 0, 0, 0, 1]);
    let again = service.erase_subjects(request).await.expect("erases");
    let again: Vec<i64> = again
        .get_ref()
        .erased
        .iter()
        .map(|table| table.row_count)
        .collect();
    assert_eq!(again, first, "the same operation is answered alike");
    let anew = service.erase_subjects(erase(gone)).await.expect("erases");
    assert!(
        anew.get_ref()
            .erased
            .iter()
            .all(|table| table.row_count == 0)
    );
    assert_eq!(held(&mut service, gone).await, [0; 6]);
    assert_eq!(exported(&mut service, gone).await.len(), 0);
    assert_eq!(held(&mut service, kept).await, [2, 0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn nobody_but_a_service_may_erase() {
    let world = World::start().await;
    let mut admin = subjects(&world, PrincipalKind::Person, Role::Admin).await;
    let refused = admin.erase_subjects(erase(CustomerId::generate())).await;
    assert_eq!(
        refused.err().expect("refused").code(),
        Code::PermissionDenied
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let world = World::start().await;
    let mut service = subjects(&world, PrincipalKind::Service, Role::Service).await;
    let fields = |status: &Status| -> Vec<String> {
        let details = status.get_error_details();
        let bad = details.bad_request().expect("violations").clone();
        bad.field_violations
            .into_iter()
            .map(|one| one.field)
            .collect()
    };
    let mut request = erase(CustomerId::generate());
    request.customers = vec!["customers/x".to_owned(), "nobody".to_owned()];
    let refused = service
        .erase_subjects(request)
        .await
        .err()
        .expect("refused");
    assert_eq!(fields(&refused), ["customers[0]", "customers[1]"]);
    let mut request = erase(CustomerId::generate());
    request.service = "loyalty".to_owned();
    let refused = service
        .erase_subjects(request)
        .await
        .err()
        .expect("refused");
    assert_eq!(fields(&refused), ["service"]);
    let mut request = erase(CustomerId::generate());
    request.service = "feedback".to_owned();
    let refused = service
        .erase_subjects(request)
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let mut request = erase(CustomerId::generate());
    request.customers = vec![CustomerId::generate().to_name(); 501];
    let refused = service
        .erase_subjects(request)
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.code(), Code::OutOfRange);
}
