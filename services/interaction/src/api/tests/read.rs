//! Timelines and summaries.

use dossier_kernel::CustomerId;
use tonic::Code;

use super::*;

async fn world_with_purchases(customer: CustomerId) -> (World, Client) {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    for n in 0..5_i64 {
        let mut one = purchase(&format!("o-{n}"), customer, 1_050);
        one.occur_time = Some(prost_types::Timestamp {
            seconds: 900_000_000 + n,
            nanos: 0,
        });
        one.channel = if n < 2 { "web".into() } else { String::new() };
        client
            .record_interaction(record(one))
            .await
            .expect("recorded");
    }
    client
        .record_interaction(record(purchase("o-9", CustomerId::generate(), 1)))
        .await
        .expect("recorded");
    (world, client)
}

#[tokio::test]
async fn a_timeline_is_read_page_by_page_newest_first() {
    let customer = CustomerId::generate();
    let (world, mut client) = world_with_purchases(customer).await;
    let mut request = wire::ListInteractionsRequest {
        customer: customer.to_name(),
        page_size: 2,
        filter: "kind = PURCHASE".into(),
        ..Default::default()
    };
    let mut events = Vec::new();
    loop {
        let page = client
            .list_interactions(request.clone())
            .await
            .expect("a page")
            .into_inner();
        events.extend(
            page.interactions
                .into_iter()
                .map(|interaction| interaction.event_id),
        );
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(events, ["o-4", "o-3", "o-2", "o-1", "o-0"]);

    let all = client
        .list_interactions(wire::ListInteractionsRequest::default())
        .await;
    assert_eq!(all.expect("all").into_inner().interactions.len(), 6);
    let mut foreign = world.client("other").await;
    request.page_token.clear();
    let nothing = foreign
        .list_interactions(request)
        .await
        .expect("nothing")
        .into_inner();
    assert!(nothing.interactions.is_empty());
    world.running.stop().await;
}

#[tokio::test]
async fn pages_of_long_emails_are_small_messages_and_hold_every_one_once() {
    let (world, customer) = (World::start().await, CustomerId::generate());
    // As any client: it refuses messages of more than 4 MiB.
    let mut client = world.client("shop").await;
    let mut recorded = Vec::new();
    for n in 0..40 {
        let email = wire::Email {
            subject: "Re: 客户".into(),
            body: "客".repeat(if n % 4 == 0 { 10 } else { 65_536 }),
        };
        let one = wire::Interaction {
            details: Some(Details::Email(email)),
            ..purchase(&format!("m-{n}"), customer, 0)
        };
        client
            .record_interaction(record(one))
            .await
            .expect("recorded");
        recorded.push(format!("m-{n}"));
    }
    for (of, order_by) in [
        (customer.to_name(), ""),
        (String::new(), "create_time desc"),
    ] {
        let mut request = wire::ListInteractionsRequest {
            customer: of,
            page_size: 1_000,
            order_by: order_by.into(),
            ..Default::default()
        };
        let mut listed = Vec::new();
        let mut pages = 0;
        loop {
            let page = client.list_interactions(request.clone()).await;
            let page = page.expect("a page").into_inner();
            assert!(!page.interactions.is_empty());
            listed.extend(page.interactions.into_iter().map(|one| one.event_id));
            pages += 1;
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        listed.reverse();
        assert_eq!(listed, recorded);
        assert_eq!(pages, 3);
    }
    world.running.stop().await;
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_with_their_field() {
    let customer = CustomerId::generate();
    let (world, mut client) = world_with_purchases(customer).await;
    let ask = wire::ListInteractionsRequest::default;
    let page = client.list_interactions(wire::ListInteractionsRequest {
        page_size: 1,
        ..ask()
    });
    let token = page.await.expect("a page").into_inner().next_page_token;
    for (request, field, wanted) in [
        (
            wire::ListInteractionsRequest {
                filter: "color = RED".into(),
                ..ask()
            },
            "filter",
            "INVALID_FILTER",
        ),
        (
            wire::ListInteractionsRequest {
                order_by: "kind".into(),
                ..ask()
            },
            "order_by",
            "INVALID_FILTER",
        ),
        (
            wire::ListInteractionsRequest {
                customer: "x".into(),
                ..ask()
            },
            "customer",
            "INVALID_ARGUMENT",
        ),
        (
            wire::ListInteractionsRequest {
                page_size: -1,
                ..ask()
            },
            "page_size",
            "INVALID_ARGUMENT",
        ),
        (
            wire::ListInteractionsRequest {
                page_token: token,
                order_by: "create_time".into(),
                ..ask()
            },
            "page_token",
            "INVALID_ARGUMENT",
        ),
    ] {
        let refused = client.list_interactions(request).await.err().expect(field);
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(
            (reason(&refused).as_str(), violated(&refused)),
            (wanted, vec![field.into()])
        );
    }
    let window = wire::GetActivitySummaryRequest {
        customer: customer.to_name(),
        window_days: -1,
    };
    let refused = client
        .get_activity_summary(window)
        .await
        .err()
        .expect("negative");
    assert_eq!(violated(&refused), ["window_days"]);
    world.running.stop().await;
}

#[tokio::test]
async fn a_summary_counts_and_sums_exactly() {
    let customer = CustomerId::generate();
    let (world, mut client) = world_with_purchases(customer).await;
    let ask = |window_days| wire::GetActivitySummaryRequest {
        customer: customer.to_name(),
        window_days,
    };
    let summary = client
        .get_activity_summary(ask(0))
        .await
        .expect("a summary")
        .into_inner();
    assert_eq!((summary.interaction_count, summary.purchase_count), (5, 5));
    assert_eq!(
        summary.first_occur_time.map(|at| at.seconds),
        Some(900_000_000)
    );
    assert_eq!(
        summary.last_purchase_time.map(|at| at.seconds),
        Some(900_000_004)
    );
    let total = &summary.purchase_totals[0];
    assert_eq!(
        (total.currency_code.as_str(), total.units, total.nanos),
        ("USD", 52, 500_000_000)
    );
    assert_eq!(summary.channels[0].interaction_count, 2);
    assert_eq!(summary.kinds.len(), 1);

    // All of it lies decades back.
    let recent = client
        .get_activity_summary(ask(365))
        .await
        .expect("a summary")
        .into_inner();
    let nothing = wire::ActivitySummary {
        customer: customer.to_name(),
        ..Default::default()
    };
    assert!(recent == nothing);
    world.running.stop().await;
}

#[tokio::test]
async fn words_are_masked_for_those_who_may_not_see_them() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let call = wire::Call {
        duration_seconds: 90,
        outcome: "answered".into(),
        notes: "asked for Ada".into(),
    };
    let said = wire::Interaction {
        details: Some(Details::Call(call.clone())),
        ..purchase("c-1", CustomerId::generate(), 1)
    };
    let recorded = client.record_interaction(record(said)).await;
    let recorded = recorded.expect("recorded").into_inner().interaction;
    let recorded = recorded.expect("an interaction");
    assert!(recorded.masked_fields.is_none());

    let tenant = TenantId::parse("shop").expect("a tenant");
    let kind = PrincipalKind::Person;
    let mut analyst = world.client_of(tenant, kind, Role::Analyst).await;
    let request = wire::GetInteractionRequest {
        name: recorded.name.clone(),
    };
    let seen = analyst.get_interaction(request).await.expect("read");
    let seen = seen.into_inner();
    let unseen = wire::Call {
        notes: String::new(),
        ..call
    };
    assert!(seen.details == Some(Details::Call(unseen)));
    assert_eq!(seen.masked_fields.expect("masked").paths, ["call.notes"]);
    let page = analyst.list_interactions(wire::ListInteractionsRequest::default());
    let page = page.await.expect("a page").into_inner();
    assert!(page.interactions[0].masked_fields.is_some());
    world.running.stop().await;
}
