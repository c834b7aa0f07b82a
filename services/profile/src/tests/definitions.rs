//! The tenant's own fields.

use dossier_proto::common::v1::DataClass;
use dossier_proto::profile::v1 as wire;
use sea_orm::ConnectionTrait;
use tonic::Code;
use wire::attribute_value::Kind;

use super::*;

fn points(id: &str) -> wire::CreateAttributeDefinitionRequest {
    wire::CreateAttributeDefinitionRequest {
        attribute_definition: Some(wire::AttributeDefinition {
            r#type: wire::AttributeType::Int.into(),
            data_class: DataClass::Quasi.into(),
            display_name: "Points".to_owned(),
            ..Default::default()
        }),
        attribute_definition_id: id.to_owned(),
        request_id: request_id(),
    }
}

#[tokio::test]
async fn a_definition_is_made_once_and_listed_by_id() {
    for house in House::each().await {
        let mut client = house.definitions();
        let request = points("points");
        let made = client
            .create_attribute_definition(request.clone())
            .await
            .expect("made");
        let made = made.into_inner();
        assert_eq!(made.name, "attributeDefinitions/points");
        let again = client
            .create_attribute_definition(request)
            .await
            .expect("repeated");
        assert!(
            again.into_inner() == made,
            "the same request has one answer"
        );
        let taken = client.create_attribute_definition(points("points")).await;
        assert_eq!(
            refused(taken),
            (Code::AlreadyExists, "ALREADY_EXISTS".to_owned())
        );
        let bad = wire::CreateAttributeDefinitionRequest::default();
        let status = status_of(client.create_attribute_definition(bad).await);
        assert_eq!(
            refusal(&status).fields,
            [
                "attribute_definition_id",
                "attribute_definition.type",
                "attribute_definition.data_class"
            ]
        );
        client
            .create_attribute_definition(points("age"))
            .await
            .expect("made");
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListAttributeDefinitionsRequest {
                page_size: 1,
                page_token,
            };
            let page = client
                .list_attribute_definitions(request)
                .await
                .expect("a page")
                .into_inner();
            names.extend(page.attribute_definitions.into_iter().map(|row| row.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(
            names,
            ["attributeDefinitions/age", "attributeDefinitions/points"]
        );
        let get = wire::GetAttributeDefinitionRequest {
            name: made.name.clone(),
        };
        assert!(
            client
                .get_attribute_definition(get)
                .await
                .expect("there")
                .into_inner()
                == made
        );
        let get = wire::GetAttributeDefinitionRequest {
            name: "attributeDefinitions/x".to_owned(),
        };
        assert_eq!(
            refused(client.get_attribute_definition(get).await).0,
            Code::NotFound
        );
    }
}

#[tokio::test]
async fn a_deprecated_field_keeps_its_values_and_takes_no_new_ones() {
    for house in House::each().await {
        let mut definitions = house.definitions();
        definitions
            .create_attribute_definition(points("points"))
            .await
            .expect("made");
        let mut client = house.customers();
        let with = |points: i64| {
            let value = wire::AttributeValue {
                kind: Some(Kind::IntValue(points)),
            };
            wire::Customer {
                attributes: [("points".to_owned(), value)].into(),
                ..known("1")
            }
        };
        let made = create(&mut client, with(7)).await;
        let deprecate = wire::DeprecateAttributeDefinitionRequest {
            name: "attributeDefinitions/points".to_owned(),
            ..Default::default()
        };
        let now = definitions
            .deprecate_attribute_definition(deprecate.clone())
            .await;
        assert!(now.expect("deprecated").into_inner().deprecated);
        definitions
            .deprecate_attribute_definition(deprecate)
            .await
            .expect("no matter");

        assert!(
            get(&mut client, &made.name)
                .await
                .expect("there")
                .attributes
                == made.attributes
        );
        let change = |points| wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: made.name.clone(),
                ..with(points)
            }),
            update_mask: mask(&["attributes.points", "region_code"]),
            ..Default::default()
        };
        let status = status_of(client.update_customer(change(8)).await);
        assert_eq!(refusal(&status).fields, ["customer.attributes.points"]);
        client
            .update_customer(change(7))
            .await
            .expect("the old value stays");
        let clear = wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: made.name.clone(),
                ..Default::default()
            }),
            update_mask: mask(&["attributes.points"]),
            ..Default::default()
        };
        let now = client
            .update_customer(clear)
            .await
            .expect("cleared")
            .into_inner();
        assert!(now.attributes.is_empty());
    }
}

