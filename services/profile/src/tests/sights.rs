//! Who sees which customers, and what of them.

use std::io::Write as _;

use dossier_access::Access;
use dossier_kernel::Role;
use dossier_proto::DESCRIPTORS;
use dossier_proto::common::v1::DataClass;
use dossier_proto::profile::v1 as wire;
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;
use wire::attribute_value::Kind;
use wire::import_customers_request::Part;
use wire::watch_customers_response::Item;

use super::imports::{header, import};
use super::*;

impl House {
    /// The same data under other policies.
    pub async fn under(&self, policies: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(policies.as_bytes()).expect("written");
        let access = Access::load(DESCRIPTORS, file.path()).expect("valid policies");
        let db = Arc::clone(&self.db);
        let profile = profile_with(&db, &self.clock, &self.stop, access).await;
        Self {
            db,
            clock: self.clock.clone(),
            profile,
            stop: self.stop.clone(),
        }
    }

    /// As a broken disk would: what is sealed in these columns opens no more.
    pub async fn corrupt(&self, columns: &[&str]) {
        for column in columns {
            let broken = match self.db.db.backend() {
                dossier_db::Backend::Sqlite => "x'00'",
                dossier_db::Backend::Postgres => "'\\x00'::bytea",
            };
            let sql = format!("UPDATE customer SET {column} = {broken} WHERE {column} IS NOT NULL");
            self.db
                .db
                .write(
                    &Ctx::service("test", TenantId::embedded_default()),
                    move |tx| {
                        Box::pin(async move {
                            let backend = tx.conn().get_database_backend();
                            let statement = Statement::from_string(backend, sql);
                            tx.conn()
                                .execute_raw(statement)
                                .await
                                .map_err(dossier_db::error)?;
                            Ok(())
                        })
                    },
                )
                .await
                .expect("corrupted");
        }
    }
}

/// A customer with a secret of class SENSITIVE.
pub async fn secretive(house: &House) -> wire::Customer {
    let definition = wire::CreateAttributeDefinitionRequest {
        attribute_definition: Some(wire::AttributeDefinition {
            r#type: wire::AttributeType::String.into(),
            data_class: DataClass::Sensitive.into(),
            display_name: "Allergies".to_owned(),
            ..Default::default()
        }),
        attribute_definition_id: "allergies".to_owned(),
        request_id: request_id(),
    };
    let mut definitions = house.definitions();
    let made = definitions.create_attribute_definition(definition).await;
    made.expect("defined");
    let customer = wire::Customer {
        contact_points: vec![email("amy.pond@example.com")],
        addresses: vec![wire::Address {
            region_code: "GB".to_owned(),
            locality: "Leadworth".to_owned(),
            address_lines: vec!["1 Pond Road".to_owned()],
            ..Default::default()
        }],
        attributes: [("allergies".to_owned(), text("nuts"))].into(),
        ..known("Amelia Pond")
    };
    create(&mut house.customers(), customer).await
}

pub fn text(value: &str) -> wire::AttributeValue {
    wire::AttributeValue {
        kind: Some(Kind::StringValue(value.to_owned())),
    }
}

pub fn masked(customer: &wire::Customer) -> Vec<&str> {
    let mask = customer.masked_fields.as_ref();
    mask.into_iter()
        .flat_map(|mask| &mask.paths)
        .map(String::as_str)
        .collect()
}

pub fn update(customer: wire::Customer, paths: &[&str]) -> wire::UpdateCustomerRequest {
    wire::UpdateCustomerRequest {
        customer: Some(customer),
        update_mask: mask(paths),
        request_id: request_id(),
        ..Default::default()
    }
}

#[tokio::test]
async fn what_a_role_may_not_see_is_left_out_and_named() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let seen = get(&mut house.customers_as(amy(Role::Analyst)), &whole.name).await;
        let seen = seen.expect("read");
        assert_eq!(
            masked(&seen),
            [
                "display_name",
                "given_name",
                "family_name",
                "legal_name",
                "contact_points",
                "external_ids",
                "addresses.postal_code",
                "addresses.address_lines",
                "attributes"
            ]
        );
        let blank = wire::Customer {
            display_name: String::new(),
            contact_points: Vec::new(),
            external_ids: Vec::new(),
            addresses: vec![wire::Address {
                address_lines: Vec::new(),
                ..whole.addresses[0].clone()
            }],
            attributes: Default::default(),
            masked_fields: seen.masked_fields.clone(),
            ..whole.clone()
        };
        assert!(seen == blank);

        let seen = get(&mut house.customers_as(amy(Role::Agent)), &whole.name).await;
        let seen = seen.expect("read");
        assert_eq!(masked(&seen), ["attributes"]);
        assert!(seen.attributes.is_empty());
        assert_eq!(seen.display_name, "Amelia Pond");
        let seen = get(
            &mut house.customers_as(amy(Role::PrivacyOfficer)),
            &whole.name,
        )
        .await;
        assert!(seen.expect("read") == whole);
    }
}

