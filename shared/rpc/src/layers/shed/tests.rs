//! Who is let in, by what is in progress and whose it is.

use std::time::Instant;

use dossier_kernel::{Principal, Role};

use super::*;
use crate::method::Access;

fn method(name: &str) -> Arc<Method> {
    Arc::new(Method::new(name, Access::Ruled, false, name == "s/Watch"))
}

fn person(tenant: &str) -> Ctx {
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "ada".to_owned(),
    };
    let tenant = TenantId::parse(tenant).expect("a tenant");
    Ctx::new(tenant, principal, vec![Role::Agent])
}

fn now() -> Arrival {
    Arrival::new(Instant::now())
}

fn shed(calls_max: usize) -> Shed {
    let limits = Limits {
        calls_min: calls_max,
        calls_max,
        streams_max: 8,
        tenant_streams_max: 4,
        ..Limits::default()
    };
    Shed::new(&limits, &Methods::default())
}

/// As many calls as the tenant gets before it is refused.
fn flood(shed: &Shed, method: &Arc<Method>, tenant: &str) -> Vec<Permit> {
    let ctx = person(tenant);
    std::iter::from_fn(|| shed.admit(method, &ctx, &now()).ok())
        .take(1_000)
        .collect()
}

#[test]
fn a_tenant_alone_gets_everything() {
    let shed = shed(40);
    let get = method("s/Get");
    let places = flood(&shed, &get, "loud");
    assert_eq!(places.len(), 40);
    let refused = shed.admit(&get, &person("loud"), &now());
    let error = refused.expect_err("full");
    assert_eq!(error.reason(), Reason::ResourceExhausted);
    assert!(
        error
            .retry_delay()
            .is_some_and(|delay| delay >= RETRY_AFTER)
    );
    drop(places);
    assert_eq!(flood(&shed, &get, "loud").len(), 40, "free again");
}

#[test]
fn a_flood_of_one_tenant_leaves_room_for_the_others_and_gives_way_to_them() {
    let shed = shed(40);
    let get = method("s/Get");
    let mut loud = flood(&shed, &get, "loud");
    let quiet = flood(&shed, &get, "quiet");
    assert_eq!(quiet.len(), 10, "the reserve");
    // As calls of the flood end, they do not come back until the quiet ones are within the limit.
    for _ in 0..10 {
        loud.pop();
        assert!(shed.admit(&get, &person("loud"), &now()).is_err());
    }
    loud.pop();
    assert!(shed.admit(&get, &person("loud"), &now()).is_ok());
    // And the quiet one may go on until both have half.
    for _ in 0..9 {
        loud.pop();
    }
    let more = flood(&shed, &get, "quiet");
    assert!(
        quiet.len() + more.len() >= 20,
        "{} of 40",
        quiet.len() + more.len()
    );
}

#[test]
fn services_are_refused_last() {
    let shed = shed(4);
    let get = method("s/Get");
    let _full = flood(&shed, &get, "loud");
    let service = Ctx::service("segmentation", person("loud").tenant);
    let places: Vec<_> = (0..4)
        .map(|_| {
            shed.admit(&get, &service, &now())
                .expect("a place of its own")
        })
        .collect();
    assert!(shed.admit(&get, &service, &now()).is_err());
    drop(places);
    assert!(shed.admit(&get, &service, &now()).is_ok());
}

#[test]
fn streams_are_bounded_for_a_tenant_and_for_all() {
    let shed = shed(4);
    let watch = method("s/Watch");
    let one = flood(&shed, &watch, "one");
    assert_eq!(one.len(), 4);
    let two = flood(&shed, &watch, "two");
    assert_eq!(two.len(), 4);
    assert_eq!(flood(&shed, &watch, "three").len(), 0);
    drop(one);
    assert_eq!(flood(&shed, &watch, "three").len(), 4);
    // A wait is no work.
    assert_eq!(flood(&shed, &method("s/AwaitProgress"), "three").len(), 4);
}
