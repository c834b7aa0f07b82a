//! Recording a stream.

use dossier_kernel::CustomerId;
use futures::stream::{self, StreamExt};
use tonic::Code;
use wire::ingest_result::Outcome;

use super::played_profile::{CUT_OFF, NOBODY, asked};
use super::*;

fn item(position: u64, interaction: wire::Interaction) -> wire::IngestInteractionsRequest {
    wire::IngestInteractionsRequest {
        position,
        interaction: Some(interaction),
        customer_key: None,
    }
}

async fn ingest(
    client: &mut Client,
    items: Vec<wire::IngestInteractionsRequest>,
) -> Vec<wire::IngestInteractionsResponse> {
    let answers = client
        .ingest_interactions(stream::iter(items))
        .await
        .expect("begins");
    answers
        .into_inner()
        .map(|answer| answer.expect("goes on"))
        .collect()
        .await
}

fn results(answers: &[wire::IngestInteractionsResponse]) -> Vec<wire::IngestResult> {
    answers
        .iter()
        .flat_map(|answer| answer.results.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_acknowledged_in_order_and_asks_for_each_customer_once() {
    const ITEMS: u64 = 3_000;
    let world = World::start().await;
    let mut client = world.client("many").await;
    let customers: Vec<CustomerId> = (0..20).map(|_| CustomerId::generate()).collect();
    let items = (0..ITEMS).map(|n| {
        let customer = customers[n as usize % customers.len()];
        item(n * 2, purchase(&format!("o-{n}"), customer, 1))
    });
    let items: Vec<_> = items.collect();
    let answers = ingest(&mut client, items.clone()).await;
    let results = results(&answers);
    let positions: Vec<u64> = results.iter().map(|result| result.position).collect();
    assert_eq!(positions, (0..ITEMS).map(|n| n * 2).collect::<Vec<_>>());
    assert!(results.iter().all(|result| !result.duplicate));
    assert!(answers.iter().all(|answer| !answer.cursor.is_empty()));
    // A few gathers may ask at the same time; what is known by then is not asked again.
    let asked = asked("many");
    assert!(
        asked.iter().sum::<usize>() <= customers.len() * 4,
        "{asked:?}"
    );

    // The same stream again, as after a break: every event is answered with what is there.
    let again = ingest(&mut client, items).await;
    for (again, first) in self::results(&again).iter().zip(results) {
        assert!(again.duplicate);
        assert!(again.outcome == first.outcome);
    }
    assert!(again.iter().all(|answer| answer.cursor.is_empty()));
    world.running.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_answered_in_its_place_and_the_stream_goes_on() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let customer = CustomerId::generate();
    let mut malformed = purchase("o 2", customer, 1);
    malformed.source.clear();
    let by_key = wire::IngestInteractionsRequest {
        customer_key: Some(key(customer)),
        ..item(
            5,
            wire::Interaction {
                customer: String::new(),
                ..purchase("o-5", customer, 1)
            },
        )
    };
    let items = vec![
        item(1, purchase("o-1", customer, 1)),
        item(2, malformed),
        item(3, purchase("o-3", NOBODY, 1)),
        wire::IngestInteractionsRequest {
            position: 4,
            ..Default::default()
        },
        by_key,
        item(6, purchase("o-1", NOBODY, 1)),
    ];
    let results = results(&ingest(&mut client, items).await);
    let error = |result: &wire::IngestResult| match &result.outcome {
        Some(Outcome::Error(error)) => Some((
            error.code,
            error.reason.clone(),
            error
                .violations
                .iter()
                .map(|v| v.field.clone())
                .collect::<Vec<_>>()
                .join(" "),
        )),
        _ => None,
    };
    let errors: Vec<_> = results.iter().map(error).collect();
    let invalid = |fields: &str| Some((3, "INVALID_ARGUMENT".to_owned(), fields.to_owned()));
    assert_eq!(
        errors,
        [
            None,
            invalid("interaction.source interaction.event_id"),
            Some((5, "NOT_FOUND".to_owned(), String::new())),
            invalid("interaction"),
            None,
            None,
        ]
    );
    // The event is known although its customer is not.
    assert!(results[5].duplicate && results[5].outcome == results[0].outcome);
    world.running.stop().await;
}

#[tokio::test]
async fn an_item_is_acknowledged_although_the_client_sends_no_other() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let (send, items) = futures::channel::mpsc::unbounded();
    let mut answers = client
        .ingest_interactions(items)
        .await
        .expect("begins")
        .into_inner();
    for n in 0..3_u64 {
        let one = item(n, purchase(&format!("o-{n}"), CustomerId::generate(), 1));
        send.unbounded_send(one).expect("is read");
        let answer = answers
            .message()
            .await
            .expect("goes on")
            .expect("an acknowledgement");
        assert_eq!(answer.results.len(), 1);
        assert_eq!(answer.results[0].position, n);
    }
    drop(send);
    assert!(answers.message().await.expect("ends in peace").is_none());
    world.running.stop().await;
}

#[tokio::test]
async fn where_profile_cannot_be_asked_the_stream_ends_and_says_to_retry() {
    let world = World::start().await;
    let mut client = world.client(CUT_OFF).await;
    let items = stream::iter([item(1, purchase("o-1", CustomerId::generate(), 1))]);
    let mut answers = client
        .ingest_interactions(items)
        .await
        .expect("begins")
        .into_inner();
    let ended = answers
        .message()
        .await
        .err()
        .expect("nothing is acknowledged");
    assert_eq!(
        (ended.code(), reason(&ended).as_str()),
        (Code::Unavailable, "UNAVAILABLE")
    );
    world.running.stop().await;
}

#[tokio::test]
async fn a_stop_ends_the_stream_after_what_was_read_is_acknowledged() {
    let world = World::start().await;
    let mut client = world.client("shop").await;
    let (send, items) = futures::channel::mpsc::unbounded();
    let mut answers = client
        .ingest_interactions(items)
        .await
        .expect("begins")
        .into_inner();
    send.unbounded_send(item(1, purchase("o-1", CustomerId::generate(), 1)))
        .expect("is read");
    assert!(answers.message().await.expect("goes on").is_some());
    let stopped = tokio::spawn(world.running.stop());
    let ended = loop {
        match answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended as if everything had been recorded"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    stopped.await.expect("stops");
}
