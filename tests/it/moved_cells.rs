//! Sealed cells that somebody moves within the database open nowhere else: not in another row, column
//! or table, not for another customer or tenant; and the refusal says nothing of what is in them.

use anyhow::{Context as _, ensure};
use dossier_kernel::{Role, TenantId};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Backend, Clients, Rpc, Scene, Suite, on_both_backends};
use prost_reflect::DynamicMessage;
use tonic::{Code, Status};
use uuid::Uuid;

on_both_backends!(moved_cells_do_not_open);

/// Whose cell, and which column.
type Cell<'c> = (&'c str, &'c str);

const MARKER: &str = "Kanarievogel";

async fn moved_cells_do_not_open(suite: Suite) -> anyhow::Result<()> {
    let ours = Scene::new(suite.caller()?, MARKER);
    let tenant = TenantId::parse(&format!("other-{}", Uuid::new_v4().simple()))?;
    let theirs = Scene::new(suite.caller_as(&[Role::Admin], &tenant)?, MARKER);
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(person(&ours).await?);
    }
    let [whole, another, column, back, foreign, renewed] = people.as_slice() else {
        anyhow::bail!("six people");
    };
    let stranger = person(&theirs).await?;
    let moves: [(Cell<'_>, Cell<'_>); 4] = [
        ((another, "direct"), (whole, "direct")),
        ((column, "sensitive"), (column, "direct")),
        ((back, "direct"), (back, "sensitive")),
        ((foreign, "direct"), (&stranger, "direct")),
    ];
    for (to, (from, column)) in moves {
        let from = (from, "customer", column, "id");
        change(&suite, "profile", "customer", "id", to, from)?;
    }
    let mut clients = suite.clients()?;
    rename(&mut clients, renewed).await?;
    let from = (
        renewed.as_str(),
        "customer_revision",
        "direct",
        "customer_id",
    );
    let to = (renewed.as_str(), "direct");
    change(&suite, "profile", "customer", "id", to, from)?;
    let calls = [
        call(&mut clients, whole, 1).await?,
        call(&mut clients, whole, 2).await?,
    ];
    let from = (calls[1].as_str(), "interaction", "direct", "id");
    change(
        &suite,
        "interaction",
        "interaction",
        "id",
        (calls[0].as_str(), "direct"),
        from,
    )?;
    let cases = [
        case(&mut clients, whole).await?,
        case(&mut clients, whole).await?,
    ];
    let from = (cases[0].as_str(), "case_reply", "direct", "case_id");
    let to = (cases[0].as_str(), "direct");
    change(&suite, "feedback", "feedback_case", "case_id", to, from)?;
    let from = (cases[1].as_str(), "feedback_case", "direct", "case_id");
    let to = (cases[1].as_str(), "direct");
    change(&suite, "feedback", "case_reply", "case_id", to, from)?;

    read(
        &ours,
        "dossier.profile.v1.CustomerService/GetCustomer",
        whole,
    )
    .await?
    .map_err(|status| anyhow::anyhow!("what was not moved opens: {:?}", status.code()))?;
    let moved = [
        ("dossier.profile.v1.CustomerService/GetCustomer", another),
        ("dossier.profile.v1.CustomerService/GetCustomer", column),
        ("dossier.profile.v1.CustomerService/GetCustomer", back),
        ("dossier.profile.v1.CustomerService/GetCustomer", foreign),
        ("dossier.profile.v1.CustomerService/GetCustomer", renewed),
        (
            "dossier.interaction.v1.InteractionService/GetInteraction",
            &calls[0],
        ),
        ("dossier.feedback.v1.CaseService/GetCase", &cases[0]),
        ("dossier.feedback.v1.CaseService/GetCase", &cases[1]),
    ];
    for (rpc, name) in moved {
        let answer = read(&ours, rpc, name).await?;
        let refused = answer
            .err()
            .with_context(|| format!("{rpc} {name}: a moved cell opens"))?;
        ensure!(
            refused.code() == Code::Internal,
            "{rpc}: {:?}",
            refused.code()
        );
        let details = String::from_utf8_lossy(refused.details()).into_owned();
        ensure!(
            !refused.message().contains(MARKER) && !details.contains(MARKER),
            "{rpc}"
        );
    }
    Ok(())
}

