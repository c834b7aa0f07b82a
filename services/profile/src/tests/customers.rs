//! Create, get, delete, bring back, look up.

use dossier_proto::common::v1::Date;
use dossier_proto::profile::v1 as wire;
use tonic::Code;

use super::*;

pub fn full() -> wire::Customer {
    wire::Customer {
        given_name: "小明".to_owned(),
        family_name: "王".to_owned(),
        gender: wire::Gender::Male.into(),
        birth_date: Some(Date {
            year: 1990,
            month: 2,
            day: 28,
        }),
        region_code: "CN".to_owned(),
        language_code: "zh-cn".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        contact_points: vec![
            wire::ContactPoint {
                primary: true,
                ..email("Wang@Example.com")
            },
            wire::ContactPoint {
                label: "work".to_owned(),
                ..phone("138 0000 0000")
            },
        ],
        external_ids: vec![id("crm", " 42 "), id("shop", "a/b")],
        addresses: vec![wire::Address {
            region_code: "CN".to_owned(),
            locality: "上海".to_owned(),
            postal_code: "200000".to_owned(),
            address_lines: vec!["南京路１号".to_owned()],
            primary: true,
            ..wire::Address::default()
        }],
        tags: vec!["vip".to_owned(), "new".to_owned(), "vip".to_owned()],
        ..person("")
    }
}

#[tokio::test]
async fn a_customer_is_read_as_it_was_written() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, full()).await;
        assert_eq!(made.display_name, "王小明");
        assert_eq!(made.language_code, "zh-CN");
        assert_eq!(made.tags, ["new", "vip"]);
        assert_eq!(made.external_ids[0].value, "42");
        let normalized: Vec<_> = made
            .contact_points
            .iter()
            .map(|p| p.normalized_value.as_str())
            .collect();
        assert_eq!(normalized, ["wang@example.com", "+8613800000000"]);
        assert_eq!(made.contact_points[0].value, "Wang@Example.com");
        assert_eq!(made.addresses[0].address_lines, ["南京路1号"]);
        // From the table, from the cache, and by another process.
        for _ in 0..2 {
            assert!(
                get(&mut client, &made.name).await.expect("there") == made,
                "{:?}",
                house.db
            );
        }
        let mut elsewhere = house.restarted().await.customers();
        assert!(get(&mut elsewhere, &made.name).await.expect("there") == made);
    }
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    for house in House::each().await {
        let request = wire::CreateCustomerRequest {
            customer: Some(wire::Customer {
                contact_points: vec![email("nobody"), wire::ContactPoint::default()],
                birth_date: Some(Date {
                    year: 1990,
                    month: 2,
                    day: 30,
                }),
                name: "customers/mine".to_owned(),
                ..wire::Customer::default()
            }),
            customer_id: "mine".to_owned(),
            request_id: "one".to_owned(),
            validate_only: false,
        };
        let status = status_of(house.customers().create_customer(request).await);
        let wanted = Refusal {
            code: Code::InvalidArgument,
            reason: "INVALID_ARGUMENT".to_owned(),
            fields: [
                "request_id",
                "customer_id",
                "customer.name",
                "customer.birth_date",
                "customer.contact_points[1].type",
                "customer.contact_points[0].value",
                "customer.type",
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        assert_eq!(refusal(&status), wanted);
        assert!(!status.message().contains("nobody"));
    }
}

#[tokio::test]
async fn an_external_id_has_one_owner_however_many_ask_at_once() {
    for house in House::each().await {
        let elsewhere = house.restarted().await;
        let attempts = (0..20).map(|number| {
            let mut client = if number % 2 == 0 {
                house.customers()
            } else {
                elsewhere.customers()
            };
            let customer = Some(known("same"));
            tokio::spawn(async move {
                let request = wire::CreateCustomerRequest {
                    customer,
                    ..Default::default()
                };
                client.create_customer(request).await
            })
        });
        let mut made = Vec::new();
        let mut losers = Vec::new();
        for answer in futures::future::join_all(attempts).await {
            match answer.expect("ran") {
                Ok(customer) => made.push(customer.into_inner().name),
                Err(status) => losers.push(status),
            }
        }
        assert_eq!((made.len(), losers.len()), (1, 19), "{:?}", house.db);
        for status in losers {
            assert_eq!(status.code(), Code::AlreadyExists, "{status:?}");
            assert_eq!(fact(&status, "resource"), made[0]);
            assert!(!status.message().contains("same"), "{}", status.message());
        }
    }
}

#[tokio::test]
async fn a_chosen_id_is_taken_once() {
    for house in House::each().await {
        let mut client = house.customers();
        let customer_id = uuid::Uuid::now_v7().to_string();
        let request = |name: &str| wire::CreateCustomerRequest {
            customer: Some(person(name)),
            customer_id: customer_id.clone(),
            ..Default::default()
        };
        let made = client
            .create_customer(request("one"))
            .await
            .expect("free")
            .into_inner();
        assert_eq!(made.name, format!("customers/{customer_id}"));
        let taken = status_of(client.create_customer(request("two")).await);
        assert_eq!(refusal(&taken).reason, "ALREADY_EXISTS");
        assert_eq!(fact(&taken, "resource"), made.name);
        let mut theirs = house.customers_of("other");
        theirs
            .create_customer(request("three"))
            .await
            .expect("free in another tenant");
    }
}

#[tokio::test]
async fn another_tenants_customer_looks_like_none() {
    for house in House::each().await {
        let made = create(&mut house.customers(), known("7")).await;
        let mut theirs = house.customers_of("other");
        let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
        assert_eq!(refused(get(&mut theirs, &made.name).await), not_found);
        let update = wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: made.name.clone(),
                ..person("x")
            }),
            ..Default::default()
        };
        assert_eq!(refused(theirs.update_customer(update).await), not_found);
        let delete = wire::DeleteCustomerRequest {
            name: made.name.clone(),
            ..Default::default()
        };
        assert_eq!(refused(theirs.delete_customer(delete).await), not_found);
        let batch = wire::BatchGetCustomersRequest {
            names: vec![made.name],
        };
        assert_eq!(refused(theirs.batch_get_customers(batch).await), not_found);
        create(&mut theirs, known("7")).await;
    }
}

