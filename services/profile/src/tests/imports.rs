//! Imports of files and rows.

use dossier_kernel::{Patch, Pii};
use dossier_proto::profile::v1 as wire;
use futures::StreamExt as _;
use sea_orm::ConnectionTrait;
use tonic::Code;
use wire::import_customers_request::Part;
use wire::import_customers_response::Part as Said;

use super::*;
use crate::app::ImportRow;
use crate::domain::{CustomerType, Draft};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Import {
    /// Row, column, reason.
    pub errors: Vec<(i64, String, &'static str)>,
    /// Rows, created, updated, unchanged, failed.
    pub counts: [i64; 5],
    cursor: String,
    /// Column, field, who said so.
    columns: Vec<(String, String, String)>,
    program: String,
}

pub(super) async fn import(client: &mut Customers, parts: Vec<Part>) -> Result<Import, Status> {
    let parts = parts
        .into_iter()
        .map(|part| wire::ImportCustomersRequest { part: Some(part) });
    let mut answers = client
        .import_customers(futures::stream::iter(parts))
        .await?
        .into_inner();
    let mut import = Import::default();
    let mut ended = false;
    while let Some(answer) = answers.message().await? {
        assert!(!ended, "the summary is the last");
        match answer.part.expect("a part") {
            Said::Progress(_) => {}
            Said::Columns(said) => {
                import.program = said.program;
                import.columns.extend(said.columns.into_iter().map(|one| {
                    let source = one.source().as_str_name();
                    let source = source.trim_start_matches("IMPORT_COLUMN_SOURCE_");
                    let source = source.to_owned();
                    (one.column, one.field, source)
                }));
            }
            Said::RowError(error) => {
                let reason = error
                    .reason()
                    .as_str_name()
                    .trim_start_matches("ERROR_REASON_");
                import.errors.push((error.row, error.column, reason));
            }
            Said::Summary(said) => {
                ended = true;
                import.counts = [
                    said.row_count,
                    said.created_count,
                    said.updated_count,
                    said.unchanged_count,
                    said.error_count,
                ];
                import.cursor = said.cursor;
            }
        }
    }
    assert!(ended, "there is a summary");
    Ok(import)
}

pub(super) fn header(format: wire::ImportFormat, mapping: &[(&str, &str)]) -> wire::ImportHeader {
    let mapping = mapping
        .iter()
        .map(|&(from, to)| (from.to_owned(), to.to_owned()));
    wire::ImportHeader {
        format: format.into(),
        column_mapping: mapping.collect(),
        default_region_code: "CN".to_owned(),
        ..Default::default()
    }
}

fn file(header: wire::ImportHeader, text: &str) -> Vec<Part> {
    let chunks = text
        .as_bytes()
        .chunks(37)
        .map(|chunk| Part::Chunk(chunk.to_vec()));
    std::iter::once(Part::Header(header))
        .chain(chunks)
        .collect()
}

const CSV: &str = "\
external_id.crm,Name,email,Tel,tags,birth_date,Comment
1,王小明,w@example.com,13800000000,vip;new,1990-01-31,hello
2,李娜,,010 5992 8888,,,
,No Id,no@example.com,,,,
3,Bad,bad,12,,1990-02-30,
4,,,,,,
1,王小明,,,,,again
5,short
";

fn csv_header() -> wire::ImportHeader {
    header(
        wire::ImportFormat::Csv,
        &[("Name", "display_name"), ("Tel", "phone"), ("Comment", "")],
    )
}

#[tokio::test]
async fn a_file_is_imported_row_by_row_and_again_changes_nothing() {
    for house in House::each().await {
        let mut client = house.customers();
        let errors = vec![
            (4, "birth_date".to_owned(), "INVALID_ARGUMENT"),
            (4, "email".to_owned(), "INVALID_ARGUMENT"),
            (4, "Tel".to_owned(), "INVALID_ARGUMENT"),
            (7, String::new(), "INVALID_ARGUMENT"),
        ];
        let rehearsal = wire::ImportHeader {
            dry_run: true,
            ..csv_header()
        };
        let rehearsed = import(&mut client, file(rehearsal, CSV))
            .await
            .expect("runs");
        assert_eq!(
            (&rehearsed.errors, rehearsed.counts),
            (&errors, [7, 4, 0, 1, 2])
        );
        assert!(rehearsed.cursor.is_empty());
        let list = client
            .list_customers(wire::ListCustomersRequest::default())
            .await;
        assert!(
            list.expect("a page").into_inner().customers.is_empty(),
            "a dry run keeps nothing"
        );

        let first = import(&mut client, file(csv_header(), CSV))
            .await
            .expect("runs");
        assert_eq!(
            (&first.errors, first.counts),
            (&errors, rehearsed.counts),
            "{:?}",
            house.db
        );
        assert!(!first.cursor.is_empty());
        let again = import(&mut client, file(csv_header(), CSV))
            .await
            .expect("runs");
        assert_eq!((&again.errors, again.counts), (&errors, [7, 0, 0, 5, 2]));

        let list = client
            .list_customers(wire::ListCustomersRequest::default())
            .await;
        let rows = list.expect("a page").into_inner().customers;
        let names: Vec<_> = rows.iter().map(|row| row.display_name.as_str()).collect();
        assert_eq!(names, ["王小明", "李娜", "No Id", "4"]);
        assert_eq!(rows[0].tags, ["new", "vip"]);
        assert_eq!(rows[1].contact_points[0].normalized_value, "+861059928888");
    }
}

#[tokio::test]
async fn a_family_that_shares_a_phone_stays_two_customers() {
    const FAMILY: &str = "external_id.crm,phone\n1,13800000000\n2,13800000000\n";
    for house in House::each().await {
        let mut client = house.customers();
        let header = || header(wire::ImportFormat::Csv, &[]);
        let first = import(&mut client, file(header(), FAMILY))
            .await
            .expect("runs");
        assert_eq!(first.counts, [2, 2, 0, 0, 0]);
        let again = import(&mut client, file(header(), FAMILY))
            .await
            .expect("runs");
        assert_eq!(again.counts, [2, 0, 0, 2, 0]);
    }
}

#[tokio::test]
async fn ndjson_and_rows_are_the_same_import() {
    for house in House::each().await {
        let mut client = house.customers();
        let lines: String = (0..1_203)
            .map(|number| {
                format!(
                    "{{\"type\":\"CUSTOMER_TYPE_PERSON\",\"displayName\":\"N{number}\",\
                     \"externalIds\":[{{\"namespace\":\"crm\",\"value\":\"{number}\"}}]}}\n"
                )
            })
            .collect();
        let header = |format| header(format, &[]);
        let parts = file(header(wire::ImportFormat::Ndjson), &lines);
        let first = import(&mut client, parts).await.expect("runs");
        assert_eq!(first.counts, [1_203, 1_203, 0, 0, 0], "{:?}", house.db);
        let customers: Vec<_> = (0..700)
            .map(|number: u32| {
                let tags = if number < 10 {
                    vec!["t".to_owned()]
                } else {
                    Vec::new()
                };
                let name = format!("N{number}");
                wire::Customer {
                    display_name: name,
                    tags,
                    ..known(&number.to_string())
                }
            })
            .collect();
        let parts = vec![
            Part::Header(header(wire::ImportFormat::Rows)),
            Part::Rows(wire::ImportRows { customers }),
            Part::Rows(wire::ImportRows {
                customers: vec![person("x"), wire::Customer::default()],
            }),
        ];
        let second = import(&mut client, parts).await.expect("runs");
        assert_eq!(second.counts, [702, 1, 10, 690, 1]);
        assert_eq!(
            second.errors,
            [(702, "type".to_owned(), "INVALID_ARGUMENT")]
        );
    }
}

#[tokio::test]
async fn a_row_that_names_two_customers_is_refused_and_the_others_are_not() {
    for house in House::each().await {
        let mut client = house.customers();
        create(&mut client, known("1")).await;
        create(&mut client, known("2")).await;
        let deleted = create(&mut client, known("3")).await;
        let delete = wire::DeleteCustomerRequest {
            name: deleted.name,
            ..Default::default()
        };
        client.delete_customer(delete).await.expect("deleted");
        let both = vec![id("crm", "1"), id("crm", "2")];
        let customers = vec![
            wire::Customer {
                external_ids: both,
                ..person("x")
            },
            known("3"),
            known("4"),
        ];
        let parts = vec![
            Part::Header(header(wire::ImportFormat::Rows, &[])),
            Part::Rows(wire::ImportRows { customers }),
        ];
        let done = import(&mut client, parts).await.expect("runs");
        assert_eq!(done.counts, [3, 1, 0, 0, 2]);
        let none = String::new;
        assert_eq!(
            done.errors,
            [
                (1, none(), "IDENTITY_CONFLICT"),
                (2, none(), "FAILED_PRECONDITION")
            ]
        );
    }
}

#[tokio::test]
async fn what_is_no_import_is_refused_as_a_whole() {
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let csv = || header(wire::ImportFormat::Csv, &[]);
    let chunk = |text: &str| Part::Chunk(text.as_bytes().to_vec());
    for (parts, fields) in [
        (vec![], vec!["header"]),
        (vec![chunk("x")], vec!["header"]),
        (
            vec![Part::Header(wire::ImportHeader::default())],
            vec!["header.format"],
        ),
        (vec![Part::Header(csv())], vec!["chunk"]),
        (
            vec![Part::Header(csv()), Part::Rows(wire::ImportRows::default())],
            vec!["rows"],
        ),
        (
            vec![Part::Header(csv()), chunk("email,Wang Xiaoming\n")],
            vec!["columns[1]"],
        ),
        (
            vec![Part::Header(csv()), Part::Header(csv())],
            vec!["header"],
        ),
    ] {
        let status = status_of(import(&mut client, parts).await);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(refusal(&status).fields, fields);
        assert!(!format!("{status:?}").contains("Wang"));
    }
}

#[tokio::test]
async fn two_imports_of_the_same_file_at_once_make_each_customer_once() {
    for house in House::each().await {
        let elsewhere = house.restarted().await;
        let rows: String = (0..600)
            .map(|number| format!("{number},N{number}\n"))
            .collect();
        let text = format!("external_id.crm,display_name\n{rows}");
        let run = |mut client: Customers| {
            let parts = file(header(wire::ImportFormat::Csv, &[]), &text);
            tokio::spawn(async move { import(&mut client, parts).await })
        };
        let (one, two) = futures::join!(run(house.customers()), run(elsewhere.customers()));
        let (one, two) = (
            one.expect("ran").expect("runs"),
            two.expect("ran").expect("runs"),
        );
        assert_eq!(
            one.counts[1] + two.counts[1],
            600,
            "{:?}: {one:?} {two:?}",
            house.db
        );
        assert_eq!(one.counts[4] + two.counts[4], 0);
    }
}

fn columns(import: &Import) -> Vec<(&str, &str, &str)> {
    let columns = import.columns.iter();
    columns
        .map(|(column, field, source)| (column.as_str(), field.as_str(), source.as_str()))
        .collect()
}

#[tokio::test]
async fn tables_of_other_programs_are_understood_and_what_is_left_out_is_told() {
    const CONTACTS: &str = "\
        Record ID;First Name;Last Name;Email;Lifecycle Stage;City;Country/Region;Shoe size\n\
        901;小明;王;w@example.com;lead;上海;中国;42\n";
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let header = wire::ImportHeader {
        ignore_unknown_columns: true,
        ..header(wire::ImportFormat::Csv, &[])
    };
    let done = import(&mut client, file(header, CONTACTS))
        .await
        .expect("runs");
    assert_eq!(done.counts, [1, 1, 0, 0, 0]);
    assert_eq!(done.program, "HubSpot contacts");
    let wanted = [
        ("Record ID", "external_id.hubspot", "PROGRAM"),
        ("First Name", "given_name", "PROGRAM"),
        ("Last Name", "family_name", "PROGRAM"),
        ("Email", "email", "PROGRAM"),
        ("Lifecycle Stage", "", "PROGRAM"),
        ("City", "address.locality", "PROGRAM"),
        ("Country/Region", "address.region_code", "PROGRAM"),
        ("Shoe size", "", "UNKNOWN"),
    ];
    assert_eq!(columns(&done), wanted);
    let list = client
        .list_customers(wire::ListCustomersRequest::default())
        .await;
    let wang = list.expect("a page").into_inner().customers.remove(0);
    assert_eq!(
        (
            wang.display_name.as_str(),
            wang.addresses[0].region_code.as_str()
        ),
        ("王小明", "CN")
    );
}

#[tokio::test]
async fn cards_are_imported_and_faults_name_their_property() {
    const CARDS: &str = "BEGIN:VCARD\nVERSION:3.0\nN:Wang;Fang;;;\nTEL;TYPE=CELL:138 0000 0000\nNOTE:x\n\
        UID:7\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nFN:Bad\nBDAY:--0131\nEND:VCARD\n";
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let header = header(wire::ImportFormat::Vcard, &[]);
    let done = import(&mut client, file(header, CARDS))
        .await
        .expect("runs");
    assert_eq!(done.counts, [2, 1, 0, 0, 1]);
    assert_eq!(
        done.errors,
        [(2, "birth_date".to_owned(), "INVALID_ARGUMENT")]
    );
    assert_eq!(columns(&done), [("NOTE", "", "UNKNOWN")]);
}

#[tokio::test]
async fn files_in_chinese_encodings_are_read_where_they_say_so() {
    // 姓名,手机\n王,13800000000 in GB 18030.
    let bytes = b"\xd0\xd5\xc3\xfb,\xca\xd6\xbb\xfa\n\xcd\xf5,13800000000\n".to_vec();
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let header = |encoding: &str| wire::ImportHeader {
        encoding: encoding.to_owned(),
        ..header(wire::ImportFormat::Csv, &[])
    };
    let parts = |encoding| vec![Part::Header(header(encoding)), Part::Chunk(bytes.clone())];
    let done = import(&mut client, parts("GBK")).await.expect("runs");
    assert_eq!(done.counts, [1, 1, 0, 0, 0]);
    let status = status_of(import(&mut client, parts("")).await);
    assert_eq!(refusal(&status).fields, ["chunk"]);
    let status = status_of(import(&mut client, parts("latin-9")).await);
    assert_eq!(refusal(&status).fields, ["header.encoding"]);
}

/// A row that nothing identifies.
fn nameless() -> ImportRow {
    let draft = Draft {
        kind: Patch::Set(CustomerType::Person),
        display_name: Patch::Set(Pii::from("Wang")),
        ..Draft::default()
    };
    ImportRow {
        number: 1,
        draft,
        kind_default: None,
        bytes: 4,
    }
}

#[tokio::test]
async fn a_batch_that_is_written_again_is_kept_once() {
    for house in House::each().await {
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let batch = house.profile.prepare_import(&ctx, vec![nameless()], None);
        let batch = batch.await.expect("prepared");
        let begun = house.profile.begin_import(&ctx, IMPORT, vec![]).await;
        begun.expect("begins");
        // The answer to the first attempt was lost.
        for told in [true, false] {
            let report = house
                .profile
                .import_batch(&ctx, batch.clone(), Some(IMPORT))
                .await;
            let report = report.expect("written");
            assert_eq!((report.counts.created, report.counts.errors), (1, 0));
            assert_eq!(
                report.cursor.is_some(),
                told,
                "only what is written is told"
            );
        }
        let list = house
            .customers()
            .list_customers(wire::ListCustomersRequest::default())
            .await;
        assert_eq!(list.expect("a page").into_inner().customers.len(), 1);
    }
}

#[tokio::test]
async fn a_writer_that_fails_ends_an_import_that_waits_for_its_caller() {
    for house in House::each().await {
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let spoil = house.db.db.write(&ctx, |tx| {
            Box::pin(async move {
                let sql = "ALTER TABLE customer_tag RENAME TO elsewhere";
                tx.conn().execute_unprepared(sql).await.expect("renamed");
                Ok(())
            })
        });
        spoil.await.expect("written");
        let customers = (0..500).map(|number| wire::Customer {
            tags: vec!["t".to_owned()],
            ..known(&number.to_string())
        });
        let parts = [
            Part::Header(header(wire::ImportFormat::Rows, &[])),
            Part::Rows(wire::ImportRows {
                customers: customers.collect(),
            }),
        ];
        let parts = parts.map(|part| wire::ImportCustomersRequest { part: Some(part) });
        // The caller waits for answers before it goes on.
        let parts = futures::stream::iter(parts).chain(futures::stream::pending());
        let mut answers = house
            .customers()
            .import_customers(parts)
            .await
            .expect("begins")
            .into_inner();
        let failed = async { while let Ok(Some(_)) = answers.message().await {} };
        let told = tokio::time::timeout(Duration::from_secs(60), failed).await;
        assert!(told.is_ok(), "{:?}", house.db);
    }
}

#[tokio::test]
async fn of_a_row_that_is_wrong_all_over_twenty_errors_are_told() {
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let tags = vec!["\"\""; 150].join(",");
    let line = format!("{{\"type\":\"CUSTOMER_TYPE_PERSON\",\"tags\":[{tags}]}}\n");
    let lines = format!("{line}{{}}\n");
    let done = import(
        &mut client,
        file(header(wire::ImportFormat::Ndjson, &[]), &lines),
    )
    .await
    .expect("runs");
    assert_eq!(done.counts, [2, 0, 0, 0, 2]);
    let of_first = done.errors.iter().filter(|(row, ..)| *row == 1);
    assert_eq!(of_first.count(), 21);
}
