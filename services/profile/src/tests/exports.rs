//! Exports: whole, of one instant, and the same again after an import elsewhere.

use dossier_access::Rules;
use dossier_kernel::{Principal, PrincipalKind, Reason, Role};
use dossier_proto::DESCRIPTORS;
use dossier_proto::profile::v1 as wire;
use futures::StreamExt;
use futures::future::select_all;
use tonic::Code;
use wire::attribute_value::Kind;
use wire::export_customers_response::Part as Said;
use wire::import_customers_request::Part;

use super::imports::{header, import};
use super::*;

const FORMATS: [(wire::ExportFormat, wire::ImportFormat); 4] = [
    (wire::ExportFormat::Csv, wire::ImportFormat::Csv),
    (wire::ExportFormat::Ndjson, wire::ImportFormat::Ndjson),
    (wire::ExportFormat::Xlsx, wire::ImportFormat::Xlsx),
    (wire::ExportFormat::Vcard, wire::ImportFormat::Vcard),
];

fn asking(format: wire::ExportFormat, filter: &str) -> wire::ExportCustomersRequest {
    wire::ExportCustomersRequest {
        format: format.into(),
        filter: filter.to_owned(),
    }
}

async fn export(
    client: &mut Customers,
    request: wire::ExportCustomersRequest,
) -> Result<(Vec<u8>, wire::ExportSummary), Status> {
    let mut answers = client.export_customers(request).await?.into_inner();
    let mut file = Vec::new();
    let mut summary = None;
    while let Some(answer) = answers.message().await? {
        assert!(summary.is_none(), "the summary is the last");
        match answer.part.expect("a part") {
            Said::Chunk(mut chunk) => file.append(&mut chunk),
            Said::Summary(said) => summary = Some(said),
        }
    }
    let summary = summary.expect("a summary");
    assert_eq!(summary.byte_count, file.len() as i64);
    Ok((file, summary))
}

/// An import that reads no numbers in national form.
fn nowhere(format: wire::ImportFormat) -> wire::ImportHeader {
    wire::ImportHeader {
        default_region_code: String::new(),
        ..header(format, &[])
    }
}

async fn define(house: &House, tenant: &TenantId) {
    let mut client = AttributeDefinitionServiceClient::new(house.wire(tenant.clone()));
    for (id, kind, class) in [
        (
            "note",
            wire::AttributeType::String,
            common::DataClass::Direct,
        ),
        (
            "income",
            wire::AttributeType::Money,
            common::DataClass::Sensitive,
        ),
        ("seen", wire::AttributeType::Time, common::DataClass::None),
        (
            "likes",
            wire::AttributeType::StringList,
            common::DataClass::Quasi,
        ),
    ] {
        let request = wire::CreateAttributeDefinitionRequest {
            attribute_definition: Some(wire::AttributeDefinition {
                r#type: kind.into(),
                data_class: class.into(),
                ..Default::default()
            }),
            attribute_definition_id: id.to_owned(),
            request_id: request_id(),
        };
        client
            .create_attribute_definition(request)
            .await
            .expect("defined");
    }
}

/// Customers that files have trouble with.
fn people() -> Vec<wire::Customer> {
    let value = |kind| wire::AttributeValue { kind: Some(kind) };
    let attributes = [
        ("note", value(Kind::StringValue(" =1+1,\"\n' ".to_owned()))),
        (
            "income",
            value(Kind::MoneyValue(common::Money {
                currency_code: "CNY".to_owned(),
                units: -12,
                nanos: -500_000_000,
            })),
        ),
        (
            "seen",
            value(Kind::TimeValue(prost_types::Timestamp {
                seconds: 1_790_000_000,
                nanos: 250_000_000,
            })),
        ),
        (
            "likes",
            value(Kind::ListValue(wire::StringList {
                values: vec!["tea; green".to_owned(), String::new()],
            })),
        ),
    ];
    let address = |region: &str, label: &str| wire::Address {
        region_code: region.to_owned(),
        postal_code: "200001".to_owned(),
        locality: "上海市".to_owned(),
        address_lines: vec!["南京东路 1 号".to_owned(), "Floor 2, left".to_owned()],
        label: label.to_owned(),
        ..Default::default()
    };
    let wang = wire::Customer {
        given_name: "小明".to_owned(),
        family_name: "王".to_owned(),
        gender: wire::Gender::Male.into(),
        birth_date: Some(common::Date {
            year: 1990,
            month: 1,
            day: 31,
        }),
        region_code: "CN".to_owned(),
        language_code: "zh-CN".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        contact_points: vec![
            wire::ContactPoint {
                label: "work".to_owned(),
                primary: true,
                verify_time: Some(prost_types::Timestamp {
                    seconds: 1_780_000_000,
                    nanos: 0,
                }),
                ..phone("138 0000 0000")
            },
            email("Wang@example.com"),
        ],
        external_ids: vec![id("crm", "7;8"), id("shop", "+9")],
        addresses: vec![
            wire::Address {
                primary: true,
                ..address("CN", "home")
            },
            wire::Address {
                postal_code: "10001".to_owned(),
                ..address("US", "")
            },
        ],
        tags: vec!["a;b".to_owned(), "vip".to_owned()],
        attributes: attributes.map(|(id, value)| (id.to_owned(), value)).into(),
        owner: "person:amy".to_owned(),
        team: "east".to_owned(),
        ..person("=cmd|' /C calc'!A0")
    };
    let acme = wire::Customer {
        r#type: wire::CustomerType::Organization.into(),
        display_name: "Acme".to_owned(),
        legal_name: "Acme, Ltd; \"the best\"".to_owned(),
        contact_points: vec![email("hello@acme.example.com"), phone("+861059928888")],
        addresses: vec![address("CN", "")],
        ..Default::default()
    };
    vec![wang, acme, known("only an id")]
}

