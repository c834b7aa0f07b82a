//! Recording one by one and in batches.

use dossier_kernel::CustomerId;
use tonic::Code;
use uuid::Uuid;

use super::played_profile::{CUT_OFF, NOBODY, asked};
use super::*;

#[tokio::test]
async fn what_is_recorded_is_answered_with_its_name_kind_and_cursor() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let customer = CustomerId::generate();
    let request = record(wire::Interaction {
        channel: "hotline".into(),
        direction: wire::Direction::Inbound.into(),
        details: Some(Details::Call(wire::Call {
            duration_seconds: 65,
            outcome: "answered".into(),
            notes: "王小明 asked for a refund".into(),
        })),
        ..purchase("call-1", customer, 0)
    });
    let sent = request.interaction.clone().expect("there");
    let answer = client.record_interaction(request).await.expect("recorded");
    assert!(answer.metadata().get("dossier-cursor").is_some());
    let answer = answer.into_inner();
    assert!(!answer.duplicate);
    let recorded = answer.interaction.expect("the interaction");
    assert!(recorded.kind() == wire::InteractionKind::Call);
    assert_eq!(recorded.name, format!("interactions/{}", recorded.uid));
    let wanted = wire::Interaction {
        name: recorded.name.clone(),
        uid: recorded.uid.clone(),
        etag: recorded.etag.clone(),
        create_time: recorded.create_time,
        kind: recorded.kind,
        ..sent
    };
    assert!(recorded == wanted);

    let get = wire::GetInteractionRequest {
        name: recorded.name.clone(),
    };
    assert!(
        client
            .get_interaction(get.clone())
            .await
            .expect("found")
            .into_inner()
            == recorded
    );
    let mut foreign = world.client("other").await;
    let refused = foreign
        .get_interaction(get)
        .await
        .err()
        .expect("another tenant's");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::NotFound, "NOT_FOUND")
    );
    world.running.stop().await;
}

#[tokio::test]
async fn everything_wrong_is_said_at_once_with_its_path() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let bad = wire::Interaction {
        customer: "customers/x".into(),
        source: "My Shop".into(),
        occur_time: None,
        direction: 9,
        details: Some(Details::Purchase(wire::Purchase {
            amount: Some(common::Money {
                currency_code: "usd".into(),
                units: 1,
                nanos: 0,
            }),
            lines: vec![wire::PurchaseLine::default()],
            ..Default::default()
        })),
        ..purchase("", NOBODY, 0)
    };
    let refused = client
        .record_interaction(record(bad))
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut fields = violated(&refused);
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "interaction.customer",
            "interaction.direction",
            "interaction.event_id",
            "interaction.occur_time",
            "interaction.purchase.amount.currency_code",
            "interaction.purchase.lines[0].amount",
            "interaction.purchase.lines[0].product_id",
            "interaction.purchase.lines[0].quantity",
            "interaction.source",
        ]
    );
    let nothing = wire::RecordInteractionRequest::default();
    let refused = client
        .record_interaction(nothing)
        .await
        .err()
        .expect("refused");
    assert_eq!(violated(&refused), ["interaction"]);
    world.running.stop().await;
}

#[tokio::test]
async fn the_same_event_is_answered_with_what_was_recorded_first() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let customer = CustomerId::generate();
    let first = client
        .record_interaction(record(purchase("o-1", customer, 100)))
        .await;
    let first = first
        .expect("recorded")
        .into_inner()
        .interaction
        .expect("there");
    // Another body and even a customer nobody knows: the event decides.
    for other in [
        purchase("o-1", CustomerId::generate(), 200),
        purchase("o-1", NOBODY, 1),
    ] {
        let again = client
            .record_interaction(record(other))
            .await
            .expect("a duplicate");
        assert!(again.metadata().get("dossier-cursor").is_some());
        let again = again.into_inner();
        assert!(again.duplicate);
        assert!(again.interaction.expect("there") == first);
    }
    world.running.stop().await;
}

#[tokio::test]
async fn one_request_id_has_one_effect_and_one_answer_also_after_a_restart() {
    let world = World::start().await;
    let client = world.client("shop").await;
    let request = wire::RecordInteractionRequest {
        request_id: Uuid::new_v4().to_string(),
        ..record(purchase("o-1", CustomerId::generate(), 100))
    };
    let asked_at_once = (0..50).map(|_| {
        let (mut client, request) = (client.clone(), request.clone());
        async move {
            client
                .record_interaction(request)
                .await
                .expect("recorded")
                .into_inner()
        }
    });
    let answers = futures::future::join_all(asked_at_once).await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && !answer.duplicate)
    );

    let world = world.restart().await;
    let mut client = world.client("shop").await;
    let again = client
        .record_interaction(request.clone())
        .await
        .expect("replayed")
        .into_inner();
    assert!(again == answers[0]);
    let other = wire::RecordInteractionRequest {
        request_id: request.request_id,
        ..record(purchase("o-2", CustomerId::generate(), 100))
    };
    let refused = client
        .record_interaction(other)
        .await
        .err()
        .expect("another body");
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
    world.running.stop().await;
}