#[tokio::test]
async fn what_is_masked_is_not_even_opened() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        house.corrupt(&["direct", "sensitive"]).await;
        let house = house.restarted().await;
        let mut analyst = house.customers_as(amy(Role::Analyst));
        get(&mut analyst, &whole.name).await.expect("not opened");
        let request = wire::ListCustomersRequest::default();
        let page = analyst.list_customers(request).await.expect("not opened");
        assert_eq!(page.into_inner().customers.len(), 1);
        let opened = get(&mut house.customers_as(amy(Role::Agent)), &whole.name).await;
        assert_eq!(
            status_of(opened).code(),
            Code::Internal,
            "an agent's answer opens it"
        );
    }
}

#[tokio::test]
async fn a_writer_keeps_the_sensitive_values_it_does_not_see() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        // Neither by writing back what it read, nor by replacing everything, nor by name.
        let read = get(&mut agent, &whole.name).await.expect("read");
        for paths in [&[][..], &["*"], &["attributes"], &["attributes.allergies"]] {
            let change = wire::Customer {
                etag: String::new(),
                ..read.clone()
            };
            let request = update(change, paths);
            agent.update_customer(request).await.expect("written");
            let now = get(&mut house.customers(), &whole.name)
                .await
                .expect("read");
            assert!(now.attributes == whole.attributes, "{paths:?}");
        }
        // What it sets it sets unseen.
        let change = wire::Customer {
            etag: String::new(),
            attributes: [("allergies".to_owned(), text("none"))].into(),
            ..read.clone()
        };
        let answer = agent
            .update_customer(update(change, &["attributes.allergies"]))
            .await;
        let answer = answer.expect("written").into_inner();
        assert!(answer.attributes.is_empty());
        assert_eq!(masked(&answer), ["attributes"]);
        let now = get(&mut house.customers(), &whole.name)
            .await
            .expect("read");
        assert!(now.attributes["allergies"] == text("none"));

        // Other changes save what is sealed as it is.
        house.corrupt(&["sensitive"]).await;
        let house = house.restarted().await;
        let change = wire::Customer {
            etag: String::new(),
            region_code: "GB".to_owned(),
            ..read
        };
        let mut agent = house.customers_as(amy(Role::Agent));
        let answer = agent
            .update_customer(update(change, &["region_code"]))
            .await;
        assert_eq!(answer.expect("not opened").into_inner().region_code, "GB");
    }
}

#[tokio::test]
async fn a_guess_at_what_one_does_not_see_is_answered_as_any_other() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        let guess = |value: &str, etag: &str| {
            let change = wire::Customer {
                name: whole.name.clone(),
                etag: etag.to_owned(),
                attributes: [("allergies".to_owned(), text(value))].into(),
                ..Default::default()
            };
            update(change, &["attributes.allergies"])
        };
        for value in ["nuts", "milk"] {
            let stale = status_of(agent.update_customer(guess(value, "0")).await);
            assert_eq!(fact(&stale, "fields"), "attributes.allergies", "{value}");
            let rehearsal = wire::UpdateCustomerRequest {
                validate_only: true,
                ..guess(value, "")
            };
            let rehearsed = agent.update_customer(rehearsal).await.expect("legal");
            assert_eq!(rehearsed.into_inner().etag, "2", "{value}");
            let upsert = wire::UpsertCustomerRequest {
                customer: Some(wire::Customer {
                    attributes: [("allergies".to_owned(), text(value))].into(),
                    ..known("Amelia Pond")
                }),
                validate_only: true,
                ..Default::default()
            };
            let upserted = agent.upsert_customer(upsert).await.expect("legal");
            let outcome = upserted.into_inner().outcome();
            assert_eq!(outcome.as_str_name(), "UPSERT_OUTCOME_UPDATED", "{value}");
        }
        // Who guesses right leaves a revision, and with it an event.
        let answer = agent.update_customer(guess("nuts", "")).await;
        assert_eq!(answer.expect("written").into_inner().etag, "2");
        // Whoever sees the value is told that it stays.
        let stale = status_of(house.customers().update_customer(guess("nuts", "0")).await);
        assert_eq!(fact(&stale, "fields"), "");
    }
}

