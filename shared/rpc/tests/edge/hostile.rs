//! Peers that mean harm, or are broken as if they did: the server survives them, and honest callers
//! are served meanwhile and afterwards.

use std::time::{Duration, Instant};

use dossier_kernel::Role;
use tonic::Code;

use crate::details::refused;
use crate::echo::{Ask, SAY};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, Wire,
    call, frame, literal,
};
use crate::rig::Rig;

const SHORT: Duration = Duration::from_millis(200);

/// An honest caller on a connection of their own is answered, and soon.
async fn an_honest_caller_is_served(rig: &Rig) {
    let mut client = rig.client().await;
    for _ in 0..20 {
        let begun = Instant::now();
        client.say("x").await.expect("served");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

/// Sends the same bytes again and again, never reading, until the server does not take any more.
async fn flood(rig: &Rig, bytes: &[u8], bytes_max: usize) -> Wire {
    let mut wire = Wire::open(rig.address).await;
    let many = bytes.repeat(64 * 1_024 / bytes.len());
    for _ in 0..bytes_max / many.len() {
        if !wire.send(&many).await {
            break;
        }
    }
    wire
}

#[tokio::test]
async fn floods_of_pings_and_settings_hold_up_nobody() {
    let rig = Rig::start().await;
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[0, 3, 0, 0, 0, 1][..])] {
        let one = frame(kind, 0, 0, payload);
        let flood = flood(&rig, &one, 8 << 20);
        let (wire, ()) = tokio::join!(flood, an_honest_caller_is_served(&rig));
        drop(wire);
    }
    an_honest_caller_is_served(&rig).await;
}

#[tokio::test]
async fn headers_without_an_end_are_cut() {
    let rig = Rig::start().await;
    let mut wire = Wire::open(rig.address).await;
    let begin = frame(HEADERS, 0, 1, &call(SAY, &rig.token(Role::Admin)));
    assert!(wire.send(&begin).await);
    let more = frame(CONTINUATION, 0, 1, &literal("x-more", "and more")).repeat(100);
    // 2 MB of headers are many times what is read.
    for _ in 0..1_000 {
        if !wire.send(&more).await {
            break;
        }
    }
    wire.closed().await;
    an_honest_caller_is_served(&rig).await;
}

#[tokio::test]
async fn calls_made_to_be_reset_end_the_connection() {
    let rig = Rig::start().await;
    let headers = call(SAY, &rig.token(Role::Admin));
    let mut wire = Wire::open(rig.address).await;
    let attack = async {
        for stream in (1..40_000_u32).step_by(2) {
            let mut pair = frame(HEADERS, END_HEADERS, stream, &headers);
            pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            if !wire.send(&pair).await {
                return wire;
            }
            // Given time, the server begins each call before it learns that it was for nothing.
            if stream % 64 == 1 {
                tokio::task::yield_now().await;
            }
        }
        wire
    };
    let (wire, ()) = tokio::join!(attack, an_honest_caller_is_served(&rig));
    wire.closed().await;
    an_honest_caller_is_served(&rig).await;
}

