//! Back to what customers were.

use dossier_proto::profile::v1 as wire;
use tonic::Code;
use wire::watch_customers_response::Item;

use super::revisions::rename;
use super::sights::{masked, secretive, text, update};
use super::*;

pub fn rollback(name: &str, revision: i64) -> wire::RollbackCustomerRequest {
    wire::RollbackCustomerRequest {
        name: name.to_owned(),
        revision,
        request_id: request_id(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_rollback_claims_identifiers_and_holds_to_definitions() {
    for house in House::each().await {
        let mut client = house.customers();
        let mut revisions = house.revisions();
        let made = create(&mut client, known("amy")).await;
        let change = wire::Customer {
            name: made.name.clone(),
            external_ids: vec![id("crm", "pond")],
            ..Default::default()
        };
        client
            .update_customer(update(change, &[]))
            .await
            .expect("written");
        let other = create(&mut client, known("amy")).await;
        let taken = status_of(revisions.rollback_customer(rollback(&made.name, 1)).await);
        assert_eq!(taken.code(), Code::AlreadyExists);
        assert_eq!(fact(&taken, "resource"), other.name);
        // What is not brought back does not object.
        let some = wire::RollbackCustomerRequest {
            update_mask: mask(&["display_name"]),
            ..rollback(&made.name, 1)
        };
        let back = revisions
            .rollback_customer(some)
            .await
            .expect("the name is free");
        assert_eq!(back.into_inner().display_name, "amy");

        let secret = secretive(&house).await;
        let clear = wire::Customer {
            name: secret.name.clone(),
            ..Default::default()
        };
        let cleared = client.update_customer(update(clear, &["attributes"])).await;
        cleared.expect("written");
        let deprecate = wire::DeprecateAttributeDefinitionRequest {
            name: "attributeDefinitions/allergies".to_owned(),
            ..Default::default()
        };
        let deprecated = house
            .definitions()
            .deprecate_attribute_definition(deprecate)
            .await;
        deprecated.expect("deprecated");
        let refused = status_of(revisions.rollback_customer(rollback(&secret.name, 1)).await);
        assert_eq!(refusal(&refused).fields, ["customer.attributes.allergies"]);
    }
}

#[tokio::test]
async fn a_rollback_is_a_change_like_any_other() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("amy")).await;
        rename(&mut client, &made.name, "Amelia").await;
        let watch = client
            .watch_customers(wire::WatchCustomersRequest::default())
            .await;
        let mut stream = watch.expect("watches").into_inner();
        stream.message().await.expect("goes on");

        let mut revisions = house.revisions();
        let stale = wire::RollbackCustomerRequest {
            etag: "1".to_owned(),
            ..rollback(&made.name, 1)
        };
        let stale = status_of(revisions.rollback_customer(stale).await);
        assert_eq!(refusal(&stale).reason, "ETAG_MISMATCH");
        assert_eq!(fact(&stale, "fields"), "display_name");
        let rehearsal = wire::RollbackCustomerRequest {
            validate_only: true,
            ..rollback(&made.name, 1)
        };
        let rehearsed = revisions.rollback_customer(rehearsal).await.expect("legal");
        assert_eq!(rehearsed.into_inner().display_name, "amy");
        assert_eq!(get(&mut client, &made.name).await.expect("there").etag, "2");

        let request = rollback(&made.name, 1);
        for _ in 0..2 {
            let back = revisions
                .rollback_customer(request.clone())
                .await
                .expect("back");
            assert!(back.metadata().get("dossier-cursor").is_some());
            let back = back.into_inner();
            assert_eq!(
                (back.etag.as_str(), back.display_name.as_str()),
                ("3", "amy")
            );
        }
        let told = loop {
            let message = stream.message().await.expect("goes on").expect("a message");
            if let Some(Item::Change(told)) = message.item {
                break told;
            }
        };
        assert!(told.r#type() == wire::CustomerChangeType::Updated);
        assert_eq!(told.changed_fields.expect("a mask").paths, ["display_name"]);

        let nowhere = status_of(revisions.rollback_customer(rollback(&made.name, 9)).await);
        assert_eq!(nowhere.code(), Code::NotFound);
        assert_eq!(
            fact(&nowhere, "resource"),
            format!("{}/revisions/9", made.name)
        );
        let odd = wire::RollbackCustomerRequest {
            update_mask: mask(&["nosuch"]),
            ..rollback("amy", 0)
        };
        let odd = status_of(revisions.rollback_customer(odd).await);
        assert_eq!(refusal(&odd).fields, ["revision", "update_mask", "name"]);
        let delete = wire::DeleteCustomerRequest {
            name: made.name.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let deleted = revisions.rollback_customer(rollback(&made.name, 1)).await;
        assert_eq!(refused(deleted).0, Code::FailedPrecondition);
    }
}

#[tokio::test]
async fn who_does_not_see_values_leaves_them_as_they_are() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let change = wire::Customer {
            name: whole.name.clone(),
            region_code: "GB".to_owned(),
            attributes: [("allergies".to_owned(), text("milk"))].into(),
            ..Default::default()
        };
        let mut client = house.customers();
        client
            .update_customer(update(change, &[]))
            .await
            .expect("written");
        let mut agent = house.revisions_as(amy(Role::Agent));
        for fields in [&[][..], &["attributes"], &["attributes.allergies"]] {
            let request = wire::RollbackCustomerRequest {
                update_mask: mask(fields).filter(|_| !fields.is_empty()),
                ..rollback(&whole.name, 1)
            };
            let answer = agent.rollback_customer(request).await.expect("back");
            assert_eq!(masked(&answer.into_inner()), ["attributes"]);
            let now = get(&mut client, &whole.name).await.expect("read");
            assert_eq!((now.region_code.as_str(), now.etag.as_str()), ("", "3"));
            assert!(now.attributes["allergies"] == text("milk"), "{fields:?}");
        }
    }
}
