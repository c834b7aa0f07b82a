//! Updates by mask and etag, tags, idempotency, rehearsals.

use dossier_proto::profile::v1 as wire;
use tonic::Code;

use super::*;

fn update(customer: wire::Customer, paths: &[&str]) -> wire::UpdateCustomerRequest {
    let update_mask = (!paths.is_empty()).then(|| mask(paths)).flatten();
    wire::UpdateCustomerRequest {
        customer: Some(customer),
        update_mask,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_mask_says_what_changes_and_what_is_cleared() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(
            &mut client,
            wire::Customer {
                region_code: "CN".to_owned(),
                tags: vec!["vip".to_owned()],
                ..known("1")
            },
        )
        .await;
        house.pass(Duration::from_secs(1));
        let change = wire::Customer {
            name: made.name.clone(),
            display_name: "Renamed".to_owned(),
            time_zone: "Asia/Tokyo".to_owned(),
            ..wire::Customer::default()
        };
        let request = update(change, &["display_name", "region_code"]);
        let answer = client
            .update_customer(request.clone())
            .await
            .expect("changed");
        assert!(answer.metadata().get("dossier-cursor").is_some());
        let changed = answer.into_inner();
        assert_eq!(
            (changed.display_name.as_str(), changed.region_code.as_str()),
            ("Renamed", "")
        );
        assert_eq!((changed.time_zone.as_str(), changed.tags.len()), ("", 1));
        let seconds = |customer: &wire::Customer| customer.update_time.map(|time| time.seconds);
        assert!(seconds(&changed) > seconds(&made) && changed.etag != made.etag);
        assert!(get(&mut client, &made.name).await.expect("there") == changed);

        let again = client.update_customer(request).await.expect("no matter");
        assert!(
            again.metadata().get("dossier-cursor").is_none(),
            "nothing was published"
        );
        assert!(
            again.into_inner() == changed,
            "the same update changes nothing"
        );
        let unknown = client.update_customer(update(changed, &["nosuch"])).await;
        assert_eq!(refusal(&status_of(unknown)).fields, ["update_mask"]);
    }
}

#[tokio::test]
async fn a_stale_etag_is_told_the_current_one_and_what_differs() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("1")).await;
        let first = wire::Customer {
            region_code: "CN".to_owned(),
            ..made.clone()
        };
        let current = client
            .update_customer(update(first, &["region_code"]))
            .await
            .expect("current")
            .into_inner();
        let stale = wire::Customer {
            region_code: "JP".to_owned(),
            ..made.clone()
        };
        let status = status_of(
            client
                .update_customer(update(stale, &["region_code", "tags"]))
                .await,
        );
        assert_eq!(refusal(&status).reason, "ETAG_MISMATCH");
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(fact(&status, "etag"), current.etag);
        assert_eq!(fact(&status, "fields"), "region_code");
        let delete = wire::DeleteCustomerRequest {
            name: made.name.clone(),
            etag: made.etag,
            ..Default::default()
        };
        let status = status_of(client.delete_customer(delete).await);
        assert_eq!(fact(&status, "etag"), current.etag);
        assert!(get(&mut client, &made.name).await.expect("there") == current);
    }
}

#[tokio::test]
async fn writers_of_different_fields_do_not_disturb_each_other() {
    for house in House::each().await {
        let made = create(&mut house.customers(), known("1")).await;
        let elsewhere = house.restarted().await;
        let writers = (0..24).map(|number| {
            let mut client = if number % 2 == 0 {
                house.customers()
            } else {
                elsewhere.customers()
            };
            let name = made.name.clone();
            tokio::spawn(async move {
                let change = wire::Customer {
                    name: name.clone(),
                    ..wire::Customer::default()
                };
                match number % 3 {
                    0 => {
                        let tags = vec![format!("tag-{number}")];
                        client
                            .add_tags(wire::AddTagsRequest {
                                name,
                                tags,
                                ..Default::default()
                            })
                            .await
                    }
                    1 => {
                        let change = wire::Customer {
                            region_code: "CN".to_owned(),
                            ..change
                        };
                        client
                            .update_customer(update(change, &["region_code"]))
                            .await
                    }
                    _ => {
                        let change = wire::Customer {
                            time_zone: "UTC".to_owned(),
                            ..change
                        };
                        client.update_customer(update(change, &["time_zone"])).await
                    }
                }
            })
        });
        for answer in futures::future::join_all(writers).await {
            answer.expect("ran").expect("no conflict");
        }
        let now = get(&mut house.restarted().await.customers(), &made.name)
            .await
            .expect("there");
        assert_eq!(
            (
                now.tags.len(),
                now.region_code.as_str(),
                now.time_zone.as_str()
            ),
            (8, "CN", "UTC")
        );
        assert_eq!(
            now.etag, "11",
            "8 tags, a region and a time zone after the creation"
        );
    }
}

