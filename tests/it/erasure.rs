//! A customer of whom every service holds something is told all of it, and then erased everywhere.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_kernel::Role;
use dossier_testkit::{Backend, Caller, Example, Plan, Rpc, Shape, Suite, on_both_backends};
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::following::restored::{restored, stop};

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const GET: &str = "dossier.profile.v1.CustomerService/GetCustomer";
const RECORD: &str = "dossier.interaction.v1.InteractionService/RecordInteraction";
const GET_INTERACTION: &str = "dossier.interaction.v1.InteractionService/GetInteraction";
const CREATE_SEGMENT: &str = "dossier.segmentation.v1.SegmentService/CreateSegment";
const MEMBERS: &str = "dossier.segmentation.v1.SegmentService/ListMembers";
const OPEN: &str = "dossier.feedback.v1.CaseService/OpenCase";
const GET_CASE: &str = "dossier.feedback.v1.CaseService/GetCase";
const ASK: &str = "dossier.profile.v1.PrivacyRequestService/CreatePrivacyRequest";
const ASKED: &str = "dossier.profile.v1.PrivacyRequestService/GetPrivacyRequest";
const EXPORT: &str = "dossier.profile.v1.PrivacyRequestService/ExportPrivacyRequest";
const CERTIFICATE: &str = "dossier.profile.v1.PrivacyRequestService/GetErasureCertificate";
const ATTEST: &str = "dossier.subject.v1.SubjectParticipantService/AttestSubjects";

