//! Lists: filter, order, pages.

use dossier_proto::common::v1 as common;
use dossier_proto::profile::v1 as wire;
use tonic::Code;
use wire::attribute_value::Kind;

use super::*;

async fn list(
    client: &mut Customers,
    request: wire::ListCustomersRequest,
) -> Result<(Vec<String>, String), Status> {
    let page = client.list_customers(request).await?.into_inner();
    let names = page
        .customers
        .into_iter()
        .map(|customer| customer.display_name)
        .collect();
    Ok((names, page.next_page_token))
}

fn filtered(filter: &str) -> wire::ListCustomersRequest {
    wire::ListCustomersRequest {
        filter: filter.to_owned(),
        ..Default::default()
    }
}

async fn define(house: &House, key: &str, kind: wire::AttributeType, class: common::DataClass) {
    let definition = wire::AttributeDefinition {
        r#type: kind.into(),
        data_class: class.into(),
        choices: match kind {
            wire::AttributeType::Enum => vec!["gold".to_owned(), "tin".to_owned()],
            _ => Vec::new(),
        },
        ..Default::default()
    };
    let request = wire::CreateAttributeDefinitionRequest {
        attribute_definition: Some(definition),
        attribute_definition_id: key.to_owned(),
        ..Default::default()
    };
    house
        .definitions()
        .create_attribute_definition(request)
        .await
        .expect("defined");
}

#[tokio::test]
async fn pages_of_large_customers_are_small_messages_and_hold_every_one_once() {
    for house in House::each().await {
        let class = common::DataClass::Quasi;
        define(&house, "likes", wire::AttributeType::StringList, class).await;
        define(
            &house,
            "notes",
            wire::AttributeType::StringList,
            common::DataClass::Direct,
        )
        .await;
        // As any client: it refuses messages of more than 4 MiB.
        let mut client = house.customers();
        let texts = wire::AttributeValue {
            kind: Some(Kind::ListValue(wire::StringList {
                values: vec!["客".repeat(2_000); 100],
            })),
        };
        for number in 0..20_usize {
            let attribute = ["likes", "notes"][number % 2].to_owned();
            let points = (0..100).map(|n| {
                let local = "a".repeat(40);
                email(&format!(
                    "{local}@{number}.{n}.{}.example.com",
                    "b".repeat(60)
                ))
            });
            let customer = match number % 4 {
                3 => wire::Customer {
                    contact_points: points.collect(),
                    ..person(&number.to_string())
                },
                _ => wire::Customer {
                    attributes: [(attribute, texts.clone())].into(),
                    ..person(&number.to_string())
                },
            };
            create(&mut client, customer).await;
        }
        let mut request = wire::ListCustomersRequest {
            page_size: 1_000,
            ..Default::default()
        };
        let (mut names, mut pages) = (Vec::new(), 0);
        loop {
            let page = self::list(&mut client, request.clone())
                .await
                .expect("a page");
            assert!(!page.0.is_empty());
            names.extend(page.0);
            pages += 1;
            if page.1.is_empty() {
                break;
            }
            request.page_token = page.1;
        }
        let all: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(names, all, "{:?}", house.db);
        assert!((5..=8).contains(&pages), "{pages}: {:?}", house.db);
    }
}

