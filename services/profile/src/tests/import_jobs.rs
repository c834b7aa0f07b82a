//! Imports that go on after they broke off, and imports that are taken back.

use dossier_proto::profile::v1 as wire;
use futures::StreamExt as _;
use wire::import_customers_request::Part;
use wire::import_customers_response::Part as Said;

use super::*;

const ID: &str = "0199f0a0-0000-7000-8000-000000000007";

fn name() -> String {
    format!("imports/{ID}")
}

fn header() -> wire::ImportHeader {
    wire::ImportHeader {
        format: wire::ImportFormat::Rows.into(),
        import_id: ID.to_owned(),
        ..Default::default()
    }
}

fn parts(header: wire::ImportHeader, customers: &[wire::Customer]) -> Vec<Part> {
    let rows = customers.chunks(300).map(|customers| {
        Part::Rows(wire::ImportRows {
            customers: customers.to_vec(),
        })
    });
    std::iter::once(Part::Header(header)).chain(rows).collect()
}

/// The summary, and the rows with errors.
async fn run(
    client: &mut Customers,
    parts: Vec<Part>,
) -> Result<(wire::ImportSummary, Vec<i64>), Status> {
    let parts = parts
        .into_iter()
        .map(|part| wire::ImportCustomersRequest { part: Some(part) });
    let mut answers = client
        .import_customers(futures::stream::iter(parts))
        .await?
        .into_inner();
    let (mut summary, mut errors) = (None, Vec::new());
    while let Some(answer) = answers.message().await? {
        match answer.part {
            Some(Said::Summary(said)) => summary = Some(said),
            Some(Said::RowError(error)) => errors.push(error.row),
            _ => {}
        }
    }
    Ok((summary.expect("a summary"), errors))
}

/// Of the first thousand every hundredth is wrong.
fn many(count: usize) -> Vec<wire::Customer> {
    let one = |number: usize| match number % 100 {
        7 => wire::Customer::default(),
        _ => known(&number.to_string()),
    };
    (0..count).map(one).collect()
}

async fn read(house: &House) -> wire::Import {
    let request = wire::GetImportRequest { name: name() };
    let found = house.imports().get_import(request).await;
    found.expect("found").into_inner()
}

async fn count(house: &House) -> usize {
    let request = wire::ListCustomersRequest {
        page_size: 1_000,
        show_deleted: true,
        ..Default::default()
    };
    let list = house.customers().list_customers(request).await;
    list.expect("a page").into_inner().customers.len()
}

async fn undo(house: &House) -> wire::Import {
    let request = wire::UndoImportRequest {
        name: name(),
        ..Default::default()
    };
    let undoing = house.imports().undo_import(request).await;
    let undoing = undoing.expect("begins").into_inner();
    assert_eq!(undoing.state().as_str_name(), "IMPORT_STATE_UNDOING");
    house.profile.undo_imports().await.expect("undone");
    read(house).await
}

#[tokio::test]
async fn an_import_that_broke_off_goes_on_where_it_was() {
    for house in House::each().await {
        let rows = many(900);
        // The caller goes away once the first batch is committed.
        let first = parts(header(), &rows[..600]);
        let first = first
            .into_iter()
            .map(|part| wire::ImportCustomersRequest { part: Some(part) });
        let first = futures::stream::iter(first).chain(futures::stream::pending());
        let mut client = house.customers();
        let mut answers = client
            .import_customers(first)
            .await
            .expect("begins")
            .into_inner();
        loop {
            let answer = answers.message().await.expect("answers").expect("goes on");
            if let Some(Said::Progress(progress)) = answer.part {
                assert_eq!((progress.row_count, progress.error_count), (500, 5));
                break;
            }
        }
        drop(answers);
        let broken = read(&house).await;
        assert_eq!(broken.state().as_str_name(), "IMPORT_STATE_RUNNING");
        assert_eq!((broken.row_count, broken.created_count), (500, 495));

        let wrong: Vec<i64> = (0..9).map(|hundred| 100 * hundred + 8).collect();
        // The second time it goes on, the third it is over already.
        for _ in 0..2 {
            let done = run(&mut client, parts(header(), &rows)).await;
            let (summary, errors) = done.expect("runs");
            assert_eq!(errors, wrong, "{:?}", house.db);
            assert_eq!(summary.import_id, ID);
            assert!(!summary.cursor.is_empty());
            let counts = [
                summary.row_count,
                summary.created_count,
                summary.updated_count,
                summary.unchanged_count,
                summary.error_count,
            ];
            assert_eq!(counts, [900, 891, 0, 0, 9]);
            assert_eq!(count(&house).await, 891);
        }
        let over = read(&house).await;
        assert_eq!(over.state().as_str_name(), "IMPORT_STATE_SUCCEEDED");
        assert_eq!((over.row_count, over.error_count), (900, 9));
    }
}