const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];
const ERASE_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_four_processes_on_sqlite() -> anyhow::Result<()> {
    nothing_is_left(Backend::SqliteMemory).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_four_processes_on_postgres() -> anyhow::Result<()> {
    nothing_is_left(Backend::PostgresRedis).await
}

on_both_backends!(an_older_backup_brings_nobody_back);

async fn an_older_backup_brings_nobody_back(mut suite: Suite) -> anyhow::Result<()> {
    let known = meet(&suite, &suite.caller()?).await?;
    let bystander = field(&create(&suite.caller()?, "Grace").await?, "name");
    stop(&mut suite).await?;
    suite.back_up()?;
    suite.start_again().await?;
    let caller = suite.caller()?;
    let request = ask(&caller, &known.customer, "ERASE").await?;
    wait_until_done(&caller, &request).await?;
    stop(&mut suite).await?;
    suite.restore()?;

    let journal = suite.dir().join("data/erasures");
    let aside = suite.dir().join("erasures-aside");
    std::fs::rename(&journal, &aside)?;
    let refused = restored(&suite, &[])
        .err()
        .context("nobody knows who was erased")?;
    let refused = refused.to_string();
    for word in ["erasure_journal_file", "--without-journal"] {
        ensure!(refused.contains(word), "{refused}");
    }
    std::fs::rename(&aside, &journal)?;
    let done = restored(&suite, &[])?;
    ensure!(done.contains("1 customers who were erased"), "{done}");

    suite.start_again().await?;
    let caller = suite.caller()?;
    let read = call(&caller, GET, json!({"name": known.customer})).await;
    ensure!(not_found(read), "it is hidden before it is erased again");
    let begun = Instant::now();
    for service in &SERVICES[1..] {
        while held(&suite, service, &known.customer).await? > 0 {
            ensure!(
                begun.elapsed() < ERASE_TIMEOUT,
                "{service} still holds rows"
            );
            // Nothing tells when it is done: a job takes the next step every second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    for (rpc, name) in [
        (GET_INTERACTION, &known.interaction),
        (GET_CASE, &known.case),
    ] {
        let read = call(&caller, rpc, json!({"name": name})).await;
        ensure!(not_found(read), "{rpc} finds {name}");
    }
    ensure!(members(&caller, &known).await?.is_empty());
    call(&caller, GET, json!({"name": bystander})).await?;
    Ok(())
}

/// Somebody of whom every service holds something, and what that is.
struct Known {
    customer: String,
    interaction: String,
    segment: String,
    case: String,
}

async fn nothing_is_left(backend: Backend) -> anyhow::Result<()> {
    if !backend.is_wanted() {
        return Ok(());
    }
    let suite = Suite::start_as(Plan {
        backend,
        shape: Shape::FourProcesses,
        log_level: "info",
    })
    .await?;
    let caller = suite.caller()?;
    let known = meet(&suite, &caller).await?;
    let bystander = field(&create(&caller, "Grace").await?, "name");
    for service in &SERVICES[1..] {
        let held = held(&suite, service, &known.customer).await?;
        ensure!(held > 0, "{service} knows nobody");
    }
    ensure!(members(&caller, &known).await? == [known.customer.as_str()]);

    let told = told(&caller, &known).await?;
    for service in SERVICES {
        let lines = told.iter().filter(|line| line["service"] == service);
        ensure!(lines.count() > 0, "nothing is told of {service}: {told:?}");
    }

    let request = ask(&caller, &known.customer, "ERASE").await?;
    let read = call(&caller, GET, json!({"name": known.customer})).await;
    ensure!(not_found(read), "it is hidden at once");
    wait_until_done(&caller, &request).await?;
    let certificate = call(&caller, CERTIFICATE, json!({"name": request})).await?;
    let certificate: Value = serde_json::from_str(&field(&certificate, "certificate"))?;
    let statement = &certificate["statement"];
    ensure!(statement["customer"] == known.customer.as_str());
    for service in SERVICES {
        let erased = total(&statement["rows_erased"][service]);
        let left = total(&statement["rows_held"][service]);
        ensure!(erased > Some(0), "{service}: {statement}");
        ensure!(left == Some(0), "{service}: {statement}");
    }

    for service in &SERVICES[1..] {
        let held = held(&suite, service, &known.customer).await?;
        ensure!(held == 0, "{service} holds {held} rows");
    }
    for (rpc, name) in [
        (GET, &known.customer),
        (GET_INTERACTION, &known.interaction),
        (GET_CASE, &known.case),
    ] {
        let read = call(&caller, rpc, json!({"name": name})).await;
        ensure!(not_found(read), "{rpc} finds {name}");
    }
    ensure!(members(&caller, &known).await?.is_empty());
    call(&caller, GET, json!({"name": bystander})).await?;
    Ok(())
}

async fn meet(suite: &Suite, caller: &Caller) -> anyhow::Result<Known> {
    let rule = json!({"display_name": "Buyers", "rule": "count(purchase) >= 1"});
    let segment = call(caller, CREATE_SEGMENT, json!({"segment": rule})).await?;
    let customer = field(&create(caller, "Ada").await?, "name");
    let interaction = json!({
        "customer": customer,
        "source": "shop",
        "event_id": "order-1",
        "occur_time": "2026-01-02T03:04:05Z",
        "purchase": {"amount": {"currency_code": "USD", "units": 29}, "quantity": 1},
    });
    let rpc = Rpc::named(RECORD)?;
    let record = Example::from_json(&rpc, vec![json!({"interaction": interaction})])?;
    let recorded = caller.call(&record).await?;
    let cursor = recorded.cursor();
    suite.clients()?.settle("interaction", cursor).await?;
    let recorded = serde_json::to_value(recorded.first(&rpc)?)?;
    let case = json!({"customer": customer, "type": "CASE_TYPE_QUESTION", "subject": "Where?"});
    let case = call(caller, OPEN, json!({"case": case})).await?;
    Ok(Known {
        customer,
        interaction: field(&recorded["interaction"], "name"),
        segment: field(&segment, "name"),
        case: field(&case, "name"),
    })
}

async fn create(caller: &Caller, display_name: &str) -> Result<Value, Status> {
    let person = json!({"type": "CUSTOMER_TYPE_PERSON", "display_name": display_name});
    call(caller, CREATE, json!({"customer": person})).await
}

/// Enters a request; its name.
async fn ask(caller: &Caller, customer: &str, kind: &str) -> anyhow::Result<String> {
    let kind = format!("PRIVACY_REQUEST_TYPE_{kind}");
    let request = json!({"privacy_request": {"customer": customer, "type": kind}});
    Ok(field(&call(caller, ASK, request).await?, "name"))
}

/// The lines of an export.
async fn told(caller: &Caller, known: &Known) -> anyhow::Result<Vec<Value>> {
    let request = ask(caller, &known.customer, "ACCESS").await?;
    let rpc = Rpc::named(EXPORT)?;
    let export = Example::from_json(&rpc, vec![json!({"name": request})])?;
    let mut text = Vec::new();
    for message in caller.call(&export).await?.messages {
        let chunk = prost_reflect::DynamicMessage::decode(rpc.answer(), message)?;
        let chunk = chunk.get_field_by_name("chunk").context("a chunk")?;
        text.extend_from_slice(chunk.as_bytes().context("bytes")?);
    }
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()?)
}

async fn wait_until_done(caller: &Caller, request: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let asked = call(caller, ASKED, json!({"name": request})).await?;
        if asked["state"] == "PRIVACY_REQUEST_STATE_DONE" {
            return Ok(());
        }
        ensure!(begun.elapsed() < ERASE_TIMEOUT, "still {asked}");
        // Nothing tells when it is done: a job takes the next step every second.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Rows that a service says it holds of somebody.
async fn held(suite: &Suite, service: &str, customer: &str) -> anyhow::Result<u64> {
    let place = SERVICES.iter().position(|one| *one == service);
    let address = suite.addresses()[place.context("a service")?].clone();
    let token = suite.token(&[Role::Service], suite.tenant())?;
    let peer = Caller::new(&std::array::from_fn(|_| address.clone()), &token)?;
    let body = json!({"service": service, "customers": [customer]});
    let answer = call(&peer, ATTEST, body).await?;
    let tables = answer["held"].as_array().context("tables")?;
    let rows = tables.iter().map(|table| {
        let rows = table["rowCount"].as_str().unwrap_or("0");
        rows.parse::<u64>()
    });
    Ok(rows.sum::<Result<u64, _>>()?)
}

/// Who is in the segment.
async fn members(caller: &Caller, known: &Known) -> anyhow::Result<Vec<String>> {
    let listed = call(caller, MEMBERS, json!({"segment": known.segment})).await?;
    let members = listed["memberships"].as_array();
    let members = members.into_iter().flatten();
    Ok(members.map(|member| field(member, "customer")).collect())
}

/// The sum of a service's tables; none where the service is not there.
fn total(tables: &Value) -> Option<u64> {
    let tables = tables.as_object()?;
    tables.values().map(Value::as_u64).sum()
}

fn not_found<T>(answer: Result<T, Status>) -> bool {
    answer.is_err_and(|status| status.code() == Code::NotFound)
}

async fn call(caller: &Caller, rpc: &str, body: Value) -> Result<Value, Status> {
    let wrong = |error: anyhow::Error| Status::internal(format!("{rpc}: {error:#}"));
    let rpc = Rpc::named(rpc).map_err(wrong)?;
    let example = Example::from_json(&rpc, vec![body]).map_err(wrong)?;
    let answer = caller.call(&example).await?.first(&rpc).map_err(wrong)?;
    serde_json::to_value(&answer).map_err(|error| wrong(error.into()))
}

fn field(message: &Value, name: &str) -> String {
    message[name].as_str().unwrap_or_default().to_owned()
}