#[tokio::test]
async fn a_field_is_changed_so_that_every_value_stays_legal() {
    for house in House::each().await {
        let mut client = house.definitions();
        let tier = wire::CreateAttributeDefinitionRequest {
            attribute_definition: Some(wire::AttributeDefinition {
                r#type: wire::AttributeType::Enum.into(),
                data_class: DataClass::Quasi.into(),
                choices: vec!["gold".to_owned()],
                ..Default::default()
            }),
            attribute_definition_id: "tier".to_owned(),
            ..Default::default()
        };
        let made = client
            .create_attribute_definition(tier)
            .await
            .expect("made")
            .into_inner();
        let change =
            |choices: &[&str], etag: &str, paths: &[&str]| wire::UpdateAttributeDefinitionRequest {
                attribute_definition: Some(wire::AttributeDefinition {
                    name: made.name.clone(),
                    etag: etag.to_owned(),
                    choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
                    ..Default::default()
                }),
                update_mask: mask(paths),
                request_id: request_id(),
            };
        let wider = change(&["gold", "ｔｉｎ"], &made.etag, &[]);
        let widened = client
            .update_attribute_definition(wider.clone())
            .await
            .expect("widened")
            .into_inner();
        assert_eq!(widened.choices, ["gold", "tin"]);
        assert_ne!(widened.etag, made.etag);
        let again = client.update_attribute_definition(wider).await;
        assert!(again.expect("repeated").into_inner() == widened);

        let mut customers = house.customers();
        let value = wire::AttributeValue {
            kind: Some(Kind::StringValue(" ｔｉｎ".to_owned())),
        };
        let wang = wire::Customer {
            attributes: [("tier".to_owned(), value)].into(),
            ..person("Wang")
        };
        let wang = create(&mut customers, wang).await;
        let kept = wang.attributes["tier"].kind.clone();
        assert!(kept == Some(Kind::StringValue("tin".to_owned())));

        let stale = change(&["gold", "tin", "iron"], &made.etag, &["choices"]);
        let status = status_of(client.update_attribute_definition(stale).await);
        assert_eq!(refusal(&status).reason, "ETAG_MISMATCH");
        assert_eq!(fact(&status, "etag"), widened.etag);
        for (narrower, field) in [
            (
                change(&["gold"], "", &["choices"]),
                "attribute_definition.choices",
            ),
            (change(&[], "", &["type"]), "attribute_definition.type"),
            (change(&[], "", &["nosuch"]), "update_mask"),
        ] {
            let status = status_of(client.update_attribute_definition(narrower).await);
            assert_eq!(refusal(&status).fields[0], field);
        }
        let mut elsewhere = change(&["gold"], "", &["choices"]);
        elsewhere.attribute_definition = Some(wire::AttributeDefinition {
            name: "attributeDefinitions/nosuch".to_owned(),
            ..Default::default()
        });
        let missing = refused(client.update_attribute_definition(elsewhere).await);
        assert_eq!(missing.0, Code::NotFound);
        let now = client
            .get_attribute_definition(wire::GetAttributeDefinitionRequest {
                name: made.name.clone(),
            })
            .await
            .expect("there");
        assert!(
            now.into_inner() == widened,
            "what was refused changed nothing"
        );
    }
}