#[tokio::test]
async fn nothing_tells_whether_there_is_a_sensitive_value() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let plain = create(&mut house.customers(), known("Rory")).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        let read = get(&mut agent, &plain.name).await.expect("read");
        assert_eq!(masked(&read), ["attributes"], "as of one that has some");

        let mut stream = house
            .customers()
            .watch_customers(wire::WatchCustomersRequest::default())
            .await
            .expect("watches")
            .into_inner();
        stream.message().await.expect("goes on");
        let change = wire::Customer {
            name: whole.name.clone(),
            region_code: "GB".to_owned(),
            attributes: [("allergies".to_owned(), text("milk"))].into(),
            ..Default::default()
        };
        let request = update(change, &["region_code", "attributes"]);
        let mut services = house.customers();
        services.update_customer(request).await.expect("written");
        let told = loop {
            let message = stream.message().await.expect("goes on").expect("a message");
            match message.item {
                Some(Item::Change(told)) => break told,
                _ => continue,
            }
        };
        let fields = told.changed_fields.expect("a mask").paths;
        assert_eq!(fields, ["region_code", "attributes"]);
    }
}

const BLIND_WRITERS: &str = r#"
@id("blind") permit (principal in Role::"analyst", action, resource)
when { resource.data_class == DataClass::"OPEN" };
"#;

#[tokio::test]
async fn a_writer_clears_and_replaces_no_names_it_does_not_see() {
    for house in House::each().await {
        let whole = secretive(&house).await;
        let house = house.under(BLIND_WRITERS).await;
        let mut blind = house.customers_as(amy(Role::Analyst));
        let read = get(&mut blind, &whole.name).await.expect("read");
        let change = wire::Customer {
            etag: String::new(),
            region_code: "GB".to_owned(),
            ..read
        };
        let answer = blind.update_customer(update(change, &["*"])).await;
        let answer = answer.expect("written").into_inner();
        assert!(answer.display_name.is_empty() && answer.contact_points.is_empty());
        let now = get(&mut house.customers(), &whole.name)
            .await
            .expect("read");
        assert_eq!(now.region_code, "GB");
        assert_eq!(now.display_name, whole.display_name);
        assert!(now.contact_points == whole.contact_points);
        assert!(now.external_ids == whole.external_ids);
        assert!(now.addresses.contains(&whole.addresses[0]));
        assert!(now.attributes == whole.attributes);
    }
}

pub const OWNERS: &str = r#"
@id("own") permit (principal in Role::"agent", action, resource)
when { resource has owner && resource.owner == principal.name };
@id("vip") forbid (principal, action, resource)
when { resource.tags.contains("vip") };
@id("admin") permit (principal in Role::"admin", action, resource);
@id("services") permit (principal is Service, action, resource);
"#;

pub fn owned(value: &str, owner: &str) -> wire::Customer {
    wire::Customer {
        owner: owner.to_owned(),
        ..known(value)
    }
}

#[tokio::test]
async fn a_row_that_policies_refuse_is_as_if_it_were_not_there() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut admin = house.customers();
        let mine = create(&mut admin, owned("mine", "person:amy")).await;
        let other = create(&mut admin, owned("other", "person:bob")).await;
        let mut agent = house.customers_as(amy(Role::Agent));

        assert!(get(&mut agent, &mine.name).await.expect("read") == mine);
        let missing = (Code::NotFound, "NOT_FOUND".to_owned());
        assert_eq!(refused(get(&mut agent, &other.name).await), missing);
        let request = wire::BatchGetCustomersRequest {
            names: vec![mine.name.clone(), other.name.clone()],
        };
        assert_eq!(refused(agent.batch_get_customers(request).await), missing);
        let change = wire::Customer {
            name: other.name.clone(),
            region_code: "DE".to_owned(),
            ..Default::default()
        };
        let change = update(change, &["region_code"]);
        assert_eq!(refused(agent.update_customer(change).await), missing);
        let request = wire::DeleteCustomerRequest {
            name: other.name.clone(),
            ..Default::default()
        };
        assert_eq!(refused(agent.delete_customer(request).await), missing);
        let request = wire::LookupCustomersRequest {
            names: vec![mine.name.clone(), other.name.clone()],
            ..Default::default()
        };
        let found = agent.lookup_customers(request).await.expect("looked up");
        let found = found.into_inner().results;
        assert_eq!(found[0].customer, mine.name);
        assert_eq!(found[1].customer, "");
    }
}

#[tokio::test]
async fn nobody_makes_or_leaves_a_row_that_policies_refuse_them() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        let mine = create(&mut agent, owned("mine", "person:amy")).await;
        let denied = (Code::PermissionDenied, "PERMISSION_DENIED".to_owned());
        let request = wire::CreateCustomerRequest {
            customer: Some(owned("other", "person:bob")),
            ..Default::default()
        };
        assert_eq!(refused(agent.create_customer(request).await), denied);
        let given_away = wire::Customer {
            name: mine.name.clone(),
            owner: "person:bob".to_owned(),
            ..Default::default()
        };
        let request = update(given_away, &["owner"]);
        assert_eq!(refused(agent.update_customer(request).await), denied);
        let request = wire::AddTagsRequest {
            name: mine.name.clone(),
            tags: vec!["vip".to_owned()],
            ..Default::default()
        };
        assert_eq!(refused(agent.add_tags(request).await), denied);
        let request = wire::UpsertCustomerRequest {
            customer: Some(owned("new", "person:bob")),
            ..Default::default()
        };
        assert_eq!(refused(agent.upsert_customer(request).await), denied);
        assert!(get(&mut agent, &mine.name).await.expect("read") == mine);
    }
}

