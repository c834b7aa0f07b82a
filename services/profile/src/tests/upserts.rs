//! Create or update by identifier.

use std::future::Future;

use dossier_proto::profile::v1 as wire;
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;

use super::*;

async fn upsert(
    client: &mut Customers,
    customer: wire::Customer,
    paths: &[&str],
) -> Result<(wire::Customer, &'static str), Status> {
    let update_mask = (!paths.is_empty()).then(|| mask(paths)).flatten();
    let request = wire::UpsertCustomerRequest {
        customer: Some(customer),
        update_mask,
        ..Default::default()
    };
    let answer = client.upsert_customer(request).await?.into_inner();
    let outcome = answer
        .outcome()
        .as_str_name()
        .trim_start_matches("UPSERT_OUTCOME_");
    Ok((answer.customer.expect("a customer"), outcome))
}

fn reached_by(points: &[wire::ContactPoint]) -> wire::Customer {
    wire::Customer {
        contact_points: points.to_vec(),
        ..person("")
    }
}

#[tokio::test]
async fn a_customer_is_made_then_found_then_left_alone() {
    for house in House::each().await {
        let mut client = house.customers();
        let first = wire::Customer {
            tags: vec!["a".to_owned()],
            ..known("1")
        };
        let (made, outcome) = upsert(&mut client, first.clone(), &[]).await.expect("made");
        assert_eq!(outcome, "CREATED");
        let (same, outcome) = upsert(&mut client, first, &[]).await.expect("found");
        assert!(outcome == "UNCHANGED" && same == made);
        let more = wire::Customer {
            tags: vec!["b".to_owned()],
            contact_points: vec![email("a@example.com")],
            region_code: "CN".to_owned(),
            ..known("1")
        };
        let (now, outcome) = upsert(&mut client, more, &[]).await.expect("found");
        assert_eq!(
            (outcome, now.name, now.tags.len()),
            ("UPDATED", made.name.clone(), 2)
        );
        // By the e-mail alone, and only what the mask names.
        let masked = wire::Customer {
            region_code: "JP".to_owned(),
            tags: vec!["c".to_owned()],
            ..reached_by(&[email("A@example.com")])
        };
        let (now, outcome) = upsert(&mut client, masked, &["tags"]).await.expect("found");
        assert_eq!((outcome, now.region_code.as_str()), ("UPDATED", "CN"));
        assert_eq!(now.tags, ["c"], "a field that is named is replaced");
        assert_eq!(now.name, made.name);
    }
}

#[tokio::test]
async fn identifiers_of_two_customers_are_a_conflict_that_names_both() {
    for house in House::each().await {
        let mut client = house.customers();
        let one = create(&mut client, known("1")).await.name;
        let shared = wire::Customer {
            contact_points: vec![email("a@example.com")],
            ..known("2")
        };
        let two = create(&mut client, shared).await.name;
        let mut both = [one, two];
        both.sort();
        let ids = wire::Customer {
            external_ids: vec![id("crm", "1"), id("crm", "2")],
            ..person("x")
        };
        let mixed = wire::Customer {
            contact_points: vec![email("a@example.com")],
            ..known("1")
        };
        for customer in [ids, mixed] {
            let status = status_of(upsert(&mut client, customer, &[]).await);
            assert_eq!(refusal(&status).reason, "IDENTITY_CONFLICT");
            assert_eq!(status.code(), Code::FailedPrecondition);
            assert_eq!(fact(&status, "customers"), both.join(","));
        }
        let nobody = status_of(upsert(&mut client, person("x"), &[]).await);
        assert_eq!(refusal(&nobody).fields, ["customer.external_ids"]);
    }
}

