//! What is encoded is what is read, for ever.

use std::sync::Arc;

use dossier_kernel::{AuditLevel, Call, Ctx, RequestId};
use proptest::prelude::*;

use super::*;

fn event(items: Vec<String>, purpose: Option<String>, count: u64) -> AuditEvent {
    let mut ctx = Ctx::service("laws", TenantId::embedded_default());
    ctx.purpose = purpose;
    ctx.on_behalf_of = Some(Principal {
        kind: PrincipalKind::Person,
        id: "amy".to_owned(),
    });
    let call = Arc::new(Call {
        method: "dossier.profile.v1.CustomerService/GetCustomer".into(),
        permission: "profile.customers.read".into(),
        audit: AuditLevel::Read,
    });
    let time = Timestamp::from_micros(1_770_000_000_123_456);
    let mut event = AuditEvent::new(&ctx, &call, AuditAction::ReadDirect, time);
    event.request_ids.extend(RequestId::from_header("trace-7"));
    event.resources.clone_from(&items);
    event.fields = items;
    event.resource_count = count;
    event
}

/// Names as they occur, and what only looks like one.
fn item() -> impl Strategy<Value = String> {
    let id = any::<u128>().prop_map(|n| Uuid::from_u128(n).to_string());
    prop_oneof![
        id.clone(),
        id.clone().prop_map(|id| format!("customers/{id}")),
        id.clone()
            .prop_map(|id| format!("customers/{}", id.to_uppercase())),
        id.prop_map(|id| id.replace('-', "")),
        ".{0,40}",
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_what_is_read(
        items in prop::collection::vec(item(), 0..20),
        purpose in prop::option::of("[a-z]{1,64}"),
        count in any::<u64>(),
    ) {
        let event = event(items, purpose, count);
        let id = new_id(event.time);
        let leaf = Leaf::decode(&Leaf::encode(id, &event)).expect("decodes");
        prop_assert_eq!(leaf.id, id);
        prop_assert_eq!(&leaf.tenant, event.tenant.as_str());
        prop_assert_eq!(leaf.time, event.time);
        prop_assert_eq!(leaf.principal, event.principal.to_string());
        prop_assert_eq!(leaf.on_behalf_of, "person:amy");
        prop_assert_eq!(leaf.purpose, event.purpose.unwrap_or_default());
        prop_assert_eq!(leaf.method, event.call.method.as_ref());
        prop_assert_eq!(leaf.permission, event.call.permission.as_ref());
        prop_assert_eq!(leaf.action, event.action);
        prop_assert_eq!(leaf.resource_count, count);
        let ids: Vec<&str> = event.request_ids.iter().map(|id| id.as_str()).collect();
        prop_assert_eq!(leaf.request_ids, ids);
        prop_assert_eq!(leaf.resources, event.resources);
        prop_assert_eq!(leaf.fields, event.fields);
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_a_crash(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Leaf::decode(&bytes);
    }

    #[test]
    fn half_an_event_is_none(cut in 0_usize..150) {
        let event = event(vec!["customers/x".to_owned()], None, 1);
        let bytes = Leaf::encode(new_id(event.time), &event);
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(Leaf::decode(&bytes[..cut]).is_err());
    }
}

#[test]
fn ids_sort_by_time() {
    let mut ids: Vec<Uuid> = (0..3_000)
        .map(|n| new_id(Timestamp::from_micros(1_770_000_000_000_000 + n)))
        .collect();
    assert!(ids.is_sorted());
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
    ids.dedup();
    assert_eq!(ids.len(), 3_000);
}

#[test]
fn the_bytes_of_an_event_never_change() {
    let mut event = event(
        vec!["customers/01890a5d-ac96-774b-bcce-b302099a8057".to_owned()],
        Some("support".to_owned()),
        1,
    );
    event.request_ids = vec![RequestId::from_header("r-1").expect("an id")];
    let bytes = Leaf::encode(Uuid::from_u128(7), &event);
    let hash = Leaf::hash(&bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "62053b4ac60fda2fa104ea3316dce945d12755c43adaa3781f11999bc999b66b"
    );
}
