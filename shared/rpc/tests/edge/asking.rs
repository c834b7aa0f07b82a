//! Services asking each other: the same client, with and without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dossier_kernel::{Clock, Ctx, Reason, Role, TenantId};
use dossier_rpc::{Channel, Local, TokenSource};
use dossier_testkit::Port;
use tonic::Code;

use crate::access;
use crate::details::refused;
use crate::echo::EchoClient;
use crate::rig::{Rig, person};

#[tokio::test]
async fn every_kind_of_call_works_on_both_ways_and_carries_the_context() {
    let rig = Rig::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (way, channel) in rig.channels() {
        let mut ctx = person("shop-1");
        ctx.trace = Some(trace.to_owned());
        ctx.purpose = Some("support".to_owned());
        let mut client = EchoClient::new(channel.with(&ctx));
        let heard = client.say("x").await.expect(way).into_inner();
        assert_eq!(
            heard.tenant, "shop-1",
            "{way}: acts for the tenant of the context"
        );
        assert_eq!(heard.principal, "service:tester", "{way}");
        assert_eq!(heard.on_behalf_of, "person:ada", "{way}: who asked first");
        assert_eq!(heard.request_id, ctx.request_id.as_str(), "{way}");
        assert_eq!(
            (heard.trace.as_str(), heard.purpose.as_str()),
            (trace, "support"),
            "{way}"
        );

        let mut stream = client.tell("hello").await.expect(way);
        assert_eq!(
            stream.message().await.expect(way).expect("one").text,
            "hello"
        );
        assert!(stream.message().await.expect(way).is_none());

        let heard = client
            .gather(vec!["abc".to_owned(); 3])
            .await
            .expect(way)
            .into_inner();
        assert_eq!(heard.text, "9", "{way}");

        let status = client.say("refuse").await.expect_err(way);
        refused(&status, Code::Aborted, "ETAG_MISMATCH");
        let status = client.say("panic").await.expect_err(way);
        refused(&status, Code::Internal, "INTERNAL");
    }
}

#[tokio::test]
async fn both_ways_pass_the_same_layers() {
    let rig = Rig::start().await;
    let none = TokenSource::none;
    let viewer = || TokenSource::fixed(&rig.token(Role::Viewer)).expect("a header");
    let network = |tokens| Channel::network(&rig.uri(), tokens).expect("an address");
    for channel in [Channel::in_process(&rig.local, none()), network(none())] {
        let mut client = EchoClient::new(channel.with(&person("acme")));
        refused(
            &client.say("x").await.expect_err("no token"),
            Code::Unauthenticated,
            "UNAUTHENTICATED",
        );
    }
    for channel in [Channel::in_process(&rig.local, viewer()), network(viewer())] {
        let mut client = EchoClient::new(channel.with(&person("acme")));
        refused(
            &client.say("x").await.expect_err("no right"),
            Code::PermissionDenied,
            "PERMISSION_DENIED",
        );
        let large = "x".repeat(5 * 1024 * 1024);
        let mut client = EchoClient::new(rig.channels()[0].1.with(&person("acme")));
        refused(
            &client.say(large.as_str()).await.expect_err("5 MiB"),
            Code::OutOfRange,
            "LIMIT_EXCEEDED",
        );
    }
}

