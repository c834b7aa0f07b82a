//! One customer through all four services, over the contract.

use anyhow::{Context as _, ensure};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Refusal, Suite, build, cursor_of, on_both_backends};
use futures::stream;
use segmentation::watch_memberships_response::Item;
use tonic::{Code, Streaming};

on_both_backends!(
    a_customer_passes_through_all_four_services,
    a_membership_changes_once_per_transition,
    an_import_tells_row_and_column_and_converges,
    reports_follow_the_purchases,
);

async fn a_customer_passes_through_all_four_services(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let customer = create(
        &mut clients,
        profile::Customer {
            contact_points: vec![
                build::email("ming@example.com"),
                build::phone("+8613812345678"),
            ],
            tags: vec!["vip".to_owned()],
            ..build::person("王小明", "ming")
        },
    )
    .await?;

    let recorded = clients
        .interactions
        .record_interaction(interaction::RecordInteractionRequest {
            interaction: Some(build::purchase("", "shop", "order-1", 1_760_000_000, 2_933)),
            customer_key: Some(build::key("ming")),
            request_id: build::request_id(),
        })
        .await?;
    let cursor = cursor_of(&recorded);
    let recorded = recorded
        .into_inner()
        .interaction
        .context("the interaction")?;
    ensure!(
        recorded.customer == customer.name,
        "found by its external id"
    );

    clients.settle("interaction", &cursor).await?;
    let classes = clients
        .values
        .get_customer_classes(segmentation::GetCustomerClassesRequest {
            customer: customer.name.clone(),
        })
        .await?
        .into_inner();
    ensure!(classes.purchase_count == 1 && classes.purchase_total == Some(build::usd(2_933)));

    answer_a_survey(&mut clients, &customer.name).await?;
    close_a_case(&mut clients, &customer.name).await
}

async fn answer_a_survey(clients: &mut Clients, customer: &str) -> anyhow::Result<()> {
    let question = feedback::Question {
        question_id: "recommend".to_owned(),
        r#type: feedback::QuestionType::Nps.into(),
        text: "How likely are you to recommend us?".to_owned(),
        required: true,
    };
    let survey = feedback::Survey {
        display_name: "After the first order".to_owned(),
        questions: vec![question],
        ..feedback::Survey::default()
    };
    let request = feedback::CreateSurveyRequest {
        survey: Some(survey),
        ..Default::default()
    };
    let survey = clients
        .surveys
        .create_survey(request)
        .await?
        .into_inner()
        .name;
    let invite = feedback::CreateInvitationRequest {
        survey: survey.clone(),
        customer: customer.to_owned(),
        ..Default::default()
    };
    let early = Refusal::from_answer(clients.surveys.create_invitation(invite.clone()).await)?;
    ensure!(
        early.code == Code::FailedPrecondition,
        "nobody is invited to a draft"
    );

    let publish = feedback::PublishSurveyRequest {
        name: survey.clone(),
        ..Default::default()
    };
    clients.surveys.publish_survey(publish).await?;
    let invitation = clients
        .surveys
        .create_invitation(invite)
        .await?
        .into_inner();
    let submit = |score| feedback::SubmitResponseRequest {
        invitation: invitation.name.clone(),
        answers: vec![feedback::Answer {
            question_id: "recommend".to_owned(),
            value: Some(feedback::answer::Value::Score(score)),
        }],
        ..Default::default()
    };
    let first = clients
        .surveys
        .submit_response(submit(10))
        .await?
        .into_inner();
    let again = clients
        .surveys
        .submit_response(submit(10))
        .await?
        .into_inner();
    ensure!(
        first == again,
        "the same answers again give the first response back"
    );
    let other = Refusal::from_answer(clients.surveys.submit_response(submit(0)).await)?;
    ensure!(
        other.code == Code::FailedPrecondition,
        "an invitation is used once"
    );

    let request = feedback::GetSurveyReportRequest { survey };
    let report = clients
        .surveys
        .get_survey_report(request)
        .await?
        .into_inner();
    ensure!((report.invitation_count, report.response_count) == (1, 1));
    ensure!(
        report.questions[0].score == Some(100.0),
        "one promoter of one"
    );
    Ok(())
}