#[tokio::test]
async fn batches_come_in_the_order_asked_for() {
    for house in House::each().await {
        let mut client = house.customers();
        let one = create(&mut client, person("one")).await.name;
        let two = create(&mut client, person("two")).await.name;
        let names = vec![two.clone(), one.clone(), two.clone()];
        let request = wire::BatchGetCustomersRequest {
            names: names.clone(),
        };
        let found = client
            .batch_get_customers(request)
            .await
            .expect("there")
            .into_inner();
        let found: Vec<_> = found
            .customers
            .into_iter()
            .map(|customer| customer.name)
            .collect();
        assert_eq!(found, names);
        let names = vec![one; 501];
        let many = client
            .batch_get_customers(wire::BatchGetCustomersRequest { names })
            .await;
        assert_eq!(
            refused(many),
            (Code::OutOfRange, "LIMIT_EXCEEDED".to_owned())
        );
    }
}

#[tokio::test]
async fn a_deleted_customer_keeps_its_identifiers_and_can_come_back() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("7")).await;
        let name = made.name.clone();
        let delete = wire::DeleteCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        let deleted = client
            .delete_customer(delete.clone())
            .await
            .expect("deleted")
            .into_inner();
        assert_eq!(
            deleted.purge_time.expect("set").seconds,
            1_790_000_000 + 30 * 86_400
        );
        assert!(
            get(&mut client, &name)
                .await
                .expect("there")
                .delete_time
                .is_some()
        );
        house.pass(Duration::from_secs(60));
        let again = client
            .delete_customer(delete)
            .await
            .expect("no matter")
            .into_inner();
        assert!(again == deleted, "deleting again changes nothing");
        let taken = wire::CreateCustomerRequest {
            customer: Some(known("7")),
            ..Default::default()
        };
        assert_eq!(
            refused(client.create_customer(taken).await),
            (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
        );
        let update = wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: name.clone(),
                ..person("new")
            }),
            ..Default::default()
        };
        let precondition = (Code::FailedPrecondition, "FAILED_PRECONDITION".to_owned());
        assert_eq!(refused(client.update_customer(update).await), precondition);

        let undelete = wire::UndeleteCustomerRequest {
            name,
            ..Default::default()
        };
        let back = client
            .undelete_customer(undelete.clone())
            .await
            .expect("back")
            .into_inner();
        assert!(back.delete_time.is_none() && back.purge_time.is_none());
        assert_eq!(back.external_ids[0].value, "7");
        assert_eq!(
            refused(client.undelete_customer(undelete).await),
            precondition
        );
    }
}

#[tokio::test]
async fn nothing_personal_lies_in_the_file_in_the_clear() {
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let canary = wire::Customer {
        display_name: "Canaryname".to_owned(),
        given_name: "Canarygiven".to_owned(),
        contact_points: vec![email("canary@canarymail.example"), phone("+8613987654321")],
        external_ids: vec![id("crm", "canary-id-1")],
        addresses: vec![wire::Address {
            region_code: "CN".to_owned(),
            postal_code: "987653".to_owned(),
            address_lines: vec!["Canarystreet".to_owned()],
            ..wire::Address::default()
        }],
        ..person("")
    };
    let request = wire::CreateCustomerRequest {
        customer: Some(canary),
        request_id: request_id(),
        ..Default::default()
    };
    client.create_customer(request).await.expect("created");
    let file = house.db.path().expect("SQLite is the first");
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(file.parent().expect("a directory")).expect("reads") {
        bytes.extend(std::fs::read(entry.expect("an entry").path()).expect("a file"));
    }
    let bytes = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(
        bytes.contains("create table customer"),
        "the files are the database's"
    );
    for plain in ["canary", "13987654321", "987653"] {
        assert!(!bytes.contains(plain), "{plain}");
    }
}