#[tokio::test]
async fn a_field_may_have_limits_of_its_own() {
    for house in House::each().await {
        let mut client = house.definitions();
        let likes = |length_max, count_max| wire::CreateAttributeDefinitionRequest {
            attribute_definition: Some(wire::AttributeDefinition {
                r#type: wire::AttributeType::StringList.into(),
                data_class: DataClass::Quasi.into(),
                length_max,
                count_max,
                ..Default::default()
            }),
            attribute_definition_id: "likes".to_owned(),
            ..Default::default()
        };
        let status = status_of(client.create_attribute_definition(likes(-1, 101)).await);
        let wrong = [
            "attribute_definition.length_max",
            "attribute_definition.count_max",
        ];
        assert_eq!(refusal(&status).fields, wrong);
        let made = client.create_attribute_definition(likes(5, 2)).await;
        let made = made.expect("made").into_inner();
        assert_eq!((made.length_max, made.count_max), (5, 2));

        let mut customers = house.customers();
        let liking = |texts: &[&str]| wire::CreateCustomerRequest {
            customer: Some(wire::Customer {
                attributes: [(
                    "likes".to_owned(),
                    wire::AttributeValue {
                        kind: Some(Kind::ListValue(wire::StringList {
                            values: texts.iter().map(|&text| text.to_owned()).collect(),
                        })),
                    },
                )]
                .into(),
                ..person("Wang")
            }),
            ..Default::default()
        };
        for (texts, fine) in [
            (&["tea", "chess"][..], true),
            (&["tea", "chess", "go"], false),
            (&["calligraphy"], false),
        ] {
            let answer = customers.create_customer(liking(texts)).await;
            assert_eq!(answer.is_ok(), fine, "{texts:?}");
        }
        let raise = wire::UpdateAttributeDefinitionRequest {
            attribute_definition: Some(wire::AttributeDefinition {
                name: made.name,
                count_max: 3,
                ..Default::default()
            }),
            update_mask: mask(&["count_max", "length_max"]),
            ..Default::default()
        };
        let raised = client.update_attribute_definition(raise).await;
        let raised = raised.expect("raised").into_inner();
        assert_eq!((raised.length_max, raised.count_max), (0, 3));
        let longer = liking(&["tea", "chess", "calligraphy"]);
        customers.create_customer(longer).await.expect("legal now");
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_before_it_is_looked_for() {
    for house in House::each().await {
        let mut client = house.definitions();
        let request = wire::GetAttributeDefinitionRequest {
            name: "attributeDefinitions/a\0b".to_owned(),
        };
        let status = status_of(client.get_attribute_definition(request).await);
        assert_eq!(status.code(), Code::InvalidArgument, "{:?}", house.db);
        assert_eq!(refusal(&status).fields, ["name"]);
    }
}

#[tokio::test]
async fn of_many_that_are_made_at_the_same_time_none_is_beyond_the_limit() {
    for house in House::each().await {
        let mut client = house.definitions();
        let made = client.create_attribute_definition(points("points"));
        made.await.expect("made");
        let others = "tenant_id, uid, revision, create_time, update_time, kind, class, display_name, \
                      description, choices, deprecated, length_max, count_max";
        let copies = format!(
            "INSERT INTO attribute_definition (id, {others}) WITH RECURSIVE n(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 498) \
             SELECT 'copy' || i, {others} FROM attribute_definition, n"
        );
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let work = house.db.db.write(&ctx, move |tx| {
            Box::pin(async move {
                tx.conn().execute_unprepared(&copies).await.expect("copied");
                Ok(())
            })
        });
        work.await.expect("written");
        let create = |number: usize| {
            let mut client = house.definitions();
            let request = points(&format!("last{number}"));
            tokio::spawn(async move { client.create_attribute_definition(request).await })
        };
        let created = futures::future::join_all((0..10).map(create)).await;
        let created = created.into_iter().map(|made| made.expect("ran"));
        let (made, refused): (Vec<_>, Vec<_>) = created.partition(Result::is_ok);
        assert_eq!(made.len(), 1, "{:?}", house.db);
        for status in refused.into_iter().filter_map(Result::err) {
            assert_eq!(refusal(&status).reason, "LIMIT_EXCEEDED");
        }
    }
}
