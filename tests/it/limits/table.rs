//! Limits on what requests say.

use serde_json::{Value, json};

use super::ground::{Ground, case, interaction, person, question, unique};
use super::{Expected, Limit, privacy, profile};

use Expected::{Filter, Invalid};

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const LIST: &str = "dossier.profile.v1.CustomerService/ListCustomers";
const IMPORT: &str = "dossier.profile.v1.CustomerService/ImportCustomers";
const RECORD: &str = "dossier.interaction.v1.InteractionService/RecordInteraction";
const SEGMENT: &str = "dossier.segmentation.v1.SegmentService/CreateSegment";
const SURVEY: &str = "dossier.feedback.v1.SurveyService/CreateSurvey";
const CASE: &str = "dossier.feedback.v1.CaseService/OpenCase";

pub fn limits() -> Vec<Limit> {
    [
        lists(),
        customers(),
        imports(),
        interactions(),
        segments(),
        feedback(),
        profile::limits(),
        privacy::limits(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub fn limit(
    row: &'static str,
    rpc: &'static str,
    most: usize,
    answer: Expected,
    bodies: fn(&Ground, usize) -> Vec<Value>,
) -> Limit {
    Limit {
        row,
        rpc,
        most,
        bodies,
        answer,
    }
}

pub fn x(count: usize) -> String {
    "x".repeat(count)
}

fn customer(field: &str, value: Value) -> Vec<Value> {
    let mut customer = person();
    customer[field] = value;
    vec![json!({"customer": customer})]
}

/// Each item from its number.
pub fn many(count: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..count).map(item).collect()
}

fn lists() -> Vec<Limit> {
    vec![
        limit("filter", LIST, 8_192, Filter("filter"), |_, n| {
            vec![json!({"filter": rule_of_bytes(n)})]
        }),
        limit("depth of a filter", LIST, 24, Filter("filter"), |_, n| {
            let filter = format!("{}region_code = \"CN\"{}", "(".repeat(n), ")".repeat(n));
            vec![json!({"filter": filter})]
        }),
        limit("cost of a filter", LIST, 500, Filter("filter"), |_, n| {
            // A member costs 2, a comparison 1.
            let mut parts = vec!["tags:a"; n / 2];
            parts.extend(vec!["region_code = \"CN\""; n % 2]);
            vec![json!({"filter": parts.join(" OR ")})]
        }),
    ]
}

/// A filter on the region of exactly so many bytes.
fn rule_of_bytes(bytes: usize) -> String {
    let bare = "region_code = \"\"".len();
    format!("region_code = \"{}\"", x(bytes - bare))
}

fn customers() -> Vec<Limit> {
    vec![
        limit(
            "display name",
            CREATE,
            256,
            Invalid("customer.display_name"),
            |_, n| customer("display_name", json!(x(n))),
        ),
        limit(
            "given name",
            CREATE,
            128,
            Invalid("customer.given_name"),
            |_, n| customer("given_name", json!(x(n))),
        ),
        limit("owner", CREATE, 256, Invalid("customer.owner"), |_, n| {
            customer("owner", json!(x(n)))
        }),
        limit("team", CREATE, 64, Invalid("customer.team"), |_, n| {
            customer("team", json!(x(n)))
        }),
        limit(
            "contact points of a customer",
            CREATE,
            100,
            Invalid("customer.contact_points"),
            |_, n| customer("contact_points", many(n, |_| email(&unique(), "work"))),
        ),
        limit(
            "label of a contact point",
            CREATE,
            64,
            Invalid("customer.contact_points[0].label"),
            |_, n| customer("contact_points", json!([email(&unique(), &x(n))])),
        ),
        limit(
            "e-mail address",
            CREATE,
            254,
            Invalid("customer.contact_points[0].value"),
            |_, n| customer("contact_points", json!([address_of_bytes(n)])),
        ),
        limit(
            "external ids of a customer",
            CREATE,
            100,
            Invalid("customer.external_ids"),
            |_, n| customer("external_ids", many(n, |_| external_id(&unique()))),
        ),
        limit(
            "value of an external id",
            CREATE,
            256,
            Invalid("customer.external_ids[0].value"),
            |_, n| customer("external_ids", json!([external_id(&x(n))])),
        ),
        limit(
            "addresses of a customer",
            CREATE,
            20,
            Invalid("customer.addresses"),
            |_, n| customer("addresses", many(n, |_| address(1))),
        ),
        limit(
            "lines of an address",
            CREATE,
            5,
            Invalid("customer.addresses[0].address_lines"),
            |_, n| customer("addresses", json!([address(n)])),
        ),
        limit(
            "tags of a customer",
            CREATE,
            200,
            Invalid("customer.tags"),
            |_, n| customer("tags", many(n, |number| json!(format!("tag {number}")))),
        ),
        limit(
            "paths of an update mask",
            "dossier.profile.v1.CustomerService/UpdateCustomer",
            1_000,
            Invalid("update_mask"),
            |ground, n| {
                let customer = json!({"name": ground.customer, "tags": ["masked"]});
                vec![json!({"customer": customer, "update_mask": vec!["tags"; n].join(",")})]
            },
        ),
        limit("tag", CREATE, 64, Invalid("customer.tags[0]"), |_, n| {
            customer("tags", json!([x(n)]))
        }),
        limit(
            "text of an attribute",
            CREATE,
            4_096,
            Invalid("customer.attributes.limits_text"),
            |_, n| customer("attributes", json!({"limits_text": {"string_value": x(n)}})),
        ),
        limit(
            "texts of an attribute",
            CREATE,
            100,
            Invalid("customer.attributes.limits_list"),
            |_, n| {
                let values = many(n, |number| json!(format!("text {number}")));
                let list = json!({"list_value": {"values": values}});
                customer("attributes", json!({"limits_list": list}))
            },
        ),
        limit(
            "customers of a batch read",
            "dossier.profile.v1.CustomerService/BatchGetCustomers",
            500,
            Expected::Limit,
            |ground, n| vec![json!({"names": vec![&ground.customer; n]})],
        ),
        limit(
            "keys of a lookup",
            "dossier.profile.v1.CustomerService/LookupCustomers",
            500,
            Expected::Limit,
            |_, n| vec![json!({"keys": many(n, |_| json!({"email": "a@example.com"}))})],
        ),
    ]
}

fn email(local: &str, label: &str) -> Value {
    json!({
        "type": "CONTACT_POINT_TYPE_EMAIL",
        "value": format!("{local}@example.com"),
        "label": label,
    })
}

/// A local part of 64 bytes and a domain of labels of at most 60.
fn address_of_bytes(bytes: usize) -> Value {
    let local = format!("{}{}", unique(), x(32));
    let mut domain = String::new();
    let mut left = bytes - local.len() - "@".len() - ".cn".len();
    while left > 60 {
        domain += &format!("{}.", x(59));
        left -= 60;
    }
    let value = format!("{local}@{domain}{}.cn", x(left));
    json!({"type": "CONTACT_POINT_TYPE_EMAIL", "value": value})
}

fn external_id(value: &str) -> Value {
    json!({"namespace": "limits", "value": value})
}

fn address(lines: usize) -> Value {
    let lines = many(lines, |number| json!(format!("line {number}")));
    json!({"region_code": "CN", "address_lines": lines})
}

fn imports() -> Vec<Limit> {
    vec![
        limit(
            "rows of an import message",
            IMPORT,
            1_000,
            Expected::Limit,
            |_, n| {
                let header = json!({"header": {"format": "IMPORT_FORMAT_ROWS", "dry_run": true}});
                vec![
                    header,
                    json!({"rows": {"customers": many(n, |_| person())}}),
                ]
            },
        ),
        limit(
            "columns of an imported file",
            IMPORT,
            1_000,
            Expected::Limit,
            |_, n| {
                let ignored: Vec<_> = (1..n).map(|number| format!("column_{number}")).collect();
                let mapping: serde_json::Map<String, Value> = ignored
                    .iter()
                    .map(|column| (column.clone(), json!("")))
                    .collect();
                let head = format!("display_name,{}\n", ignored.join(","));
                let row = format!("Wang{}\n", ",".repeat(n - 1));
                file(json!(mapping), &(head + &row))
            },
        ),
        limit(
            "row of an imported file",
            IMPORT,
            1_048_576,
            Expected::Limit,
            |_, n| {
                // The comma between the cells is no part of them.
                let name = "Wang";
                let rest = x(n - name.len());
                file(
                    json!({"rest": ""}),
                    &format!("display_name,rest\n{name},{rest}\n"),
                )
            },
        ),
    ]
}

fn file(mapping: Value, text: &str) -> Vec<Value> {
    use base64::Engine as _;
    let header = json!({
        "format": "IMPORT_FORMAT_CSV",
        "dry_run": true,
        "column_mapping": mapping,
    });
    let chunk = base64::engine::general_purpose::STANDARD.encode(text);
    vec![json!({"header": header}), json!({"chunk": chunk})]
}

fn recorded(ground: &Ground, details: &str, value: Value) -> Vec<Value> {
    let mut interaction = interaction(ground);
    interaction[details] = value;
    vec![json!({"interaction": interaction})]
}

fn interactions() -> Vec<Limit> {
    vec![
        limit(
            "interactions of a batch",
            "dossier.interaction.v1.InteractionService/BatchRecordInteractions",
            500,
            Expected::Limit,
            |ground, n| {
                let request = |_| {
                    let recorded = recorded(ground, "message", json!({"medium": "sms"}));
                    recorded.into_iter().next().unwrap_or_default()
                };
                vec![json!({"requests": many(n, request)})]
            },
        ),
        limit(
            "event id",
            RECORD,
            256,
            Invalid("interaction.event_id"),
            |ground, n| {
                let mut interaction = interaction(ground);
                interaction["message"] = json!({"medium": "sms"});
                interaction["event_id"] = json!(x(n));
                vec![json!({"interaction": interaction})]
            },
        ),
        limit(
            "lines of a purchase",
            RECORD,
            500,
            Invalid("interaction.purchase.lines"),
            |ground, n| {
                let amount =
                    |units: usize| json!({"currency_code": "CNY", "units": units.to_string()});
                let line = |_| json!({"product_id": "p", "quantity": 1, "amount": amount(1)});
                let purchase = json!({"amount": amount(n), "lines": many(n, line)});
                recorded(ground, "purchase", purchase)
            },
        ),
        limit(
            "page of a page view",
            RECORD,
            2_048,
            Invalid("interaction.page_view.page"),
            |ground, n| recorded(ground, "page_view", json!({"page": x(n)})),
        ),
        limit(
            "subject of an e-mail",
            RECORD,
            998,
            Invalid("interaction.email.subject"),
            |ground, n| recorded(ground, "email", json!({"subject": x(n)})),
        ),
        limit(
            "body of an e-mail",
            RECORD,
            65_536,
            Invalid("interaction.email.body"),
            |ground, n| recorded(ground, "email", json!({"body": x(n)})),
        ),
        limit(
            "text of a message",
            RECORD,
            16_384,
            Invalid("interaction.message.text"),
            |ground, n| recorded(ground, "message", json!({"medium": "sms", "text": x(n)})),
        ),
        limit(
            "fields of a custom interaction",
            RECORD,
            50,
            Invalid("interaction.custom.fields"),
            |ground, n| recorded(ground, "custom", custom(n, 1)),
        ),
        limit(
            "field of a custom interaction",
            RECORD,
            4_096,
            Invalid("interaction.custom.fields[\"field_0\"]"),
            |ground, n| recorded(ground, "custom", custom(1, n)),
        ),
    ]
}

fn custom(fields: usize, length: usize) -> Value {
    let fields: serde_json::Map<String, Value> = (0..fields)
        .map(|number| (format!("field_{number}"), json!(x(length))))
        .collect();
    json!({"type": "fitting", "fields": fields})
}

fn segment(display_name: String, description: String, rule: String) -> Vec<Value> {
    vec![json!({"segment": {
        "display_name": display_name,
        "description": description,
        "rule": rule,
    }})]
}

fn segments() -> Vec<Limit> {
    vec![
        limit(
            "name of a segment",
            SEGMENT,
            128,
            Invalid("segment.display_name"),
            |_, n| segment(x(n), String::new(), rule_of_bytes(40)),
        ),
        limit(
            "description of a segment",
            SEGMENT,
            1_024,
            Invalid("segment.description"),
            |_, n| segment(unique(), x(n), rule_of_bytes(40)),
        ),
        limit(
            "rule of a segment",
            SEGMENT,
            8_192,
            Filter("segment.rule"),
            |_, n| segment(unique(), String::new(), rule_of_bytes(n)),
        ),
        limit(
            "sample of a preview",
            "dossier.segmentation.v1.SegmentService/PreviewSegment",
            100,
            Invalid("sample_size"),
            |_, n| vec![json!({"rule": rule_of_bytes(40), "sample_size": n})],
        ),
        limit(
            "segments of a membership check",
            "dossier.segmentation.v1.SegmentService/CheckMembership",
            500,
            Invalid("segments"),
            |ground, n| {
                let segments = vec![&ground.segment; n];
                vec![json!({"customer": ground.customer, "segments": segments})]
            },
        ),
    ]
}

fn survey(display_name: String, questions: Value) -> Vec<Value> {
    vec![json!({"survey": {"display_name": display_name, "questions": questions}})]
}

fn feedback() -> Vec<Limit> {
    vec![
        limit(
            "name of a survey",
            SURVEY,
            128,
            Invalid("survey.display_name"),
            |_, n| survey(x(n), json!([question(0, "Why?")])),
        ),
        limit(
            "questions of a survey",
            SURVEY,
            50,
            Invalid("survey.questions"),
            |_, n| survey(unique(), many(n, |number| question(number, "Why?"))),
        ),
        limit(
            "text of a question",
            SURVEY,
            1_024,
            Invalid("survey.questions[0].text"),
            |_, n| survey(unique(), json!([question(0, &x(n))])),
        ),
        limit(
            "text of an answer",
            "dossier.feedback.v1.SurveyService/SubmitResponse",
            4_096,
            Invalid("answers[0].text"),
            |ground, n| {
                let answer = json!({"question_id": "question_0", "text": x(n)});
                vec![json!({"invitation": ground.invitation, "answers": [answer]})]
            },
        ),
        limit(
            "subject of a case",
            CASE,
            256,
            Invalid("case.subject"),
            |ground, n| {
                let mut case = case(&ground.customer);
                case["subject"] = json!(x(n));
                vec![json!({"case": case})]
            },
        ),
        limit(
            "description of a case",
            CASE,
            16_384,
            Invalid("case.description"),
            |ground, n| {
                let mut case = case(&ground.customer);
                case["description"] = json!(x(n));
                vec![json!({"case": case})]
            },
        ),
    ]
}