async fn close_a_case(clients: &mut Clients, customer: &str) -> anyhow::Result<()> {
    let case = feedback::Case {
        customer: customer.to_owned(),
        r#type: feedback::CaseType::Complaint.into(),
        subject: "包装破损".to_owned(),
        ..feedback::Case::default()
    };
    let request = feedback::OpenCaseRequest {
        case: Some(case),
        ..Default::default()
    };
    let name = clients.cases.open_case(request).await?.into_inner().name;
    let resolve = feedback::ResolveCaseRequest {
        name: name.clone(),
        resolution: "A new parcel was sent.".to_owned(),
        ..Default::default()
    };
    clients.cases.resolve_case(resolve).await?;
    let close = feedback::CloseCaseRequest {
        name: name.clone(),
        ..Default::default()
    };
    let refused = Refusal::from_answer(clients.cases.close_case(close.clone()).await)?;
    ensure!(
        refused.reason == "FAILED_PRECONDITION",
        "nobody was answered: {refused:?}"
    );
    let reply = feedback::ReplyToCaseRequest {
        name,
        text: "We are sorry; a new parcel is on its way.".to_owned(),
        ..Default::default()
    };
    clients.cases.reply_to_case(reply).await?;
    let closed = clients.cases.close_case(close).await?.into_inner();
    ensure!(closed.state() == feedback::CaseState::Closed && closed.replies.len() == 1);
    Ok(())
}

async fn a_membership_changes_once_per_transition(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let customer = create(&mut clients, build::person("李雷", "lei")).await?;
    let rule = r#"tags:"vip" AND count(purchase) >= 2"#;
    let request = segmentation::CreateSegmentRequest {
        segment: Some(build::segment("Loyal", rule)),
        ..Default::default()
    };
    let segment = clients
        .segments
        .create_segment(request)
        .await?
        .into_inner()
        .name;
    let mut watch = watch(&mut clients, &segment, "").await?;

    let second = buy(&mut clients, &customer.name, &["1", "2"]).await?;
    clients.settle("interaction", &second).await?;
    let tagged = tag(&mut clients, &customer.name, true).await?;
    clients.settle("profile", &tagged).await?;
    let third = buy(&mut clients, &customer.name, &["3"]).await?;
    clients.settle("interaction", &third).await?;
    let untagged = tag(&mut clients, &customer.name, false).await?;
    clients.settle("profile", &untagged).await?;

    let (enter, cursor) = next_change(&mut watch).await?;
    ensure!(
        enter.transition() == segmentation::Transition::Enter,
        "the tag made a member"
    );
    ensure!(enter.cause() == segmentation::MembershipCause::Customer);
    ensure!(enter.customer == customer.name && enter.segment == segment);
    let (exit, _) = next_change(&mut watch).await?;
    ensure!(
        exit.transition() == segmentation::Transition::Exit,
        "the third purchase changed nothing"
    );

    let mut resumed = self::watch(&mut clients, &segment, &cursor).await?;
    let (again, _) = next_change(&mut resumed).await?;
    ensure!(
        again == exit,
        "a resumed stream goes on right after its cursor"
    );
    Ok(())
}

async fn an_import_tells_row_and_column_and_converges(suite: Suite) -> anyhow::Result<()> {
    use profile::import_customers_response::Part;

    let mut clients = suite.clients()?;
    let file = "external_id.test,display_name,email,phone,region_code,birth_date,tags\n\
                a,\"Wang, Fang\",fang@example.com,13812345678,CN,1990-02-28,vip;new\n\
                b,Nobody,not-an-address,,CN,,\n\
                c,Somebody,,12,CN,1990-02-30,\n";
    for (pass, changed) in [("first", (1, 0)), ("second", (0, 1))] {
        let parts = import(&mut clients, file).await?;
        let mut errors: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::RowError(error) => Some((error.row, error.column.as_str())),
                Part::Columns(_) | Part::Progress(_) | Part::Summary(_) => None,
            })
            .collect();
        errors.sort_unstable();
        ensure!(
            errors == [(2, "email"), (3, "birth_date"), (3, "phone")],
            "{pass}: {errors:?}"
        );
        let Some(Part::Summary(summary)) = parts.last() else {
            anyhow::bail!("the summary comes last");
        };
        ensure!(summary.row_count == 3, "{pass}");
        ensure!(
            (summary.created_count, summary.unchanged_count) == changed,
            "{pass}"
        );
    }
    let request = profile::ListCustomersRequest {
        filter: r#"tags:"vip" AND region_code = "CN""#.to_owned(),
        ..Default::default()
    };
    let listed = clients
        .customers
        .list_customers(request)
        .await?
        .into_inner()
        .customers;
    ensure!(listed.len() == 1 && listed[0].display_name == "Wang, Fang");
    ensure!(
        listed[0]
            .contact_points
            .iter()
            .any(|point| point.normalized_value == "+8613812345678")
    );
    Ok(())
}

