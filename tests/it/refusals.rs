//! Each way of being refused: the right code, reason and words.

use anyhow::{Context as _, ensure};
use dossier_kernel::{Role, TenantId};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Refusal, Suite, build, on_both_backends};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Request};

on_both_backends!(
    a_stale_etag_is_told_the_current_one,
    an_unknown_filter_field_is_named_with_the_known_ones,
    bad_fields_are_told_all_at_once_without_their_values,
    another_tenants_customer_looks_like_none,
    no_token_a_bad_token_and_a_weak_role_are_refused,
    a_passed_deadline_changes_nothing,
    a_message_over_the_limit_is_told_the_limit,
    an_identifier_that_is_taken_names_its_owner,
);

async fn a_stale_etag_is_told_the_current_one(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let created = create(&mut clients, build::person("王小明", "ming")).await?;
    let update = |etag: &str, language: &str| {
        let customer = profile::Customer {
            name: created.name.clone(),
            etag: etag.to_owned(),
            language_code: language.to_owned(),
            ..Default::default()
        };
        let request = profile::UpdateCustomerRequest {
            customer: Some(customer),
            ..Default::default()
        };
        let mut customers = clients.customers.clone();
        async move { customers.update_customer(request).await }
    };
    let current = update(&created.etag, "zh-CN").await?.into_inner();
    ensure!(current.etag != created.etag, "every write makes a new etag");
    let refused = Refusal::from_answer(update(&created.etag, "en").await)?;
    ensure!(refused.code == Code::Aborted, "{refused:?}");
    ensure!(
        refused.reason == "ETAG_MISMATCH" && refused.domain == "dossier",
        "{refused:?}"
    );
    ensure!(
        refused.metadata.get("etag") == Some(&current.etag),
        "{refused:?}"
    );
    update(&current.etag, "en").await?;
    update("", "de").await?;
    Ok(())
}

async fn an_unknown_filter_field_is_named_with_the_known_ones(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let filter = r#"region_code = "CN" AND shoe_size = 43"#.to_owned();
    let request = profile::ListCustomersRequest {
        filter,
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.customers.list_customers(request).await)?;
    check_filter(&refused, "filter", &["shoe_size", "birth_date"])?;

    let request = interaction::ListInteractionsRequest {
        filter: "kind = ".to_owned(),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.interactions.list_interactions(request).await)?;
    check_filter(&refused, "filter", &[])?;

    let segment = build::segment("Broken", "count(purchases) >= 2");
    let request = segmentation::CreateSegmentRequest {
        segment: Some(segment),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.segments.create_segment(request).await)?;
    check_filter(&refused, "segment.rule", &["count(purchase"])
}

fn check_filter(refused: &Refusal, field: &str, words: &[&str]) -> anyhow::Result<()> {
    ensure!(refused.code == Code::InvalidArgument, "{refused:?}");
    ensure!(refused.reason == "INVALID_FILTER", "{refused:?}");
    ensure!(refused.fields() == [field], "{refused:?}");
    let description = &refused.violations[0].1;
    ensure!(
        words.iter().all(|word| description.contains(word)),
        "{words:?} in {description}"
    );
    Ok(())
}

async fn bad_fields_are_told_all_at_once_without_their_values(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let customer = profile::Customer {
        region_code: "China".to_owned(),
        contact_points: vec![
            build::email("good@example.com"),
            build::email("secret-not-mail"),
        ],
        ..build::person("王小明", "ming")
    };
    let request = profile::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.customers.create_customer(request).await)?;
    ensure!(refused.code == Code::InvalidArgument, "{refused:?}");
    ensure!(
        refused.reason == "INVALID_ARGUMENT" && refused.domain == "dossier",
        "{refused:?}"
    );
    let mut fields = refused.fields();
    fields.sort_unstable();
    ensure!(
        fields == ["customer.contact_points[1].value", "customer.region_code"],
        "{refused:?}"
    );
    ensure!(
        !format!("{refused:?}").contains("secret"),
        "the value is repeated: {refused:?}"
    );
    Ok(())
}

async fn another_tenants_customer_looks_like_none(suite: Suite) -> anyhow::Result<()> {
    let mut ours = suite.clients()?;
    let customer = create(&mut ours, build::person("王小明", "ming")).await?;
    let mut theirs = suite.clients_as(&[Role::Admin], &TenantId::parse("somebody-else")?)?;

    let get = |name: &str| profile::GetCustomerRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let nobody = format!("customers/{}", uuid::Uuid::now_v7());
    let none = Refusal::from_answer(theirs.customers.get_customer(get(&nobody)).await)?;
    let foreign = Refusal::from_answer(theirs.customers.get_customer(get(&customer.name)).await)?;
    ensure!(
        foreign.code == Code::NotFound && foreign.reason == "NOT_FOUND",
        "{foreign:?}"
    );
    let words = |refusal: &Refusal, name: &str| refusal.message.replace(name, "customers/x");
    ensure!(
        words(&foreign, &customer.name) == words(&none, &nobody),
        "another tenant's customer must look like none: {foreign:?}, {none:?}"
    );

    let delete = profile::DeleteCustomerRequest {
        name: customer.name.clone(),
        ..Default::default()
    };
    let refused = Refusal::from_answer(theirs.customers.delete_customer(delete).await)?;
    ensure!(refused.code == Code::NotFound, "{refused:?}");
    let record = interaction::RecordInteractionRequest {
        interaction: Some(build::purchase(
            &customer.name,
            "shop",
            "1",
            1_760_000_000,
            100,
        )),
        ..Default::default()
    };
    let refused = Refusal::from_answer(theirs.interactions.record_interaction(record).await)?;
    ensure!(refused.code == Code::NotFound, "{refused:?}");
    let case = feedback::Case {
        customer: customer.name.clone(),
        r#type: feedback::CaseType::Question.into(),
        subject: "?".to_owned(),
        ..Default::default()
    };
    let open = feedback::OpenCaseRequest {
        case: Some(case),
        ..Default::default()
    };
    let refused = Refusal::from_answer(theirs.cases.open_case(open).await)?;
    ensure!(refused.code == Code::NotFound, "{refused:?}");

    let listed = theirs
        .customers
        .list_customers(profile::ListCustomersRequest::default())
        .await?;
    ensure!(listed.into_inner().customers.is_empty());
    let keys = vec![build::key("ming")];
    let found = theirs
        .customers
        .lookup_customers(profile::LookupCustomersRequest {
            keys,
            ..Default::default()
        });
    ensure!(found.await?.into_inner().results[0].customer.is_empty());
    let kept = ours
        .customers
        .get_customer(get(&customer.name))
        .await?
        .into_inner();
    ensure!(kept == customer, "the refused calls changed nothing");
    Ok(())
}

