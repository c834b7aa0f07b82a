//! Values with a checksum or a published list, from the request to the row and back.

use dossier_proto::profile::v1 as wire;
use tonic::Code;

use super::*;

fn company(name: &str, code: &str) -> wire::Customer {
    wire::Customer {
        industry: (!code.is_empty()).then(|| wire::Industry {
            scheme: wire::IndustryScheme::IsicRev4.into(),
            code: code.to_owned(),
            ..Default::default()
        }),
        r#type: wire::CustomerType::Organization.into(),
        ..person(name)
    }
}

async fn found(client: &mut Customers, filter: &str) -> Vec<String> {
    let request = wire::ListCustomersRequest {
        filter: filter.to_owned(),
        ..Default::default()
    };
    let page = client.list_customers(request).await.expect("a page");
    let rows = page.into_inner().customers.into_iter();
    rows.map(|customer| customer.display_name).collect()
}

#[tokio::test]
async fn an_industry_is_completed_and_found_at_every_level() {
    for house in House::each().await {
        let mut client = house.customers();
        let bakery = create(&mut client, company("bakery", "1071")).await;
        create(&mut client, company("tailor", "14")).await;
        create(&mut client, company("factory", "C")).await;
        create(&mut client, company("farm", "0111")).await;
        create(&mut client, company("unknown", "")).await;
        let industry = bakery.industry.clone().expect("an industry");
        assert_eq!(industry.title, "Manufacture of bakery products");
        assert_eq!(industry.path, ["C", "10", "107", "1071"]);
        let again = get(&mut house.restarted().await.customers(), &bakery.name).await;
        assert!(again.expect("there") == bakery);

        for (filter, names) in [
            (r#"industry:"C""#, &["bakery", "tailor", "factory"][..]),
            (r#"industry:"10""#, &["bakery"]),
            (r#"industry:"1071""#, &["bakery"]),
            (r#"industry:"A""#, &["farm"]),
            (r#"industry:"1072""#, &[]),
            (r#"industry:"%""#, &[]),
            ("industry:*", &["bakery", "tailor", "factory", "farm"]),
            (r#"NOT industry:"C""#, &["farm", "unknown"]),
        ] {
            assert_eq!(found(&mut client, filter).await, names, "{filter}");
        }

        let change = |industry: Option<wire::Industry>| wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: bakery.name.clone(),
                industry,
                ..Default::default()
            }),
            update_mask: mask(&["industry"]),
            ..Default::default()
        };
        for (wrong, field) in [
            (company("", "1079x").industry, "customer.industry.code"),
            (Some(wire::Industry::default()), "customer.industry.scheme"),
        ] {
            let status = status_of(client.update_customer(change(wrong)).await);
            assert_eq!(refusal(&status).fields, [field]);
        }
        let cleared = client.update_customer(change(None)).await.expect("cleared");
        assert!(cleared.into_inner().industry.is_none());
        let someone = wire::Customer {
            industry: Some(industry),
            ..person("someone")
        };
        let request = wire::CreateCustomerRequest {
            customer: Some(someone),
            ..Default::default()
        };
        let status = status_of(client.create_customer(request).await);
        assert_eq!(refusal(&status).fields, ["customer.industry"]);
    }
}

#[tokio::test]
async fn one_document_is_one_customers_however_it_is_spelt() {
    for house in House::each().await {
        let mut client = house.customers();
        let wang = wire::Customer {
            external_ids: vec![id("cn-resident-id", "110105491231002")],
            ..person("Wang")
        };
        let wang = create(&mut client, wang).await;
        assert_eq!(wang.external_ids[0].value, "11010519491231002X");
        let again = wire::CreateCustomerRequest {
            customer: Some(wire::Customer {
                external_ids: vec![id("cn-resident-id", "１１０１０５ 19491231 002x")],
                ..person("Li")
            }),
            ..Default::default()
        };
        let refused_with = refused(client.create_customer(again).await);
        assert_eq!(
            refused_with,
            (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
        );
        let lookup = wire::LookupCustomersRequest {
            keys: ["110105491231002", "110105194912310021"]
                .map(|number| common::CustomerKey {
                    key: Some(common::customer_key::Key::ExternalId(id(
                        "cn-resident-id",
                        number,
                    ))),
                    ..Default::default()
                })
                .to_vec(),
            ..Default::default()
        };
        let results = client.lookup_customers(lookup).await.expect("looked up");
        let results = results.into_inner().results.into_iter();
        let holders: Vec<String> = results.map(|result| result.customer).collect();
        assert_eq!(holders, [wang.name.clone(), String::new()]);

        let mistyped = wire::CreateCustomerRequest {
            customer: Some(wire::Customer {
                external_ids: vec![id("cn-uscc", "91350100M000100Y44")],
                ..company("works", "C")
            }),
            ..Default::default()
        };
        let status = status_of(client.create_customer(mistyped).await);
        assert_eq!(refusal(&status).fields, ["customer.external_ids[0].value"]);
        let misplaced = wire::CreateCustomerRequest {
            customer: Some(wire::Customer {
                external_ids: vec![id("cn-uscc", "91350100M000100Y43")],
                ..person("Li")
            }),
            ..Default::default()
        };
        let status = status_of(client.create_customer(misplaced).await);
        assert_eq!(refusal(&status).fields, ["customer.external_ids"]);
    }
}

#[tokio::test]
async fn a_division_is_kept_with_its_names() {
    for house in House::each().await {
        let mut client = house.customers();
        let home = wire::Address {
            region_code: "CN".to_owned(),
            division_code: "310115".to_owned(),
            postal_code: "200120".to_owned(),
            ..Default::default()
        };
        let made = wire::Customer {
            addresses: vec![home],
            ..person("Wang")
        };
        let made = create(&mut client, made).await;
        let home = &made.addresses[0];
        let names = [&home.administrative_area, &home.locality, &home.sublocality];
        assert_eq!(names, ["上海市", "上海市", "浦东新区"]);
        let again = get(&mut house.restarted().await.customers(), &made.name).await;
        assert!(again.expect("there") == made);
    }
}