async fn reports_follow_the_purchases(suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let mut cursor = String::new();
    for (id, events) in [
        ("a", &["a1", "a2", "a3", "a4"][..]),
        ("b", &["b1"]),
        ("c", &[]),
    ] {
        let customer = create(&mut clients, build::person("Somebody", id)).await?;
        if !events.is_empty() {
            cursor = buy(&mut clients, &customer.name, events).await?;
        }
    }
    clients.settle("interaction", &cursor).await?;
    let request = segmentation::GetPurchaseReportRequest {};
    let report = clients
        .values
        .get_purchase_report(request)
        .await?
        .into_inner();
    ensure!(
        (
            report.customer_count,
            report.buyer_count,
            report.repeat_buyer_count
        ) == (3, 2, 1)
    );
    ensure!(report.purchase_count == 5 && report.purchase_total == Some(build::usd(5 * 2_950)));
    ensure!(report.average_order_value == Some(build::usd(2_950)));
    ensure!(report.repeat_purchase_rate_ppm == 500_000);

    let request = segmentation::GetValueMatrixRequest {};
    let matrix = clients.values.get_value_matrix(request).await?.into_inner();
    let counts: Vec<_> = matrix
        .cells
        .iter()
        .map(|cell| cell.customer_count)
        .collect();
    ensure!(
        counts == [1, 0, 0, 2],
        "four purchases of 118 USD in all are high value: {counts:?}"
    );

    let state = clients
        .progress
        .verify_state(segmentation::VerifyStateRequest {})
        .await?
        .into_inner();
    ensure!(state.difference_count == 0, "{:?}", state.differences);
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
    let answer = clients.customers.create_customer(request).await?;
    let cursor = cursor_of(&answer);
    clients.settle("profile", &cursor).await?;
    Ok(answer.into_inner())
}

/// Records a purchase of 29.50 USD for each event and answers the cursor of the last.
async fn buy(clients: &mut Clients, customer: &str, events: &[&str]) -> anyhow::Result<String> {
    let requests = events
        .iter()
        .map(|event| interaction::RecordInteractionRequest {
            interaction: Some(build::purchase(
                customer,
                "shop",
                event,
                1_760_000_000,
                2_950,
            )),
            ..Default::default()
        })
        .collect();
    let request = interaction::BatchRecordInteractionsRequest {
        requests,
        ..Default::default()
    };
    let answer = clients
        .interactions
        .batch_record_interactions(request)
        .await?;
    Ok(cursor_of(&answer))
}

async fn tag(clients: &mut Clients, customer: &str, on: bool) -> anyhow::Result<String> {
    let (name, tags) = (customer.to_owned(), vec!["vip".to_owned()]);
    let answer = if on {
        let request = profile::AddTagsRequest {
            name,
            tags,
            ..Default::default()
        };
        clients.customers.add_tags(request).await?
    } else {
        let request = profile::RemoveTagsRequest {
            name,
            tags,
            ..Default::default()
        };
        clients.customers.remove_tags(request).await?
    };
    Ok(cursor_of(&answer))
}

async fn import(
    clients: &mut Clients,
    file: &str,
) -> anyhow::Result<Vec<profile::import_customers_response::Part>> {
    use profile::import_customers_request::Part;

    let header = profile::ImportHeader {
        format: profile::ImportFormat::Csv.into(),
        default_region_code: "CN".to_owned(),
        ..Default::default()
    };
    let halves = file
        .as_bytes()
        .chunks(file.len() / 2 + 1)
        .map(|half| Part::Chunk(half.to_vec()));
    let parts: Vec<_> = std::iter::once(Part::Header(header))
        .chain(halves)
        .collect();
    let requests = parts
        .into_iter()
        .map(|part| profile::ImportCustomersRequest { part: Some(part) });
    let mut answers = clients
        .customers
        .import_customers(stream::iter(requests))
        .await?
        .into_inner();
    let mut told = Vec::new();
    while let Some(answer) = answers.message().await? {
        told.extend(answer.part);
    }
    Ok(told)
}

async fn watch(
    clients: &mut Clients,
    segment: &str,
    cursor: &str,
) -> anyhow::Result<Streaming<segmentation::WatchMembershipsResponse>> {
    let request = segmentation::WatchMembershipsRequest {
        cursor: cursor.to_owned(),
        include_snapshot: cursor.is_empty(),
        segment: segment.to_owned(),
    };
    Ok(clients
        .segments
        .watch_memberships(request)
        .await?
        .into_inner())
}

async fn next_change(
    watch: &mut Streaming<segmentation::WatchMembershipsResponse>,
) -> anyhow::Result<(segmentation::MembershipChange, String)> {
    loop {
        let message = watch.message().await?.context("the watch stream ended")?;
        match message.item.context("an item")? {
            Item::Change(change) => return Ok((change, message.cursor)),
            Item::Heartbeat(_) => {}
            Item::End(_) => anyhow::bail!("the stream ended on purpose"),
        }
    }
}