/// A customer with a value of every class.
async fn person(scene: &Scene) -> anyhow::Result<String> {
    let rpc = Rpc::named("dossier.profile.v1.CustomerService/CreateCustomer")?;
    let example = scene.example(&rpc).await?;
    let made = scene.caller().call(&example).await?.first(&rpc)?;
    let name = made.get_field_by_name("name").context("a name")?;
    Ok(name.as_str().context("a text")?.to_owned())
}

async fn rename(clients: &mut Clients, name: &str) -> anyhow::Result<()> {
    let customer = profile::Customer {
        name: name.to_owned(),
        display_name: MARKER.to_owned(),
        ..Default::default()
    };
    let update = profile::UpdateCustomerRequest {
        customer: Some(customer),
        ..Default::default()
    };
    clients.customers.update_customer(update).await?;
    Ok(())
}

async fn call(clients: &mut Clients, customer: &str, number: u32) -> anyhow::Result<String> {
    let call = interaction::Call {
        notes: format!("{MARKER} {number}"),
        ..Default::default()
    };
    let record = interaction::RecordInteractionRequest {
        interaction: Some(interaction::Interaction {
            customer: customer.to_owned(),
            source: "desk".to_owned(),
            event_id: number.to_string(),
            occur_time: Some(prost_types::Timestamp {
                seconds: 1_760_000_000,
                nanos: 0,
            }),
            kind: interaction::InteractionKind::Call.into(),
            details: Some(interaction::interaction::Details::Call(call)),
            ..Default::default()
        }),
        ..Default::default()
    };
    let recorded = clients.interactions.record_interaction(record).await?;
    let recorded = recorded.into_inner().interaction;
    Ok(recorded.context("an interaction")?.name)
}

async fn case(clients: &mut Clients, customer: &str) -> anyhow::Result<String> {
    let case = feedback::Case {
        customer: customer.to_owned(),
        r#type: feedback::CaseType::Complaint.into(),
        subject: MARKER.to_owned(),
        ..Default::default()
    };
    let open = feedback::OpenCaseRequest {
        case: Some(case),
        ..Default::default()
    };
    let name = clients.cases.open_case(open).await?.into_inner().name;
    let reply = feedback::ReplyToCaseRequest {
        name: name.clone(),
        text: MARKER.to_owned(),
        ..Default::default()
    };
    clients.cases.reply_to_case(reply).await?;
    Ok(name)
}

async fn read(
    scene: &Scene,
    rpc: &str,
    name: &str,
) -> anyhow::Result<Result<DynamicMessage, Status>> {
    let rpc = Rpc::named(rpc)?;
    let body = serde_json::json!({ "name": name });
    let example = dossier_testkit::Example::from_json(&rpc, vec![body])?;
    Ok(match scene.caller().call(&example).await {
        Ok(answer) => Ok(answer.first(&rpc)?),
        Err(status) => Err(status),
    })
}

/// Puts the cell of one row over that of another, in the tables of one service.
fn change(
    suite: &Suite,
    service: &str,
    table: &str,
    key: &str,
    (to, to_column): (&str, &str),
    (from, from_table, from_column, from_key): (&str, &str, &str, &str),
) -> anyhow::Result<()> {
    let statement = format!(
        "UPDATE {table} SET {to_column} = \
         (SELECT {from_column} FROM {from_table} AS source WHERE source.{from_key} = {}) \
         WHERE {key} = {}",
        id(suite, from)?,
        id(suite, to)?,
    );
    match suite.backend() {
        Backend::SqliteMemory => {
            let file = suite.dir().join(format!("data/dossier-{service}.db"));
            let changed = rusqlite::Connection::open(file)?.execute(&statement, [])?;
            ensure!(changed == 1, "{changed} rows: {statement}");
        }
        Backend::PostgresRedis => {
            let schema = format!("SET search_path TO dossier_{service}; {statement} RETURNING 1");
            ensure!(suite.sql_as_admin(&schema)? == "1", "{statement}");
        }
    }
    Ok(())
}

/// As the database writes the UUID of a name.
fn id(suite: &Suite, name: &str) -> anyhow::Result<String> {
    let (_, id) = name.split_once('/').context("a name has a slash")?;
    let id = Uuid::parse_str(id)?;
    Ok(match suite.backend() {
        Backend::SqliteMemory => format!("X'{}'", id.simple()),
        Backend::PostgresRedis => format!("'{id}'"),
    })
}