#[tokio::test]
async fn tags_are_a_set() {
    for house in House::each().await {
        let mut client = house.customers();
        let name = create(&mut client, known("1")).await.name;
        let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        let add = wire::AddTagsRequest {
            name: name.clone(),
            tags: tags(&["vip", "ｎｅｗ", "vip"]),
            ..Default::default()
        };
        client.add_tags(add.clone()).await.expect("added");
        let now = client.add_tags(add).await.expect("again").into_inner();
        assert_eq!((now.tags, now.etag.as_str()), (tags(&["new", "vip"]), "2"));
        let remove = wire::RemoveTagsRequest {
            name: name.clone(),
            tags: tags(&["new", "nosuch"]),
            ..Default::default()
        };
        let now = client
            .remove_tags(remove)
            .await
            .expect("removed")
            .into_inner();
        assert_eq!(now.tags, ["vip"]);
        let none = wire::AddTagsRequest {
            name: name.clone(),
            ..Default::default()
        };
        assert_eq!(
            refusal(&status_of(client.add_tags(none).await)).fields,
            ["tags"]
        );
        let long = wire::AddTagsRequest {
            name,
            tags: vec!["x".repeat(65)],
            ..Default::default()
        };
        assert_eq!(
            refusal(&status_of(client.add_tags(long).await)).fields,
            ["customer.tags[0]"]
        );
    }
}

#[tokio::test]
async fn the_same_request_has_one_effect_and_one_answer() {
    for house in House::each().await {
        let elsewhere = house.restarted().await;
        let request = wire::CreateCustomerRequest {
            customer: Some(known("once")),
            request_id: request_id(),
            ..Default::default()
        };
        let attempts = (0..50).map(|number| {
            let mut client = if number % 2 == 0 {
                house.customers()
            } else {
                elsewhere.customers()
            };
            let request = request.clone();
            tokio::spawn(async move { client.create_customer(request).await })
        });
        let mut answers = Vec::new();
        for answer in futures::future::join_all(attempts).await {
            answers.push(answer.expect("ran").expect("answered").into_inner());
        }
        let rename = wire::Customer {
            name: answers[0].name.clone(),
            ..person("Renamed")
        };
        let mut client = house.restarted().await.customers();
        client
            .update_customer(update(rename, &["display_name"]))
            .await
            .expect("renamed");
        let late = client
            .create_customer(request.clone())
            .await
            .expect("answered");
        assert!(late.metadata().get("dossier-cursor").is_some());
        answers.push(late.into_inner());
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{:?}",
            house.db
        );

        let other = wire::CreateCustomerRequest {
            customer: Some(known("other")),
            ..request
        };
        let reused = (Code::Aborted, "REQUEST_ID_REUSED".to_owned());
        assert_eq!(refused(client.create_customer(other).await), reused);
    }
}

#[tokio::test]
async fn a_rehearsal_finds_everything_and_keeps_nothing() {
    for house in House::each().await {
        let mut client = house.customers();
        let request = wire::CreateCustomerRequest {
            customer: Some(known("1")),
            validate_only: true,
            request_id: request_id(),
            ..Default::default()
        };
        let rehearsed = client
            .create_customer(request.clone())
            .await
            .expect("fine")
            .into_inner();
        assert_eq!(rehearsed.display_name, "1");
        assert_eq!(
            refused(get(&mut client, &rehearsed.name).await).0,
            Code::NotFound
        );
        let made = create(&mut client, known("1")).await;
        let taken = client.create_customer(request).await;
        assert_eq!(
            refused(taken),
            (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
        );
        let change = wire::Customer {
            region_code: "CN".to_owned(),
            ..made.clone()
        };
        let request = wire::UpdateCustomerRequest {
            validate_only: true,
            ..update(change, &[])
        };
        let rehearsed = client
            .update_customer(request)
            .await
            .expect("fine")
            .into_inner();
        assert_eq!(
            (rehearsed.region_code.as_str(), rehearsed.etag.as_str()),
            ("CN", "2")
        );
        assert!(get(&mut client, &made.name).await.expect("there") == made);
    }
}

#[tokio::test]
async fn a_missing_customer_is_made_where_that_is_allowed() {
    for house in House::each().await {
        let mut client = house.customers();
        let name = format!("customers/{}", uuid::Uuid::now_v7());
        let customer = wire::Customer {
            name: name.clone(),
            ..known("1")
        };
        let request = update(customer, &["display_name"]);
        assert_eq!(
            refused(client.update_customer(request.clone()).await).0,
            Code::NotFound
        );
        let request = wire::UpdateCustomerRequest {
            allow_missing: true,
            ..request
        };
        let made = client
            .update_customer(request)
            .await
            .expect("made")
            .into_inner();
        assert_eq!(
            (made.name, made.external_ids.len()),
            (name, 1),
            "a mask is for changes"
        );
    }
}