#[tokio::test]
async fn filters_look_at_fields_tags_and_attributes() {
    use common::DataClass::{Direct, Quasi};
    use wire::AttributeType as Type;
    for house in House::each().await {
        for (key, kind, class) in [
            ("tier", Type::Enum, common::DataClass::None),
            ("points", Type::Int, Quasi),
            ("score", Type::Decimal, Quasi),
            ("member", Type::Bool, Quasi),
            ("since", Type::Date, Quasi),
            ("seen", Type::Time, Quasi),
            ("budget", Type::Money, Quasi),
            ("likes", Type::StringList, Quasi),
            ("note", Type::String, Direct),
        ] {
            define(&house, key, kind, class).await;
        }
        let mut client = house.customers();
        let value = |kind| wire::AttributeValue { kind: Some(kind) };
        let attributes = |points: i64| {
            [
                (
                    "tier",
                    Kind::StringValue(if points > 5 { "gold" } else { "tin" }.to_owned()),
                ),
                ("points", Kind::IntValue(points)),
                ("score", Kind::DecimalValue(format!("{points}.5"))),
                ("member", Kind::BoolValue(points > 5)),
                (
                    "since",
                    Kind::DateValue(common::Date {
                        year: 2020,
                        month: 1,
                        day: points as i32,
                    }),
                ),
                (
                    "seen",
                    Kind::TimeValue(prost_types::Timestamp {
                        seconds: points,
                        nanos: 0,
                    }),
                ),
                (
                    "likes",
                    Kind::ListValue(wire::StringList {
                        values: vec![format!("l{points}")],
                    }),
                ),
                ("note", Kind::StringValue("secret".to_owned())),
            ]
            .map(|(key, kind)| (key.to_owned(), value(kind)))
            .into()
        };
        create(
            &mut client,
            wire::Customer {
                region_code: "CN".to_owned(),
                tags: vec!["vip".to_owned()],
                gender: wire::Gender::Female.into(),
                birth_date: Some(common::Date {
                    year: 1990,
                    month: 5,
                    day: 1,
                }),
                attributes: attributes(7),
                ..person("a")
            },
        )
        .await;
        house.pass(Duration::from_secs(1));
        create(
            &mut client,
            wire::Customer {
                region_code: "JP".to_owned(),
                tags: vec!["vip".to_owned(), "new".to_owned()],
                attributes: attributes(3),
                ..person("b")
            },
        )
        .await;
        house.pass(Duration::from_secs(1));
        create(
            &mut client,
            wire::Customer {
                r#type: wire::CustomerType::Organization.into(),
                ..person("c")
            },
        )
        .await;
        for (filter, wanted) in [
            ("", "abc"),
            (r#"region_code = "CN""#, "a"),
            (r#"region_code != "CN""#, "b"),
            (r#"NOT region_code = "CN""#, "bc"),
            (r#"tags:"vip""#, "ab"),
            (r#"tags:"vip" AND tags:"new""#, "b"),
            ("NOT tags:*", "c"),
            ("type = ORGANIZATION OR gender = FEMALE", "ac"),
            ("birth_date < 1991-01-01", "a"),
            (r#"create_time > "2026-09-21T14:13:20Z""#, "bc"),
            ("attributes.tier = gold", "a"),
            ("attributes.points >= 3 AND attributes.points < 7", "b"),
            ("attributes.score > 3.5", "a"),
            ("attributes.member = false", "b"),
            ("NOT attributes.member = true", "bc"),
            ("attributes.since = 2020-01-07", "a"),
            ("attributes.seen <= \"1970-01-01T00:00:03Z\"", "b"),
            ("attributes.likes:\"l3\"", "b"),
            ("NOT attributes.likes:*", "c"),
            ("attributes.points:*", "ab"),
        ] {
            let (names, _) = list(&mut client, filtered(filter)).await.expect(filter);
            assert_eq!(names.concat(), wanted, "{filter} on {:?}", house.db);
        }
        for filter in [
            "nosuch = 1",
            "display_name = \"a\"",
            "attributes.note = \"secret\"",
            "attributes.budget > 5",
            "attributes.nosuch = 1",
            "region_code =",
        ] {
            let status = status_of(list(&mut client, filtered(filter)).await);
            let refusal = refusal(&status);
            assert_eq!(refusal.code, Code::InvalidArgument, "{filter}");
            assert_eq!(refusal.reason, "INVALID_FILTER", "{filter}");
            assert_eq!(refusal.fields, ["filter"], "{filter}");
        }
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_others_write() {
    for house in House::each().await {
        let mut client = house.customers();
        for number in 0..25 {
            let region_code = ["", "CN", "JP"][number % 3].to_owned();
            let tags = vec![if number % 2 == 0 { "even" } else { "odd" }.to_owned()];
            let customer = wire::Customer {
                region_code,
                tags,
                ..person(&format!("{number:02}"))
            };
            create(&mut client, customer).await;
        }
        for order_by in [
            "",
            "create_time desc",
            "region_code",
            "region_code desc, update_time",
        ] {
            let mut seen = Vec::new();
            let mut token = String::new();
            loop {
                let request = wire::ListCustomersRequest {
                    page_size: 4,
                    page_token: token,
                    order_by: order_by.to_owned(),
                    filter: "tags:\"even\" OR tags:\"odd\"".to_owned(),
                    ..Default::default()
                };
                let (names, next) = list(&mut client, request).await.expect("a page");
                assert!(names.len() <= 4);
                seen.extend(names);
                // Whatever is written meanwhile.
                create(&mut client, person("later")).await;
                if next.is_empty() {
                    break;
                }
                token = next;
            }
            assert_eq!(seen.len(), 25, "{order_by} on {:?}", house.db);
            let unique: std::collections::BTreeSet<_> = seen.iter().collect();
            assert_eq!(unique.len(), 25, "{order_by}");
        }
    }
}

#[tokio::test]
async fn a_token_is_of_one_query_and_deleted_customers_are_shown_on_request() {
    for house in House::each().await {
        let mut client = house.customers();
        let first = create(&mut client, person("a")).await;
        create(&mut client, person("b")).await;
        let request = wire::ListCustomersRequest {
            page_size: 1,
            ..Default::default()
        };
        let (_, token) = list(&mut client, request.clone()).await.expect("a page");
        let foreign = wire::ListCustomersRequest {
            page_token: token,
            filter: "tags:*".to_owned(),
            ..request.clone()
        };
        let status = status_of(list(&mut client, foreign).await);
        assert_eq!(refusal(&status).fields, ["page_token"]);
        let order = wire::ListCustomersRequest {
            order_by: "display_name".to_owned(),
            ..request
        };
        assert_eq!(
            refusal(&status_of(list(&mut client, order).await)).fields,
            ["order_by"]
        );

        let delete = wire::DeleteCustomerRequest {
            name: first.name,
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        assert_eq!(
            list(&mut client, filtered("")).await.expect("a page").0,
            ["b"]
        );
        let all = wire::ListCustomersRequest {
            show_deleted: true,
            ..Default::default()
        };
        assert_eq!(list(&mut client, all).await.expect("a page").0, ["a", "b"]);
    }
}