#[tokio::test]
async fn a_service_follows_all_tenants_where_the_rule_says_so() {
    let rig = Rig::start().await;
    for (way, channel) in rig.channels() {
        let ctx = Ctx::service("tester", TenantId::all());
        let mut client = EchoClient::new(channel.with(&ctx));
        let heard = client
            .tell("hello")
            .await
            .expect(way)
            .message()
            .await
            .expect(way);
        assert_eq!(heard.expect("one").tenant, "*");
        let status = client.say("x").await.expect_err(way);
        refused(&status, Code::PermissionDenied, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn the_first_who_asked_stays_behind_the_call_and_nobody_is_behind_a_services_own_work() {
    let rig = Rig::start().await;
    let acme = || TenantId::parse("acme").expect("a tenant");
    for (way, channel) in rig.channels() {
        let mut passed_on = Ctx::service("interaction", acme());
        passed_on.on_behalf_of = Some(person("acme").principal);
        for (ctx, behind) in [
            (passed_on, "person:ada"),
            (Ctx::service("interaction", acme()), ""),
            (person("acme"), "person:ada"),
        ] {
            let mut client = EchoClient::new(channel.with(&ctx));
            let heard = client.say("x").await.expect(way).into_inner();
            assert_eq!(heard.on_behalf_of, behind, "{way}");
            assert_eq!(
                heard.principal, "service:tester",
                "{way}: whose rights count"
            );
        }
    }
}

#[tokio::test]
async fn the_callers_own_machine_is_no_reason_to_let_a_call_in() {
    let rig = Rig::with(|edge| {
        edge.anonymous = Some((TenantId::embedded_default(), Role::Admin));
    })
    .await;
    let channel = Channel::in_process(&rig.local, TokenSource::none());
    let mut client = EchoClient::new(channel.with(&person("acme")));
    refused(
        &client.say("x").await.expect_err("no token"),
        Code::Unauthenticated,
        "UNAUTHENTICATED",
    );
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unavailable() {
    let tokens = || TokenSource::none();
    let closed = Port::hold().expect("a port");
    let uri = format!("http://{}", closed.address());
    for channel in [
        Channel::in_process(&Local::new(), tokens()),
        Channel::network(&uri, tokens()).expect("an address"),
    ] {
        let status = EchoClient::new(channel.with(&person("acme")))
            .say("x")
            .await
            .expect_err("nobody");
        refused(&status, Code::Unavailable, "UNAVAILABLE");
        let asked = AtomicU32::new(0);
        let error = channel
            .with_patience(Duration::from_millis(300))
            .ask(&person("acme"), |peer| {
                asked.fetch_add(1, Ordering::Relaxed);
                async move { EchoClient::new(peer).say("x").await }
            })
            .await
            .expect_err("nobody");
        assert_eq!(error.reason(), Reason::Unavailable);
        assert!(asked.load(Ordering::Relaxed) >= 2);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again() {
    let port = Port::hold().expect("a port");
    let key = Arc::new(access::signing_key());
    let first = Rig::at(&port, &key).await;
    let tokens = TokenSource::service(key.clone(), "tester", Clock::system());
    let channel = Channel::network(&first.uri(), tokens)
        .expect("an address")
        .with_patience(Duration::from_millis(300));
    let ask = || async {
        channel
            .ask(&person("acme"), |peer| async move {
                EchoClient::new(peer).say("x").await
            })
            .await
            .map(|heard| heard.text)
    };
    assert_eq!(ask().await.expect("heard"), "x");
    first.drained().await;
    assert_eq!(
        ask().await.expect_err("nobody").reason(),
        Reason::Unavailable
    );
    let _second = Rig::at(&port, &key).await;
    assert_eq!(ask().await.expect("heard again"), "x");
}

#[tokio::test]
async fn a_patient_caller_does_not_notice_a_restart() {
    let port = Port::hold().expect("a port");
    let key = Arc::new(access::signing_key());
    let first = Rig::at(&port, &key).await;
    let tokens = TokenSource::service(key.clone(), "tester", Clock::system());
    let channel = Channel::network(&first.uri(), tokens)
        .expect("an address")
        .with_patience(Duration::from_secs(10));
    let restart = async {
        first.drained().await;
        // Long enough for every caller to find nobody there.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Rig::at(&port, &key).await
    };
    // They share a budget of retries, which an outage of seconds must not use up.
    let callers = futures::future::join_all((0..8).map(|_| async {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            let ctx = person("acme");
            let heard = channel.ask(
                &ctx,
                |peer| async move { EchoClient::new(peer).say("x").await },
            );
            assert_eq!(heard.await.expect("not noticed").text, "x");
        }
    }));
    let (_second, _) = futures::join!(restart, callers);
}

#[tokio::test]
async fn services_unbound_from_the_process_are_let_go() {
    let rig = Rig::start().await;
    let channel = rig.channels()[0].1.clone();
    rig.local.unbind();
    let status = EchoClient::new(channel.with(&person("acme")))
        .say("x")
        .await
        .expect_err("gone");
    refused(&status, Code::Unavailable, "UNAVAILABLE");
}
