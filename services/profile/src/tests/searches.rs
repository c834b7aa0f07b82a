//! Finding customers by name.

use dossier_kernel::Role;
use dossier_proto::profile::v1 as wire;
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;
use wire::import_customers_request::Part;

use super::imports::{header, import};
use super::*;

async fn ask(
    client: &mut Searches,
    request: wire::SearchCustomersRequest,
) -> Result<wire::SearchCustomersResponse, Status> {
    Ok(client.search_customers(request).await?.into_inner())
}

fn words(query: &str) -> wire::SearchCustomersRequest {
    wire::SearchCustomersRequest {
        query: query.to_owned(),
        ..Default::default()
    }
}

/// Display names of who is found, in their order.
pub async fn found(client: &mut Searches, query: &str) -> Vec<String> {
    let answer = ask(client, words(query)).await.expect("searches");
    let customers = answer.results.into_iter().map(|one| one.customer);
    customers
        .map(|customer| customer.expect("a customer").display_name)
        .collect()
}

async fn rename(client: &mut Customers, name: &str, display_name: &str) {
    let request = wire::UpdateCustomerRequest {
        customer: Some(wire::Customer {
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            ..Default::default()
        }),
        update_mask: mask(&["display_name"]),
        ..Default::default()
    };
    client.update_customer(request).await.expect("renamed");
}

async fn count(house: &House, table: &str) -> i64 {
    let reader = house.db.db.reader_of(&TenantId::all());
    let sql = format!("SELECT count(*) FROM {table}");
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(statement).await.expect("reads");
    row.expect("a row").try_get_by(0).expect("a count")
}

#[tokio::test]
async fn a_customer_is_found_by_what_is_remembered_of_the_name() {
    for house in House::each().await {
        let mut customers = house.customers();
        let mut reached = person("王小明");
        reached.contact_points = vec![phone("+8613800004711"), email("wang@example.com")];
        create(&mut customers, reached).await;
        create(&mut customers, person("李小红")).await;
        create(&mut customers, person("单田芳")).await;
        create(&mut customers, person("Jonathan Meyer")).await;
        let mut searches = house.searches();
        for query in [
            "王",
            "小明",
            "王小明",
            "xiaoming",
            "xiaom",
            "wxm",
            "wangxm",
            "ＷＡＮＧ xiaoming",
            "王晓明",
            "4711",
            "138 0000 4711",
            "Wang@Example.com",
        ] {
            assert_eq!(found(&mut searches, query).await, ["王小明"], "{query}");
        }
        for query in ["jon", "MEYER", "meyer jonathan", "jonahtan", "mayer", "j m"] {
            let names = found(&mut searches, query).await;
            assert_eq!(names, ["Jonathan Meyer"], "{query}");
        }
        for query in ["shantf", "dantianfang", "stf", "单田"] {
            assert_eq!(found(&mut searches, query).await, ["单田芳"], "{query}");
        }
        for query in ["张", "王小红", "wangxiaohong", "zzz", "meier x", "4712"] {
            assert!(found(&mut searches, query).await.is_empty(), "{query}");
        }
        let mut small = found(&mut searches, "x").await;
        small.sort_unstable();
        assert!(small.is_empty(), "no name begins so: {small:?}");
    }
}

