//! The tenant's tags as a whole, over gRPC.

use futures::future::join_all;
use wire::watch_customers_response::Item;

use super::*;

fn tagged(name: &str, tags: &[&str]) -> wire::Customer {
    wire::Customer {
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        ..known(name)
    }
}

async fn list(client: &mut Tags, prefix: &str) -> Vec<(String, i64)> {
    let mut tags = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = wire::ListTagsRequest {
            prefix: prefix.to_owned(),
            page_size: 2,
            page_token,
        };
        let page = client.list_tags(request).await.expect("lists").into_inner();
        tags.extend(
            page.tags
                .into_iter()
                .map(|tag| (tag.tag, tag.customer_count)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return tags;
        }
    }
}

fn counts(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected
        .iter()
        .map(|(tag, count)| ((*tag).to_owned(), *count))
        .collect()
}

fn renaming(tag: &str, new_tag: &str) -> wire::RenameTagRequest {
    wire::RenameTagRequest {
        tag: tag.to_owned(),
        new_tag: new_tag.to_owned(),
        request_id: request_id(),
    }
}

fn merger(tags: &[&str], into_tag: &str) -> wire::MergeTagsRequest {
    wire::MergeTagsRequest {
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        into_tag: into_tag.to_owned(),
        request_id: request_id(),
    }
}

#[tokio::test]
async fn tags_are_counted_renamed_and_merged() {
    for house in House::each().await {
        let (mut customers, mut tags) = (house.customers(), house.tags());
        let wang = create(&mut customers, tagged("wang", &["VIP", "v_p", "old"])).await;
        create(&mut customers, tagged("li", &["vip", "old"])).await;
        create(
            &mut house.customers_of("other"),
            tagged("li", &["vip", "theirs"]),
        )
        .await;
        let gone = create(&mut customers, tagged("gone", &["vip", "past"]))
            .await
            .name;
        let delete = wire::DeleteCustomerRequest {
            name: gone.clone(),
            ..Default::default()
        };
        customers.delete_customer(delete).await.expect("deleted");
        let all = counts(&[("VIP", 1), ("old", 2), ("v_p", 1), ("vip", 1)]);
        assert_eq!(list(&mut tags, "").await, all);
        assert_eq!(list(&mut tags, "v").await, all[2..]);
        assert_eq!(list(&mut tags, "vi").await, all[3..]);

        let taken = tags.rename_tag(renaming("old", "past")).await;
        assert_eq!(refused(taken).0, Code::AlreadyExists);
        let merge = merger(&["VIP", "v_p", "vip", "nobody's"], "key account");
        let merged = tags.merge_tags(merge.clone()).await.expect("merges");
        assert!(merged.metadata().contains_key("dossier-cursor"));
        assert_eq!(merged.into_inner().customer_count, 3);
        let again = tags.merge_tags(merge).await.expect("answers").into_inner();
        assert_eq!(again.customer_count, 3);
        let renamed = tags
            .rename_tag(renaming("old", "老客户"))
            .await
            .expect("renames");
        assert_eq!(renamed.into_inner().customer_count, 2);
        let none = tags
            .rename_tag(renaming("old", "older"))
            .await
            .expect("answers");
        assert_eq!(none.into_inner().customer_count, 0);
        assert_eq!(
            list(&mut tags, "").await,
            counts(&[("key account", 2), ("老客户", 2)])
        );
        // As two ordinary updates would have it.
        let now = get(&mut customers, &wang.name).await.expect("there");
        assert_eq!(
            (now.tags, now.etag.as_str()),
            (vec!["key account".into(), "老客户".into()], "3")
        );
        let found = wire::ListCustomersRequest {
            filter: "tags:\"key account\"".to_owned(),
            ..Default::default()
        };
        let found = customers
            .list_customers(found)
            .await
            .expect("lists")
            .into_inner();
        assert_eq!(found.customers.len(), 2);
        // Who is deleted comes back with the new name.
        let undelete = wire::UndeleteCustomerRequest {
            name: gone,
            ..Default::default()
        };
        let back = customers
            .undelete_customer(undelete)
            .await
            .expect("back")
            .into_inner();
        assert_eq!(back.tags, ["key account", "past"]);
        let theirs = list(&mut house.tags_of("other"), "").await;
        assert_eq!(theirs, counts(&[("theirs", 1), ("vip", 1)]));
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_at_once() {
    for house in House::each().await {
        let mut tags = house.tags();
        let refused = tags.rename_tag(renaming("", &"x".repeat(65))).await;
        assert_eq!(refusal(&status_of(refused)).fields, ["tag", "new_tag"]);
        let refused = tags.rename_tag(renaming("vip", " vip")).await;
        assert_eq!(refusal(&status_of(refused)).fields, ["new_tag"]);
        let refused = tags.merge_tags(merger(&["a", "", "vip"], "vip")).await;
        assert_eq!(refusal(&status_of(refused)).fields, ["tags[1]", "tags[2]"]);
        let mut request = merger(&["a"], "b");
        tags.merge_tags(request.clone()).await.expect("merges");
        request.into_tag = "c".to_owned();
        assert_eq!(
            super::refused(tags.merge_tags(request).await).1,
            "REQUEST_ID_REUSED"
        );
    }
}

/// More customers than a transaction has, asked for several times at once: each is changed once,
/// everybody is told of all of them, and followers hear of each.
#[tokio::test]
async fn many_customers_are_changed_once_however_often_it_is_asked() {
    const MANY: usize = 1_001;
    for house in House::each().await {
        let mut customers = house.customers();
        let rows = (0..MANY).map(|number| tagged(&number.to_string(), &["a"]));
        let rows: Vec<wire::Customer> = rows.collect();
        import(&mut customers, rows).await;
        let request = wire::WatchCustomersRequest::default();
        let watch = customers.watch_customers(request).await.expect("watches");
        let mut watch = watch.into_inner();
        // The first message says that the stream has caught up.
        watch
            .message()
            .await
            .expect("goes on")
            .expect("a heartbeat");
        let request = renaming("a", "b");
        let calls = (0..4).map(|_| {
            let (mut tags, request) = (house.tags(), request.clone());
            async move { tags.rename_tag(request).await }
        });
        for answer in join_all(calls).await {
            let count = answer.expect("renames").into_inner().customer_count;
            assert_eq!(usize::try_from(count), Ok(MANY));
        }
        let mut tags = house.tags();
        assert_eq!(list(&mut tags, "").await, counts(&[("b", 1_001)]));
        let mut told = 0;
        while told < MANY {
            let message = watch.message().await.expect("goes on").expect("a message");
            if let Some(Item::Change(change)) = message.item {
                assert_eq!(change.changed_fields.expect("names it").paths, ["tags"]);
                assert_eq!(change.customer.expect("a customer").etag, "2");
                told += 1;
            }
        }
    }
}

async fn import(client: &mut Customers, rows: Vec<wire::Customer>) {
    use wire::import_customers_request::Part;
    let header = wire::ImportHeader {
        format: wire::ImportFormat::Rows.into(),
        ..Default::default()
    };
    let rows = rows.chunks(500).map(|rows| {
        let customers = rows.to_vec();
        Part::Rows(wire::ImportRows { customers })
    });
    let parts = std::iter::once(Part::Header(header)).chain(rows);
    let requests = parts.map(|part| wire::ImportCustomersRequest { part: Some(part) });
    let requests: Vec<_> = requests.collect();
    let answers = client
        .import_customers(futures::stream::iter(requests))
        .await;
    let mut answers = answers.expect("begins").into_inner();
    while answers.message().await.expect("goes on").is_some() {}
}