#[tokio::test]
async fn an_export_imported_elsewhere_exports_to_the_same_bytes() {
    for house in House::each().await {
        let here = TenantId::embedded_default();
        define(&house, &here).await;
        let mut client = house.customers();
        for customer in people() {
            create(&mut client, customer).await;
        }
        // Its number is read by the region of the import, which the file does not tell.
        let customers = vec![wire::Customer {
            contact_points: vec![phone("139 0000 0000")],
            ..known("national")
        }];
        let parts = vec![
            Part::Header(header(wire::ImportFormat::Rows, &[])),
            Part::Rows(wire::ImportRows { customers }),
        ];
        import(&mut client, parts).await.expect("runs");
        let request = asking(wire::ExportFormat::Ndjson, "");
        let (all, _) = export(&mut client, request).await.expect("a file");
        for (number, (format, read)) in FORMATS.into_iter().enumerate() {
            let there = TenantId::parse(&format!("elsewhere-{number}")).expect("a tenant");
            define(&house, &there).await;
            let mut other = house.customers_of(there.as_str());
            let (file, summary) = export(&mut client, asking(format, ""))
                .await
                .expect("a file");
            assert_eq!((summary.customer_count, summary.masked_count), (4, 0));
            let chunks = file.chunks(1_000).map(|chunk| Part::Chunk(chunk.to_vec()));
            let parts = std::iter::once(Part::Header(nowhere(read))).chain(chunks);
            let done = import(&mut other, parts.collect()).await.expect("runs");
            assert_eq!(
                (done.counts, done.errors),
                ([4, 4, 0, 0, 0], vec![]),
                "{}",
                format.as_str_name()
            );
            let (again, _) = export(&mut other, asking(format, ""))
                .await
                .expect("a file");
            assert!(again == file, "{}", format.as_str_name());
            // And nothing was lost that this format could not have shown.
            let request = asking(wire::ExportFormat::Ndjson, "");
            let (whole, _) = export(&mut other, request).await.expect("a file");
            let lines = |file: &[u8]| String::from_utf8(file.to_vec()).expect("UTF-8");
            assert_eq!(lines(&whole), lines(&all), "{}", format.as_str_name());
        }
    }
}

#[tokio::test]
async fn an_export_is_of_one_instant_and_of_what_the_filter_keeps() {
    for house in House::each().await {
        let mut client = house.customers();
        let customers: Vec<_> = (0..1_200_u32)
            .map(|number| known(&number.to_string()))
            .collect();
        let mut parts = vec![Part::Header(header(wire::ImportFormat::Rows, &[]))];
        for customers in customers.chunks(600) {
            let customers = customers.to_vec();
            parts.push(Part::Rows(wire::ImportRows { customers }));
        }
        import(&mut client, parts).await.expect("runs");
        let request = asking(wire::ExportFormat::Ndjson, "");
        let mut answers = client
            .export_customers(request)
            .await
            .expect("begins")
            .into_inner();
        let first = answers.message().await.expect("a chunk").expect("a chunk");
        house.pass(std::time::Duration::from_secs(1));
        create(
            &mut client,
            wire::Customer {
                tags: vec!["late".to_owned()],
                ..known("late")
            },
        )
        .await;
        let rest: Vec<_> = answers
            .map(|answer| answer.expect("a part"))
            .collect()
            .await;
        let mut file = Vec::new();
        for answer in std::iter::once(first).chain(rest) {
            if let Some(Said::Chunk(chunk)) = answer.part {
                file.extend(chunk);
            }
        }
        let lines = String::from_utf8(file).expect("UTF-8");
        assert_eq!(lines.lines().count(), 1_200, "{:?}", house.db);
        assert!(
            lines
                .lines()
                .next()
                .is_some_and(|line| line.contains("\"0\""))
        );

        let request = asking(wire::ExportFormat::Csv, "tags:\"late\"");
        let (file, summary) = export(&mut client, request).await.expect("a file");
        assert_eq!(summary.customer_count, 1);
        assert!(String::from_utf8(file).expect("UTF-8").contains("crm:late"));
    }
}