#[tokio::test]
async fn a_shared_phone_does_not_hide_whose_e_mail_it_is() {
    for house in House::each().await {
        let mut client = house.customers();
        let phone = phone("+8613800000000");
        let wife = wire::Customer {
            contact_points: vec![phone.clone()],
            ..known("wife")
        };
        let husband = wire::Customer {
            contact_points: vec![phone.clone(), email("h@example.com")],
            ..known("husband")
        };
        create(&mut client, wife).await;
        let husband = create(&mut client, husband).await.name;
        let both = reached_by(&[phone.clone(), email("h@example.com")]);
        let (found, outcome) = upsert(&mut client, both, &[]).await.expect("found");
        assert_eq!((found.name, outcome), (husband, "UNCHANGED"));
        let ambiguous = upsert(&mut client, reached_by(&[phone]), &[]).await;
        assert_eq!(refused(ambiguous).1, "IDENTITY_CONFLICT");
    }
}

#[tokio::test]
async fn upserts_at_the_same_time_make_one_customer() {
    for house in House::each().await {
        let elsewhere = house.restarted().await;
        for customer in [reached_by(&[email("new@example.com")]), known("new")] {
            let attempts = (0..16).map(|number| {
                let mut client = if number % 2 == 0 {
                    house.customers()
                } else {
                    elsewhere.customers()
                };
                let customer = wire::Customer {
                    tags: vec![format!("t{number}")],
                    ..customer.clone()
                };
                tokio::spawn(async move { upsert(&mut client, customer, &[]).await })
            });
            let mut names = std::collections::BTreeSet::new();
            let mut made = 0;
            for answer in futures::future::join_all(attempts).await {
                let (customer, outcome) = answer.expect("ran").expect("answered");
                names.insert(customer.name);
                made += u32::from(outcome == "CREATED");
            }
            assert_eq!((names.len(), made), (1, 1), "{:?}", house.db);
            let name = names.first().expect("one");
            let now = get(&mut house.restarted().await.customers(), name)
                .await
                .expect("there");
            assert_eq!(now.tags.len(), 16);
        }
    }
}

#[tokio::test]
async fn an_identifier_of_a_deleted_customer_is_not_given_to_another() {
    for house in House::each().await {
        let mut client = house.customers();
        let made = create(&mut client, known("1")).await;
        let delete = wire::DeleteCustomerRequest {
            name: made.name.clone(),
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let status = status_of(upsert(&mut client, known("1"), &[]).await);
        assert_eq!(refusal(&status).reason, "FAILED_PRECONDITION");
        assert_eq!(fact(&status, "resource"), made.name);
    }
}

/// On PostgreSQL: runs `first` until it only has to commit, then `second` until it waits for it, then
/// both to their ends.
async fn interleaved<T: Send + 'static>(
    house: &House,
    first: impl Future<Output = T> + Send + 'static,
    second: impl Future<Output = T> + Send + 'static,
) -> (T, T) {
    let (hold, held) = tokio::sync::oneshot::channel();
    let (come, comes) = tokio::sync::oneshot::channel();
    let db = house.db.reopen().await;
    let reader = db.clone();
    let gate = tokio::spawn(async move {
        let tenant = TenantId::embedded_default();
        let ctx = Ctx::service("test", tenant.clone());
        let work = db.write(&ctx, move |tx| {
            Box::pin(async move {
                // Whatever is written ends with the feed.
                let lock = "LOCK TABLE feed_head IN SHARE ROW EXCLUSIVE MODE";
                tx.conn().execute_unprepared(lock).await.expect("locked");
                hold.send(()).expect("there");
                let reader = reader.reader_of(&tenant);
                waiting(&reader, 1).await;
                come.send(()).expect("there");
                waiting(&reader, 2).await;
                Ok(())
            })
        });
        work.await.expect("released");
    });
    held.await.expect("held");
    let first = tokio::spawn(first);
    comes.await.expect("the first waits");
    let second = tokio::spawn(second);
    gate.await.expect("ran");
    (first.await.expect("ran"), second.await.expect("ran"))
}

/// Returns when so many of the test's transactions wait for others.
async fn waiting(reader: &dossier_db::Reader, wanted: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
               AND application_name = current_setting('application_name')";
    loop {
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        let row = reader.query_one_raw(statement).await.expect("reads");
        let count: i64 = row.expect("a row").try_get_by(0).expect("a count");
        if count >= wanted {
            return;
        }
    }
}