#[tokio::test]
async fn who_goes_on_with_another_file_or_header_is_told() {
    for house in House::each().await {
        let mut client = house.customers();
        let rows = many(600);
        run(&mut client, parts(header(), &rows))
            .await
            .expect("runs");
        let other = wire::ImportHeader {
            default_region_code: "CN".to_owned(),
            ..header()
        };
        let refused = run(&mut client, parts(other, &rows)).await;
        assert_eq!(refused.err().expect("refused").code(), Code::Aborted);
        let refused = run(&mut client, parts(header(), &rows[1..])).await;
        let refused = refused.err().expect("refused");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("another file"), "{refused}");
        let nameless = wire::ImportHeader {
            import_id: "seven".to_owned(),
            ..header()
        };
        let refused = run(&mut client, parts(nameless, &rows)).await;
        let refused = refused.err().expect("refused");
        assert_eq!(refused.code(), Code::InvalidArgument);
        let details = refused.get_error_details();
        let fields = details
            .bad_request()
            .expect("fields")
            .field_violations
            .clone();
        assert_eq!(fields[0].field, "header.import_id");
        assert_eq!(count(&house).await, 594);
    }
}

#[tokio::test]
async fn what_an_import_did_is_taken_back_but_not_what_others_did_since() {
    for house in House::each().await {
        let mut client = house.customers();
        let before = wire::Customer {
            tags: vec!["old".to_owned()],
            region_code: "GB".to_owned(),
            ..known("here")
        };
        let here = create(&mut client, before).await;
        let rows = [
            wire::Customer {
                tags: vec!["imported".to_owned()],
                region_code: "FR".to_owned(),
                display_name: "Imported".to_owned(),
                ..known("here")
            },
            known("new"),
            known("touched"),
        ];
        let (summary, _) = run(&mut client, parts(header(), &rows))
            .await
            .expect("runs");
        assert_eq!((summary.created_count, summary.updated_count), (2, 1));
        let imported = get(&mut client, &here.name).await.expect("read");
        assert_eq!(imported.region_code, "FR");

        // Somebody changes one field that the import changed, and one new customer.
        for (customer, paths) in [
            (
                wire::Customer {
                    region_code: "DE".to_owned(),
                    ..imported.clone()
                },
                &["region_code"][..],
            ),
            (
                wire::Customer {
                    language_code: "de".to_owned(),
                    ..known_by(&mut client, "touched").await
                },
                &["language_code"],
            ),
        ] {
            let request = wire::UpdateCustomerRequest {
                customer: Some(wire::Customer {
                    etag: String::new(),
                    ..customer
                }),
                update_mask: mask(paths),
                ..Default::default()
            };
            client.update_customer(request).await.expect("updated");
        }
        let new = known_by(&mut client, "new").await;

        let undone = undo(&house).await;
        assert_eq!(undone.state().as_str_name(), "IMPORT_STATE_UNDONE");
        assert_eq!((undone.undone_count, undone.kept_count), (2, 1));
        let back = get(&mut client, &here.name).await.expect("read");
        assert_eq!(back.region_code, "DE", "set since: {:?}", house.db);
        assert_eq!(
            (&back.display_name, &back.tags),
            (&here.display_name, &here.tags)
        );
        let gone = get(&mut client, &new.name).await.expect("read");
        assert!(gone.delete_time.is_some());
        assert!(gone.external_ids.is_empty(), "others may have them");
        let kept = known_by(&mut client, "touched").await;
        assert_eq!(kept.language_code, "de");

        // The histories tell.
        let request = wire::ListRevisionsRequest {
            parent: here.name.clone(),
            ..Default::default()
        };
        let revisions = house.revisions().list_revisions(request).await;
        let revisions = revisions.expect("a page").into_inner().revisions;
        let origin = revisions[0].origin.as_ref().expect("an origin");
        assert_eq!(origin.source().as_str_name(), "REVISION_SOURCE_UNDO");
        assert_eq!(origin.source_reference, ID);

        // Once undone it takes no more; undoing again changes nothing; a mended file is imported.
        let refused = run(&mut client, parts(header(), &rows)).await;
        assert_eq!(
            refused.err().expect("refused").code(),
            Code::FailedPrecondition
        );
        let request = wire::UndoImportRequest {
            name: name(),
            ..Default::default()
        };
        let again = house.imports().undo_import(request).await;
        let again = again.expect("nothing").into_inner();
        assert!(again == undone, "changes nothing");
        let anew = wire::ImportHeader {
            import_id: String::new(),
            ..header()
        };
        let (summary, errors) = run(&mut client, parts(anew, &[known("new")]))
            .await
            .expect("runs");
        assert_eq!((summary.created_count, errors.len()), (1, 0));
    }
}