#[tokio::test]
async fn exports_that_nobody_reads_keep_nobody_from_reading() {
    for house in House::each().await {
        let mut client = house.customers();
        let customers: Vec<_> = (0..1_600_u32)
            .map(|number| known(&number.to_string()))
            .collect();
        let mut parts = vec![Part::Header(header(wire::ImportFormat::Rows, &[]))];
        for customers in customers.chunks(400) {
            let customers = customers.to_vec();
            parts.push(Part::Rows(wire::ImportRows { customers }));
        }
        import(&mut client, parts).await.expect("runs");

        // Many more than there are connections; one at least has begun.
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let stop = CancellationToken::new();
        let exports = (0..30).map(|_| {
            let (profile, ctx, stop) = (house.profile.clone(), ctx.clone(), stop.clone());
            tokio::spawn(async move { profile.export_customers(&ctx, String::new(), stop).await })
        });
        let (first, _, mut idle) = select_all(exports).await;
        let mut first = first.expect("no panic").expect("begins");
        for _ in 0..20 {
            let page = wire::ListCustomersRequest {
                page_size: 10,
                ..Default::default()
            };
            let listed = tokio::time::timeout(Duration::from_secs(5), client.list_customers(page));
            let listed = listed.await.expect("in time").expect("reads").into_inner();
            assert_eq!(listed.customers.len(), 10);
        }

        stop.cancel();
        let error = loop {
            let page = first.pages.next().await.expect("says that it was cut off");
            if let Err(error) = page {
                break error;
            }
        };
        assert_eq!(error.reason(), Reason::Unavailable);
        // Who waited for its turn hears the same.
        let last = idle.pop().expect("one more").await.expect("no panic");
        assert!(last.is_err_and(|error| error.reason() == Reason::Unavailable));
    }
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_as_a_whole() {
    let house = House::each().await.remove(0);
    let mut client = house.customers();
    let status = status_of(export(&mut client, asking(wire::ExportFormat::Unspecified, "")).await);
    assert_eq!(refusal(&status).fields, ["format"]);
    let status =
        status_of(export(&mut client, asking(wire::ExportFormat::Csv, "nosuch = 1")).await);
    assert_eq!(
        (status.code(), refusal(&status).reason.as_str()),
        (Code::InvalidArgument, "INVALID_FILTER")
    );
}

/// As the edge hands an export on: the context says which call it is of.
fn steward(house: &House) -> Customers {
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "amy".to_owned(),
    };
    let mut ctx = Ctx::new(TenantId::embedded_default(), principal, vec![Role::Steward]);
    let service = "dossier.profile.v1.CustomerService";
    let rules = Rules::from_descriptors(DESCRIPTORS, &[service]).expect("annotated");
    let rule = rules
        .get(&format!("/{service}/ExportCustomers"))
        .expect("known");
    ctx.call = Some(Arc::clone(&rule.call));
    CustomerServiceClient::new(house.wire_as(ctx))
}

#[tokio::test]
async fn what_a_role_may_not_see_is_left_out_of_its_export_and_named() {
    for house in House::each().await {
        define(&house, &TenantId::embedded_default()).await;
        for customer in people() {
            create(&mut house.customers(), customer).await;
        }
        for (format, _) in FORMATS {
            let mut client = steward(&house);
            let (file, summary) = export(&mut client, asking(format, ""))
                .await
                .expect("a file");
            // Which of them has a value of class SENSITIVE is not told.
            assert_eq!((summary.customer_count, summary.masked_count), (3, 3));
            if format == wire::ExportFormat::Xlsx {
                continue;
            }
            let text = String::from_utf8(file).expect("UTF-8").replace("\r\n ", "");
            assert!(text.contains("attributes"), "{}", format.as_str_name());
            assert!(
                !text.contains("-12.5") && !text.contains("\"-12\""),
                "{}",
                format.as_str_name()
            );
        }
    }
}