#[tokio::test]
async fn a_row_that_policies_refuse_is_not_imported_and_the_others_are() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut admin = house.customers();
        let other = create(&mut admin, owned("other", "person:bob")).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        let rows = || {
            let renamed = wire::Customer {
                display_name: "renamed".to_owned(),
                ..owned("other", "person:amy")
            };
            let customers = vec![
                owned("first", "person:amy"),
                owned("made for bob", "person:bob"),
                renamed,
                owned("last", "person:amy"),
            ];
            Part::Rows(wire::ImportRows { customers })
        };
        let rehearsal = wire::ImportHeader {
            dry_run: true,
            ..header(wire::ImportFormat::Rows, &[])
        };
        let refused = vec![
            (2, String::new(), "PERMISSION_DENIED"),
            (3, String::new(), "NOT_FOUND"),
        ];
        for header in [rehearsal, header(wire::ImportFormat::Rows, &[])] {
            let done = import(&mut agent, vec![Part::Header(header), rows()]).await;
            let done = done.expect("runs");
            assert_eq!((&done.errors, done.counts), (&refused, [4, 2, 0, 0, 2]));
        }
        let list = admin
            .list_customers(wire::ListCustomersRequest::default())
            .await;
        let kept = list.expect("a page").into_inner().customers;
        let names: Vec<_> = kept.iter().map(|one| one.display_name.as_str()).collect();
        assert_eq!(names, ["other", "first", "last"]);
        assert!(kept[0] == other, "bob's is as it was");
    }
}

#[tokio::test]
async fn pages_are_filled_with_what_may_be_seen() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut admin = house.customers();
        for number in 0..12 {
            let owner = if number % 3 == 2 {
                "person:amy"
            } else {
                "person:bob"
            };
            create(&mut admin, owned(&format!("c{number:02}"), owner)).await;
            house.pass(Duration::from_secs(1));
        }
        let mut agent = house.customers_as(amy(Role::Agent));
        let mut request = wire::ListCustomersRequest {
            page_size: 3,
            ..Default::default()
        };
        let page = agent.list_customers(request.clone()).await.expect("a page");
        let page = page.into_inner();
        let names: Vec<_> = page
            .customers
            .iter()
            .map(|c| c.display_name.as_str())
            .collect();
        assert_eq!(names, ["c02", "c05", "c08"]);
        request.page_token = page.next_page_token;
        let page = agent.list_customers(request).await.expect("a page");
        let page = page.into_inner();
        assert_eq!(page.customers.len(), 1);
        assert!(page.next_page_token.is_empty());
        let filter = wire::ListCustomersRequest {
            filter: "owner = \"person:bob\"".to_owned(),
            ..Default::default()
        };
        let all = admin.list_customers(filter.clone()).await.expect("a page");
        assert_eq!(all.into_inner().customers.len(), 8);
        let none = agent.list_customers(filter).await.expect("a page");
        assert!(none.into_inner().customers.is_empty());
    }
}

#[tokio::test]
async fn a_watch_tells_only_of_rows_that_may_be_seen() {
    for house in House::each().await {
        let house = house.under(OWNERS).await;
        let mut admin = house.customers();
        create(&mut admin, owned("other", "person:bob")).await;
        let mine = create(&mut admin, owned("mine", "person:amy")).await;
        let mut agent = house.customers_as(amy(Role::Agent));
        let request = wire::WatchCustomersRequest {
            include_snapshot: true,
            ..Default::default()
        };
        let mut stream = agent
            .watch_customers(request)
            .await
            .expect("watches")
            .into_inner();
        let mut told = Vec::new();
        let mut written = false;
        while told.len() < 2 {
            let message = stream.message().await.expect("goes on").expect("a message");
            match message.item.expect("an item") {
                Item::Change(change) => told.push(change.customer.expect("a customer").name),
                Item::Heartbeat(_) if !written => {
                    written = true;
                    create(&mut admin, owned("bobs", "person:bob")).await;
                    let change = wire::Customer {
                        name: mine.name.clone(),
                        region_code: "CN".to_owned(),
                        ..Default::default()
                    };
                    let change = update(change, &["region_code"]);
                    admin.update_customer(change).await.expect("updated");
                }
                Item::Heartbeat(_) => {}
                Item::End(_) => panic!("ended"),
            }
        }
        assert_eq!(told, [mine.name.as_str(), mine.name.as_str()]);
    }
}