#[tokio::test]
async fn a_body_that_trickles_gives_its_place_back() {
    // Others connect and are refused meanwhile.
    const BODY_TIMEOUT: Duration = Duration::from_secs(4);
    let rig = Rig::with(|edge| {
        edge.limits.calls_min = 1;
        edge.limits.calls_max = 1;
        edge.limits.message_timeout = BODY_TIMEOUT;
    })
    .await;
    let mut wire = Wire::open(rig.address).await;
    let headers = frame(HEADERS, END_HEADERS, 1, &call(SAY, &rig.token(Role::Admin)));
    let a_part = frame(DATA, 0, 1, &[0, 0, 0, 0]);
    assert!(wire.send(&[headers, a_part].concat()).await);
    let mut client = rig.client().await;
    let taken = async {
        while client.say("x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let taken = tokio::time::timeout(BODY_TIMEOUT / 2, taken).await;
    taken.expect("the one place is taken while the body is waited for");
    wire.wait_for(HEADERS).await.expect("a refusal");
    // The place is free as soon as the refusal is out.
    client.say("x").await.expect("served");
}

#[tokio::test]
async fn streams_may_be_silent_between_messages_and_not_within_one() {
    let rig = Rig::with(|edge| edge.limits.message_timeout = SHORT).await;
    let mut wire = Wire::open(rig.address).await;
    let headers = call(crate::echo::GATHER, &rig.token(Role::Admin));
    let begin = frame(HEADERS, END_HEADERS, 1, &headers);
    let message = frame(DATA, 0, 1, &[0, 0, 0, 0, 3, 10, 1, b'x']);
    assert!(wire.send(&[begin, message.clone()].concat()).await);
    // Silence is what this is about.
    tokio::time::sleep(SHORT * 2).await;
    assert!(wire.send(&message).await);
    let half = frame(DATA, 0, 1, &message[9..12]);
    let begun = Instant::now();
    assert!(wire.send(&half).await);
    wire.wait_for(HEADERS).await.expect("a refusal");
    assert!(
        begun.elapsed() >= SHORT / 2,
        "not before half a message was waited for"
    );
}

#[tokio::test]
async fn connections_that_ask_nothing_are_closed() {
    // Those that do ask must come to it in this time.
    const TIMEOUT: Duration = Duration::from_secs(1);
    let rig = Rig::with(|edge| {
        edge.limits.first_call_timeout = TIMEOUT;
        edge.limits.idle_timeout = TIMEOUT;
    })
    .await;
    Wire::connect(rig.address).await.closed().await;
    let mut half = Wire::connect(rig.address).await;
    assert!(half.send(&PREFACE[..10]).await);
    half.closed().await;
    let mut silent = Wire::open(rig.address).await;
    silent.wait_for(GOAWAY).await.expect("is asked to leave");
    silent.closed().await;

    // One with an open stream is not idle, and a caller who comes back does not notice anything.
    let mut client = rig.client().await;
    let mut stream = client.tell("wait").await.expect("begins");
    stream.message().await.expect("an item").expect("one");
    tokio::time::sleep(TIMEOUT * 2).await;
    client.say("x").await.expect("on the same connection");
    drop(stream);
    tokio::time::sleep(TIMEOUT * 2).await;
    client.say("x").await.expect("on another connection");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let rig = Rig::with(|edge| edge.limits.peer_connections_max = 3).await;
    let mut first = rig.client().await;
    first.say("x").await.expect("served");
    let second = Wire::open(rig.address).await;
    let third = Wire::open(rig.address).await;
    Wire::connect(rig.address).await.closed().await;
    first.say("x").await.expect("those who are in stay");
    drop((second, third));
    let again = async {
        loop {
            let endpoint = tonic::transport::Endpoint::from_shared(rig.uri()).expect("an address");
            let Ok(channel) = endpoint.connect().await else {
                continue;
            };
            let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
            let request = tonic_health::pb::HealthCheckRequest::default();
            if health.check(request).await.is_ok() {
                return;
            }
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(5), again).await;
    again.expect("their places are free again");
}

#[tokio::test]
async fn headers_over_the_limit_are_refused_in_words() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let large = Ask::from("x").with("x-large", &"y".repeat(17 * 1_024));
    let status = client.say(large).await.expect_err("too large");
    let facts = refused(&status, Code::OutOfRange, "LIMIT_EXCEEDED");
    assert_eq!(facts.get("limit").map(String::as_str), Some("16384"));
    let honest = Ask::from("x").with("x-large", &"y".repeat(14 * 1_024));
    client.say(honest).await.expect("within the limit");
    // Far beyond it the transport answers by itself, without our words.
    let huge = Ask::from("x").with("x-large", &"y".repeat(80 * 1_024));
    client.say(huge).await.expect_err("too large");
    client.say("x").await.expect("the connection lives");
}