#[tokio::test]
async fn customers_are_known_by_name_or_identifier_and_nobody_is_not_found() {
    let world = World::start().await;
    let mut client = world.client("keys").await;
    let customer = CustomerId::generate();
    let by_key = |event_id: &str, key| wire::RecordInteractionRequest {
        interaction: Some(wire::Interaction {
            customer: String::new(),
            ..purchase(event_id, customer, 1)
        }),
        customer_key: Some(key),
        request_id: String::new(),
    };
    for event_id in ["o-1", "o-2"] {
        let answer = client
            .record_interaction(by_key(event_id, key(customer)))
            .await;
        let recorded = answer
            .expect("recorded")
            .into_inner()
            .interaction
            .expect("there");
        assert_eq!(recorded.customer, customer.to_name());
    }
    assert_eq!(asked("keys"), [1], "what is known is not asked again");

    let missing = by_key("o-3", key(NOBODY));
    for _ in 0..2 {
        let refused = client
            .record_interaction(missing.clone())
            .await
            .err()
            .expect("nobody");
        assert_eq!(refused.code(), Code::NotFound);
        assert!(!refused.message().contains(&NOBODY.to_string()));
    }
    assert_eq!(
        asked("keys"),
        [1, 1, 1],
        "who is not there may be made at any moment"
    );

    let refused = client
        .record_interaction(record(purchase("o-4", NOBODY, 1)))
        .await;
    let details = refused
        .err()
        .expect("nobody")
        .get_details_error_info()
        .expect("an ErrorInfo");
    assert_eq!(details.metadata.get("resource"), Some(&NOBODY.to_name()));

    let both = wire::RecordInteractionRequest {
        customer_key: Some(key(customer)),
        ..record(purchase("o-5", customer, 1))
    };
    let refused = client
        .record_interaction(both)
        .await
        .err()
        .expect("one of them");
    assert_eq!(violated(&refused), ["customer_key"]);
    world.running.stop().await;
}

#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let world = World::start().await;
    let mut client = world.client("batch").await;
    let batch = |requests| wire::BatchRecordInteractionsRequest {
        requests,
        request_id: Uuid::new_v4().to_string(),
    };
    let good = |event_id: &str| record(purchase(event_id, CustomerId::generate(), 1));

    let refused = client
        .batch_record_interactions(batch(vec![
            good("o-1"),
            record(purchase("o-2", NOBODY, 1)),
            record(purchase("o-3", NOBODY, 1)),
        ]))
        .await;
    let refused = refused.err().expect("two are nobody's");
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(
        violated(&refused),
        [
            "requests[1].interaction.customer",
            "requests[2].interaction.customer"
        ]
    );

    let mut named = good("o-4");
    named.request_id = Uuid::new_v4().to_string();
    let refused = client
        .batch_record_interactions(batch(vec![good(" "), named]))
        .await;
    assert_eq!(
        violated(&refused.err().expect("two are malformed")),
        ["requests[0].interaction.event_id", "requests[1].request_id"]
    );

    let many = (0..501).map(|n| good(&format!("o-{n}"))).collect();
    let refused = client
        .batch_record_interactions(batch(many))
        .await
        .err()
        .expect("too many");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::OutOfRange, "LIMIT_EXCEEDED")
    );

    let all = batch(vec![good("o-1"), good("o-5"), good("o-1")]);
    let answer = client
        .batch_record_interactions(all.clone())
        .await
        .expect("recorded");
    let responses = answer.into_inner().responses;
    assert_eq!(
        responses
            .iter()
            .map(|one| one.duplicate)
            .collect::<Vec<_>>(),
        [false, false, true]
    );
    assert!(responses[0].interaction == responses[2].interaction);
    let again = client
        .batch_record_interactions(all)
        .await
        .expect("replayed")
        .into_inner();
    assert!(again.responses == responses);
    world.running.stop().await;
}

#[tokio::test]
async fn without_profile_nothing_new_is_recorded_and_a_retry_is_told() {
    let world = World::start().await;
    let mut client = world.client(CUT_OFF).await;
    let refused = client
        .record_interaction(record(purchase("o-1", NOBODY, 1)))
        .await;
    let refused = refused.err().expect("profile cannot be asked");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "UNAVAILABLE")
    );
    world.running.stop().await;
}