async fn no_token_a_bad_token_and_a_weak_role_are_refused(suite: Suite) -> anyhow::Result<()> {
    let list = profile::ListCustomersRequest::default;
    let mut strangers = suite.strangers()?;
    let refused = Refusal::from_answer(strangers.customers.list_customers(list()).await)?;
    ensure!(refused.code == Code::Unauthenticated, "{refused:?}");
    ensure!(
        refused.reason == "UNAUTHENTICATED" && refused.message.contains("authorization"),
        "{refused:?}"
    );

    let good = suite.token(&[Role::Admin], suite.tenant())?;
    let (head, signature) = good.rsplit_once('.').context("a token has a signature")?;
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [forged.as_str(), head, "x"] {
        let mut forger = Clients::new(&suite.addresses(), token)?;
        let refused = Refusal::from_answer(forger.customers.list_customers(list()).await)?;
        ensure!(refused.code == Code::Unauthenticated, "{refused:?}");
        ensure!(
            !refused.message.contains(token),
            "a refusal repeats no token"
        );
    }

    let mut viewer = suite.clients_as(&[Role::Viewer], suite.tenant())?;
    viewer.customers.list_customers(list()).await?;
    let create = profile::CreateCustomerRequest {
        customer: Some(build::person("王小明", "ming")),
        ..Default::default()
    };
    let refused = Refusal::from_answer(viewer.customers.create_customer(create).await)?;
    ensure!(
        refused.code == Code::PermissionDenied && refused.reason == "PERMISSION_DENIED",
        "{refused:?}"
    );
    let permission = refused.metadata.get("permission").map(String::as_str);
    ensure!(permission == Some("profile.customers.write"), "{refused:?}");
    Ok(())
}

/// tonic's own client watches the clock too and answers first; hyper's leaves it to the server.
async fn a_passed_deadline_changes_nothing(suite: Suite) -> anyhow::Result<()> {
    let token = suite.token(&[Role::Admin], suite.tenant())?;
    let plain = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let wire = InterceptedService::new(plain, dossier_testkit::Bearer::new(&token)?);
    let origin = suite.addresses()[0].parse()?;
    let mut customers = CustomerServiceClient::with_origin(wire, origin);
    let mut request = Request::new(profile::CreateCustomerRequest {
        customer: Some(build::person("王小明", "ming")),
        ..Default::default()
    });
    request.metadata_mut().insert("grpc-timeout", "1n".parse()?);
    let refused = Refusal::from_answer(customers.create_customer(request).await)?;
    ensure!(refused.code == Code::DeadlineExceeded, "{refused:?}");
    ensure!(refused.reason == "DEADLINE_EXCEEDED", "{refused:?}");
    let listed = customers
        .list_customers(profile::ListCustomersRequest::default())
        .await?;
    ensure!(
        listed.into_inner().customers.is_empty(),
        "a late write was committed"
    );
    Ok(())
}

async fn a_message_over_the_limit_is_told_the_limit(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let huge = build::person(&"x".repeat(5 * 1024 * 1024), "huge");
    let request = profile::CreateCustomerRequest {
        customer: Some(huge),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.customers.create_customer(request).await)?;
    ensure!(
        refused.code == Code::OutOfRange && refused.reason == "LIMIT_EXCEEDED",
        "{refused:?}"
    );
    ensure!(refused.metadata.contains_key("limit"), "{refused:?}");
    create(&mut clients, build::person("王小明", "ming")).await?;
    Ok(())
}

async fn an_identifier_that_is_taken_names_its_owner(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let owner = create(&mut clients, build::person("王小明", "ming")).await?;
    let request = profile::CreateCustomerRequest {
        customer: Some(build::person("李雷", "ming")),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.customers.create_customer(request).await)?;
    ensure!(
        refused.code == Code::AlreadyExists && refused.reason == "ALREADY_EXISTS",
        "{refused:?}"
    );
    ensure!(
        refused.metadata.get("resource") == Some(&owner.name),
        "{refused:?}"
    );
    Ok(())
}

async fn create(
    clients: &mut Clients,
    customer: profile::Customer,
) -> anyhow::Result<profile::Customer> {
    let request = profile::CreateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    Ok(clients
        .customers
        .create_customer(request)
        .await?
        .into_inner())
}
