//! Four processes fit for production: what they do for each other over mutual TLS, and what a
//! stolen token is worth.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_kernel::{Principal, PrincipalKind, Role, TenantId};
use dossier_proto::access::v1::api_key_service_client::ApiKeyServiceClient;
use dossier_proto::access::v1::{ApiKey, CreateApiKeyRequest, RevokeApiKeyRequest};
use dossier_proto::feedback::v1::ListSurveysRequest;
use dossier_proto::feedback::v1::survey_service_client::SurveyServiceClient;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::{CreateCustomerRequest, Customer, ListCustomersRequest};
use dossier_proto::segmentation::v1::progress_service_client::ProgressServiceClient;
use dossier_proto::segmentation::v1::segment_service_client::SegmentServiceClient;
use dossier_proto::segmentation::v1::{
    AwaitProgressRequest, CreateSegmentRequest, ListMembersRequest,
};
use dossier_testkit::{Issued, build, cursor_of};
use tonic::{Code, Request};

use crate::installation::{Installation, SERVICES};

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_work_together_over_mutual_tls() -> anyhow::Result<()> {
    let mut installation = Installation::new()?;
    for service in SERVICES {
        let settings = installation.fit_for_production_alone(service);
        installation.start(service, &settings).await?;
    }
    segmentation_follows_a_write(&installation).await?;
    a_stolen_token_opens_nothing(&installation).await?;
    an_api_key_is_known_everywhere(&installation).await
}

async fn segmentation_follows_a_write(installation: &Installation) -> anyhow::Result<()> {
    let admin = installation.admin()?;
    let segmentation = installation.wire("segmentation", &admin, None)?;
    let mut segments = SegmentServiceClient::new(segmentation.clone());
    let segment = CreateSegmentRequest {
        segment: Some(build::segment("Very important", "tags:\"vip\"")),
        request_id: build::request_id(),
        ..CreateSegmentRequest::default()
    };
    let segment = segments.create_segment(segment).await?.into_inner().name;
    let mut customers = CustomerServiceClient::new(installation.wire("profile", &admin, None)?);
    let request = CreateCustomerRequest {
        customer: Some(Customer {
            tags: vec!["vip".to_owned()],
            ..build::person("Wang Fang", "1")
        }),
        request_id: build::request_id(),
        ..CreateCustomerRequest::default()
    };
    let made = customers.create_customer(request).await?;
    let cursors = [("profile".to_owned(), cursor_of(&made))].into();
    let mut wait = Request::new(AwaitProgressRequest { cursors });
    wait.set_timeout(Duration::from_secs(60));
    ProgressServiceClient::new(segmentation)
        .await_progress(wait)
        .await?;
    let members = ListMembersRequest {
        segment,
        ..ListMembersRequest::default()
    };
    let members = segments.list_members(members).await?.into_inner();
    let names: Vec<_> = members
        .memberships
        .iter()
        .map(|one| &one.customer)
        .collect();
    ensure!(names == [&made.into_inner().name], "{names:?}");
    Ok(())
}

async fn a_stolen_token_opens_nothing(installation: &Installation) -> anyhow::Result<()> {
    let principal = Principal {
        kind: PrincipalKind::Service,
        id: "segmentation".to_owned(),
    };
    let tenant = TenantId::embedded_default();
    let stolen = installation.token(principal, &[Role::Service], &tenant)?;
    let list = async |identity: Option<Issued>| {
        let wire = installation.wire("profile", &stolen, identity.as_ref())?;
        let list = ListCustomersRequest::default();
        let answer = CustomerServiceClient::new(wire).list_customers(list).await;
        anyhow::Ok(answer.err().map_or(Code::Ok, |status| status.code()))
    };
    ensure!(list(Some(installation.issued("segmentation"))).await? == Code::Ok);
    ensure!(
        list(None).await? == Code::Unauthenticated,
        "without a certificate"
    );
    let another = Some(installation.issued("feedback"));
    ensure!(
        list(another).await? == Code::Unauthenticated,
        "with another's"
    );
    Ok(())
}

async fn an_api_key_is_known_everywhere(installation: &Installation) -> anyhow::Result<()> {
    let admin = installation.admin()?;
    let mut keys = ApiKeyServiceClient::new(installation.wire("profile", &admin, None)?);
    let (now, _) = dossier_kernel::Clock::system().now().to_secs_nanos();
    let create = CreateApiKeyRequest {
        api_key: Some(ApiKey {
            display_name: "survey terminal".to_owned(),
            roles: vec!["viewer".to_owned()],
            expire_time: Some(prost_types::Timestamp {
                seconds: now + 3_600,
                nanos: 0,
            }),
            ..ApiKey::default()
        }),
        request_id: build::request_id(),
    };
    let made = keys.create_api_key(create).await?.into_inner();
    // Feedback asks profile whom the key speaks for.
    let mut surveys =
        SurveyServiceClient::new(installation.wire("feedback", &made.key_text, None)?);
    surveys.list_surveys(ListSurveysRequest::default()).await?;
    let revoke = RevokeApiKeyRequest {
        name: made.api_key.context("a key")?.name,
        request_id: build::request_id(),
    };
    keys.revoke_api_key(revoke).await?;
    // Profile was not called with the key before, so that no answer is remembered there.
    let mut customers =
        CustomerServiceClient::new(installation.wire("profile", &made.key_text, None)?);
    let refused = customers
        .list_customers(ListCustomersRequest::default())
        .await;
    let code = refused.err().map(|status| status.code());
    ensure!(code == Some(Code::Unauthenticated), "revoked: {code:?}");
    Ok(())
}