#[tokio::test]
async fn an_identifier_that_moves_meanwhile_is_decided_by_anew() {
    for house in House::each().await {
        if house.db.db.backend() == dossier_db::Backend::Sqlite {
            continue;
        }
        let mut client = house.customers();
        let wang = create(&mut client, known("7")).await;
        let moved = wire::UpdateCustomerRequest {
            customer: Some(wire::Customer {
                name: wang.name.clone(),
                external_ids: vec![id("crm", "8")],
                ..Default::default()
            }),
            update_mask: mask(&["external_ids"]),
            ..Default::default()
        };
        let mut other = house.customers();
        let first = async move {
            client.update_customer(moved).await.expect("moved");
            None
        };
        let second = async move {
            let li = wire::Customer {
                given_name: "Na".to_owned(),
                ..known("7")
            };
            Some(upsert(&mut other, li, &[]).await)
        };
        let (_, second) = interleaved(&house, first, second).await;
        let (li, outcome) = second.expect("ran").expect("decided");
        assert_eq!(outcome, "CREATED");
        assert_ne!(li.name, wang.name);
        let wang = get(&mut house.customers(), &wang.name).await.expect("read");
        assert_eq!(wang.given_name, "");
        assert!(wang.external_ids == [id("crm", "8")]);
    }
}

/// Gives the customer's phone number to so many others, as a careless import does.
async fn crowd(house: &House, count: u32) {
    use sea_orm::{EntityTrait, IdenStatic, Iterable};
    type Column = <store::customer::Entity as EntityTrait>::Column;
    let columns = Column::iter().filter(|column| !matches!(column, Column::Id));
    let columns: Vec<String> = columns.map(|c| format!("{:?}", c.as_str())).collect();
    let columns = columns.join(", ");
    let id = match house.db.db.backend() {
        dossier_db::Backend::Sqlite => "randomblob(16)",
        dossier_db::Backend::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "INSERT INTO customer (id, {columns}) WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         SELECT {id}, {columns} FROM customer, n"
    );
    let keys = "INSERT INTO customer_key (tenant_id, kind, hash, holder, customer_id, index_version) \
                SELECT k.tenant_id, k.kind, k.hash, c.id, c.id, k.index_version \
                FROM customer_key k, customer c WHERE k.kind = 2 AND c.id <> k.customer_id";
    let ctx = Ctx::service("test", TenantId::embedded_default());
    let work = house.db.db.write(&ctx, move |tx| {
        Box::pin(async move {
            for sql in [copies.as_str(), keys] {
                tx.conn().execute_unprepared(sql).await.expect("copied");
            }
            Ok(())
        })
    });
    work.await.expect("written");
}

#[tokio::test]
async fn a_placeholder_that_everybody_has_hinders_nobody() {
    const COUNT: u32 = 70_000;
    for house in House::each().await {
        let mut client = house.customers();
        let placeholder = wire::Customer {
            contact_points: vec![phone("+8613800000000")],
            ..known("first")
        };
        let first = create(&mut client, placeholder.clone()).await;
        crowd(&house, COUNT).await;

        let key = common::customer_key::Key::Phone("+8613800000000".to_owned());
        let request = wire::LookupCustomersRequest {
            keys: vec![common::CustomerKey {
                key: Some(key),
                ..Default::default()
            }],
            ..Default::default()
        };
        let found = client.lookup_customers(request).await.expect("answered");
        assert_eq!(found.into_inner().results[0].match_count, COUNT as i32 + 1);
        // The external id decides, and no other holder is even opened.
        let (found, outcome) = upsert(&mut client, placeholder, &[]).await.expect("found");
        assert_eq!((found.name, outcome), (first.name, "UNCHANGED"));
        let many = upsert(&mut client, reached_by(&[phone("+8613800000000")]), &[]).await;
        assert_eq!(refused(many).1, "IDENTITY_CONFLICT");
    }
}
