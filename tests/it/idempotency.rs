//! The same request with the same request id: one effect, one answer, however often and whenever.

use anyhow::ensure;
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Refusal, Suite, build, on_both_backends};
use futures::future::try_join_all;
use tonic::{Code, Status};

const AT_ONCE: usize = 50;

on_both_backends!(fifty_at_once_and_again_after_a_crash);

/// One mutation of each service, as (request, call).
async fn fifty_at_once_and_again_after_a_crash(mut suite: Suite) -> anyhow::Result<()> {
    let clients = suite.clients()?;
    let create = creation("ming");
    let customer = same_answers(&clients, &create, create_customer).await?;
    let record = purchase(&customer.name);
    let recorded = same_answers(&clients, &record, record_interaction).await?;
    let segment = segmentation::CreateSegmentRequest {
        segment: Some(build::segment("Buyers", "count(purchase) >= 1")),
        request_id: build::request_id(),
        ..Default::default()
    };
    let made = same_answers(&clients, &segment, create_segment).await?;
    let open = feedback::OpenCaseRequest {
        case: Some(feedback::Case {
            customer: customer.name.clone(),
            r#type: feedback::CaseType::Question.into(),
            subject: "几点关门？".to_owned(),
            ..Default::default()
        }),
        request_id: build::request_id(),
        ..Default::default()
    };
    let opened = same_answers(&clients, &open, open_case).await?;

    suite.kill()?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    ensure!(same_answers(&clients, &create, create_customer).await? == customer);
    ensure!(same_answers(&clients, &record, record_interaction).await? == recorded);
    ensure!(same_answers(&clients, &segment, create_segment).await? == made);
    ensure!(same_answers(&clients, &open, open_case).await? == opened);
    each_effect_once(&clients).await?;

    let other = profile::CreateCustomerRequest {
        request_id: create.request_id.clone(),
        ..creation("other")
    };
    let refused = Refusal::from_answer(clients.customers.clone().create_customer(other).await)?;
    ensure!(
        refused.code == Code::Aborted && refused.reason == "REQUEST_ID_REUSED",
        "{refused:?}"
    );

    let bad = profile::CreateCustomerRequest {
        request_id: "again".to_owned(),
        ..creation("bad")
    };
    let refused = Refusal::from_answer(clients.customers.clone().create_customer(bad).await)?;
    ensure!(refused.fields() == ["request_id"], "{refused:?}");
    Ok(())
}

/// Calls 50 times at once and wants one answer.
async fn same_answers<Q, A, F>(
    clients: &Clients,
    request: &Q,
    call: impl Fn(Clients, Q) -> F,
) -> anyhow::Result<A>
where
    Q: Clone,
    A: PartialEq,
    F: Future<Output = Result<A, Status>>,
{
    let calls = (0..AT_ONCE).map(|_| call(clients.clone(), request.clone()));
    let mut answers = try_join_all(calls).await?;
    let first = answers.swap_remove(0);
    ensure!(
        answers.iter().all(|answer| *answer == first),
        "the answers differ"
    );
    Ok(first)
}

async fn each_effect_once(clients: &Clients) -> anyhow::Result<()> {
    let mut clients = clients.clone();
    let customers = clients
        .customers
        .list_customers(profile::ListCustomersRequest::default());
    ensure!(customers.await?.into_inner().customers.len() == 1);
    let listed = interaction::ListInteractionsRequest::default();
    let interactions = clients
        .interactions
        .list_interactions(listed)
        .await?
        .into_inner();
    ensure!(interactions.interactions.len() == 1);
    let segments = clients
        .segments
        .list_segments(segmentation::ListSegmentsRequest::default());
    ensure!(segments.await?.into_inner().segments.len() == 1);
    let cases = clients
        .cases
        .list_cases(feedback::ListCasesRequest::default());
    ensure!(cases.await?.into_inner().cases.len() == 1);
    Ok(())
}

fn creation(id: &str) -> profile::CreateCustomerRequest {
    profile::CreateCustomerRequest {
        customer: Some(profile::Customer {
            contact_points: vec![build::email("ming@example.com")],
            ..build::person("王小明", id)
        }),
        request_id: build::request_id(),
        ..Default::default()
    }
}

fn purchase(customer: &str) -> interaction::RecordInteractionRequest {
    interaction::RecordInteractionRequest {
        interaction: Some(build::purchase(
            customer,
            "shop",
            "order-1",
            1_760_000_000,
            2_933,
        )),
        customer_key: None,
        request_id: build::request_id(),
    }
}

async fn create_customer(
    mut clients: Clients,
    request: profile::CreateCustomerRequest,
) -> Result<profile::Customer, Status> {
    Ok(clients
        .customers
        .create_customer(request)
        .await?
        .into_inner())
}

async fn record_interaction(
    mut clients: Clients,
    request: interaction::RecordInteractionRequest,
) -> Result<interaction::RecordInteractionResponse, Status> {
    Ok(clients
        .interactions
        .record_interaction(request)
        .await?
        .into_inner())
}

async fn create_segment(
    mut clients: Clients,
    request: segmentation::CreateSegmentRequest,
) -> Result<segmentation::Segment, Status> {
    Ok(clients.segments.create_segment(request).await?.into_inner())
}

async fn open_case(
    mut clients: Clients,
    request: feedback::OpenCaseRequest,
) -> Result<feedback::Case, Status> {
    Ok(clients.cases.open_case(request).await?.into_inner())
}