#[tokio::test]
async fn the_best_stands_first_and_says_why() {
    for house in House::each().await {
        let mut customers = house.customers();
        for name in ["王力宏", "Wangari Maathai", "王", "Wang"] {
            create(&mut customers, person(name)).await;
        }
        let mut searches = house.searches();
        let answer = ask(&mut searches, words("wang")).await.expect("searches");
        let told: Vec<_> = answer
            .results
            .iter()
            .map(|one| {
                let customer = one.customer.as_ref().expect("a customer");
                (customer.display_name.as_str(), one.r#match().as_str_name())
            })
            .collect();
        assert_eq!(told[0], ("Wang", "SEARCH_MATCH_WHOLE"));
        assert_eq!(told[1], ("Wangari Maathai", "SEARCH_MATCH_PART"));
        let pinyin = told[2..].iter().map(|(_, found)| *found);
        assert_eq!(pinyin.collect::<Vec<_>>(), ["SEARCH_MATCH_PINYIN"; 2]);
        assert_eq!(answer.results[0].matched_fields, ["display_name"]);
        assert!(!answer.truncated);
    }
}

#[tokio::test]
async fn who_is_renamed_deleted_or_anothers_is_not_found() {
    for house in House::each().await {
        let mut customers = house.customers();
        let mut searches = house.searches();
        let wang = create(&mut customers, person("王小明")).await.name;
        rename(&mut customers, &wang, "赵小明").await;
        assert!(found(&mut searches, "王小明").await.is_empty());
        assert!(found(&mut searches, "wangxm").await.is_empty());
        assert_eq!(found(&mut searches, "zhaoxm").await, ["赵小明"]);

        let mut elsewhere = house.searches_of("elsewhere");
        assert!(found(&mut elsewhere, "赵").await.is_empty());

        let delete = wire::DeleteCustomerRequest {
            name: wang.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        assert!(found(&mut searches, "赵小明").await.is_empty());
        let undelete = wire::UndeleteCustomerRequest {
            name: wang,
            ..Default::default()
        };
        customers.undelete_customer(undelete).await.expect("back");
        assert_eq!(found(&mut searches, "赵小明").await, ["赵小明"]);
    }
}

#[tokio::test]
async fn an_erasure_takes_the_terms_away() {
    for house in House::each().await {
        let mut customers = house.customers();
        let wang = create(&mut customers, person("王小明")).await.name;
        create(&mut customers, person("李四")).await;
        let postings = match house.db.db.backend() {
            dossier_db::Backend::Sqlite => "term_index",
            dossier_db::Backend::Postgres => "term_customer",
        };
        let before = count(&house, postings).await;
        let request = wire::CreatePrivacyRequestRequest {
            privacy_request: Some(wire::PrivacyRequest {
                customer: wang,
                r#type: wire::PrivacyRequestType::Erase.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut requests = house.privacy_requests();
        requests
            .create_privacy_request(request)
            .await
            .expect("asked");
        assert!(found(&mut house.searches(), "王小明").await.is_empty());
        house.erase().await;
        assert_eq!(count(&house, "customer_term").await, 1);
        assert!(count(&house, postings).await < before);
    }
}

#[tokio::test]
async fn what_the_caller_may_not_see_is_neither_found_nor_counted() {
    for house in House::each().await {
        let mut customers = house.customers();
        for number in 0..6 {
            let owner = ["person:amy", "person:bob"][number % 2];
            let customer = wire::Customer {
                owner: owner.to_owned(),
                ..person(&format!("王小{number}"))
            };
            create(&mut customers, customer).await;
        }
        let own = house.under(super::sights::OWNERS).await;
        let mut searches = own.searches_as(amy(Role::Agent));
        let request = wire::SearchCustomersRequest {
            page_size: 2,
            ..words("王小")
        };
        let first = ask(&mut searches, request.clone()).await.expect("searches");
        assert_eq!(first.results.len(), 2);
        let rest = wire::SearchCustomersRequest {
            page_token: first.next_page_token,
            ..request
        };
        let second = ask(&mut searches, rest).await.expect("searches");
        assert_eq!(second.results.len(), 1);
        assert!(second.next_page_token.is_empty() && !second.truncated);
        for one in first.results.iter().chain(&second.results) {
            let customer = one.customer.as_ref().expect("a customer");
            assert_eq!(customer.owner, "person:amy");
        }

        // An analyst sees no names, so that nobody is found by one.
        let mut analyst = house.searches_as(amy(Role::Analyst));
        assert!(found(&mut analyst, "王小").await.is_empty());
    }
}

#[tokio::test]
async fn pages_go_on_where_they_ended_and_filters_narrow() {
    for house in House::each().await {
        let mut customers = house.customers();
        for number in 0..25 {
            let customer = wire::Customer {
                region_code: ["CN", "SG"][usize::from(number % 5 == 0)].to_owned(),
                ..person(&format!("王{}", ["伟", "芳"][number % 2]))
            };
            create(&mut customers, customer).await;
        }
        let mut searches = house.searches();
        let mut names = Vec::new();
        let mut request = wire::SearchCustomersRequest {
            page_size: 7,
            ..words("王")
        };
        loop {
            let page = ask(&mut searches, request.clone()).await.expect("searches");
            names.extend(page.results.into_iter().filter_map(|one| one.customer));
            if page.next_page_token.is_empty() {
                break;
            }
            // Who comes meanwhile disturbs nobody.
            create(&mut customers, person("李四")).await;
            request.page_token = page.next_page_token;
        }
        let mut names: Vec<String> = names.into_iter().map(|one| one.name).collect();
        assert_eq!(names.len(), 25);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 25, "each once");

        let filtered = wire::SearchCustomersRequest {
            filter: "region_code = \"SG\"".to_owned(),
            ..words("wang")
        };
        let answer = ask(&mut searches, filtered.clone())
            .await
            .expect("searches");
        assert_eq!(answer.results.len(), 5);

        let token = request.page_token;
        let other = wire::SearchCustomersRequest {
            page_token: token,
            ..filtered
        };
        let refused = ask(&mut searches, other)
            .await
            .err()
            .expect("another query");
        assert_eq!(refusal(&refused).fields, ["page_token"]);
    }
}

#[tokio::test]
async fn more_than_can_be_shown_is_told() {
    for house in House::each().await {
        let customers = (0..230).map(|number| person(&format!("王伟 {number}")));
        let rows = wire::ImportRows {
            customers: customers.collect(),
        };
        let parts = vec![
            Part::Header(header(wire::ImportFormat::Rows, &[])),
            Part::Rows(rows),
        ];
        let imported = import(&mut house.customers(), parts).await;
        imported.expect("imports");
        let request = wire::SearchCustomersRequest {
            page_size: 1_000,
            ..words("王伟")
        };
        let answer = ask(&mut house.searches(), request).await.expect("searches");
        assert_eq!(answer.results.len(), 200);
        assert!(answer.truncated && answer.next_page_token.is_empty());
        let narrow = ask(&mut house.searches(), words("王伟 229")).await;
        let narrow = narrow.expect("searches");
        assert_eq!((narrow.results.len(), narrow.truncated), (1, false));
    }
}

#[tokio::test]
async fn a_bad_query_is_refused_with_its_field() {
    for house in House::each().await {
        let mut searches = house.searches();
        for (request, field) in [
            (words(" - "), "query"),
            (words(&"王".repeat(201)), "query"),
            (
                wire::SearchCustomersRequest {
                    page_size: -1,
                    ..words("王")
                },
                "page_size",
            ),
            (
                wire::SearchCustomersRequest {
                    page_token: "?".to_owned(),
                    ..words("王")
                },
                "page_token",
            ),
        ] {
            let refused = ask(&mut searches, request).await.err().expect("refused");
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert_eq!(refusal(&refused).fields, [field]);
        }
    }
}

#[tokio::test]
async fn who_is_older_than_the_search_is_found_once_the_backlog_is_done() {
    for house in House::each().await {
        let mut customers = house.customers();
        create(&mut customers, person("王小明")).await;
        create(&mut house.customers_of("elsewhere"), person("王小明")).await;
        // As before the migration.
        for sql in [
            "INSERT INTO search_backlog SELECT tenant_id, id FROM customer",
            "DELETE FROM customer_term",
        ] {
            let all = Ctx::service("test", TenantId::all());
            let work = house.db.db.write(&all, move |tx| {
                Box::pin(async move {
                    let done = tx.conn().execute_unprepared(sql).await;
                    done.map(|_| ()).map_err(dossier_db::error)
                })
            });
            work.await.expect("done");
        }
        let mut searches = house.searches();
        assert!(found(&mut searches, "王小明").await.is_empty());
        let done = house.profile.work_off_search_backlog().await;
        assert_eq!(done.expect("works it off"), 2);
        assert_eq!(found(&mut searches, "王小明").await, ["王小明"]);
        assert_eq!(count(&house, "search_backlog").await, 0);
    }
}