#[tokio::test]
async fn customers_that_an_import_met_in_several_batches_are_as_before() {
    for house in House::each().await {
        let mut client = house.customers();
        // The first rows come again behind the others, with another name.
        let mut rows = many(520);
        let renamed = rows[..5].iter().map(|one| wire::Customer {
            display_name: "Renamed".to_owned(),
            ..one.clone()
        });
        let renamed: Vec<wire::Customer> = renamed.collect();
        rows.extend(renamed);
        let (summary, _) = run(&mut client, parts(header(), &rows))
            .await
            .expect("runs");
        assert_eq!(summary.updated_count, 5);
        let undone = undo(&house).await;
        assert_eq!(undone.state().as_str_name(), "IMPORT_STATE_UNDONE");
        // Those that were renamed count twice: once for each batch.
        let changes = summary.created_count + summary.updated_count;
        assert_eq!((undone.undone_count, undone.kept_count), (changes, 0));
        let live = client.list_customers(wire::ListCustomersRequest::default());
        let live = live.await.expect("a page").into_inner().customers;
        assert!(live.is_empty(), "{:?}", house.db);
    }
}

#[tokio::test]
async fn imports_are_their_tenants_and_named_so() {
    for house in House::each().await {
        let mut client = house.customers();
        run(&mut client, parts(header(), &many(3)))
            .await
            .expect("runs");
        let mut elsewhere = house.imports_of("elsewhere");
        let get = |name: &str| wire::GetImportRequest {
            name: name.to_owned(),
        };
        let undo = |request_id: &str| wire::UndoImportRequest {
            name: name(),
            request_id: request_id.to_owned(),
        };
        let refused = elsewhere.get_import(get(&name())).await;
        assert_eq!(refused.err().expect("another's").code(), Code::NotFound);
        let refused = elsewhere.undo_import(undo("")).await;
        assert_eq!(refused.err().expect("another's").code(), Code::NotFound);
        let listed = elsewhere.list_imports(wire::ListImportsRequest::default());
        let listed = listed.await.expect("a page").into_inner();
        assert!(listed.imports.is_empty());

        let mut imports = house.imports();
        let refused = imports.get_import(get("imports/seven")).await;
        assert_eq!(
            refused.err().expect("no name").code(),
            Code::InvalidArgument
        );
        let listed = imports.list_imports(wire::ListImportsRequest::default());
        let listed = listed.await.expect("a page").into_inner();
        assert!(listed.imports == [read(&house).await]);

        // The same request twice has one effect.
        let request_id = "0199f0a0-0000-7000-8000-0000000000aa";
        for _ in 0..2 {
            let undoing = imports.undo_import(undo(request_id)).await;
            let undoing = undoing.expect("begins").into_inner();
            assert_eq!(undoing.state().as_str_name(), "IMPORT_STATE_UNDOING");
        }
    }
}

async fn known_by(client: &mut Customers, value: &str) -> wire::Customer {
    let key = common::customer_key::Key::ExternalId(id("crm", value));
    let request = wire::LookupCustomersRequest {
        keys: vec![common::CustomerKey {
            key: Some(key),
            ..Default::default()
        }],
        ..Default::default()
    };
    let found = client.lookup_customers(request).await;
    let found = found.expect("looked up").into_inner().results.remove(0);
    get(client, &found.customer).await.expect("read")
}
