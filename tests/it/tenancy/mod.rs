//! No tenant learns anything of another: not through a foreign id, a list, a watch, a search, a page
//! token or an identifier, over every RPC of the contract; and no table is without its tenant.

mod bystander;
mod names;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail, ensure};
use dossier_kernel::{Role, TenantId};
use dossier_testkit::{Answer, Caller, Example, Refusal, Rpc, Scene, Suite, on_both_backends};
#[cfg(feature = "failpoints")]
use dossier_testkit::{Backend, Dice, Plan, Shape};
use serde_json::Value;
use tonic::{Code, Status};

use bystander::Bystander;
use names::Names;

/// Stands in every personal value that the first tenant sends.
const MARKER: &str = "Kanarientenor";
const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";

on_both_backends!(
    every_rpc_keeps_to_its_tenant,
    every_table_is_keyed_and_walled_by_tenant,
);

/// Two tenants: one makes things, the other asks for them.
struct Pair {
    ours: Scene,
    theirs: Caller,
    our_tenant: String,
    /// What was made for the first tenant. Ids that callers choose may be the same in another.
    our_ids: BTreeSet<String>,
}

/// What a service says where it finds a row of another tenant, which a later wall then refuses.
const FOREIGN_ROW: &str = "a row of another tenant was read";

/// Tables whose rows a caller can name or is shown. Of the others, rows are found by ids of rows of
/// these, and of `customer_key` by values that are made with the tenant's key.
#[cfg(feature = "failpoints")]
const NAMED: [&str; 13] = [
    "customer",
    "attribute_definition",
    "consent_notice",
    "api_key",
    "interaction",
    "segment",
    "membership",
    "purchase_total",
    "tenant",
    "survey",
    "invitation",
    "response",
    "feedback_case",
];

/// On SQLite: PostgreSQL would hide the rows all the same.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_read_without_its_tenant_is_noticed() -> anyhow::Result<()> {
    let mut dice = Dice::random();
    let mut unnoticed = Vec::new();
    // Each walk takes seconds: others in the next run.
    for table in [NAMED[0], *dice.pick(&NAMED[1..]), *dice.pick(&NAMED[1..])] {
        let plan = Plan {
            backend: Backend::SqliteMemory,
            shape: Shape::OneProcess,
            log_level: "info",
        };
        let mut suite = Suite::prepare(plan, None)?;
        let bug = format!("db::forget_tenant=return({table})");
        suite.set_environment(vec![("FAILPOINTS".to_owned(), bug)]);
        suite.start_again().await?;
        match every_rpc_keeps_to_its_tenant(suite).await {
            Ok(()) => unnoticed.push(table),
            Err(noticed) => eprintln!("noticed, {table}: {noticed:.300}"),
        }
    }
    ensure!(unnoticed.is_empty(), "not noticed: {unnoticed:?}");
    Ok(())
}

async fn every_rpc_keeps_to_its_tenant(suite: Suite) -> anyhow::Result<()> {
    let other = TenantId::parse("somebody-else")?;
    let theirs = suite.caller_as(&[Role::Admin], &other)?;
    // The other tenant has customers and attributes too, so that only ownership can refuse it.
    let scene = Scene::new(theirs.clone(), "Fremder");
    let create = Rpc::named(CREATE)?;
    theirs.call(&scene.example(&create).await?).await?;
    let ours = Scene::new(suite.caller()?, MARKER);
    let bystander = suite.caller_as(&[Role::Admin], &TenantId::parse("nobody-else")?)?;
    let bystander = Bystander::look(bystander, &ours).await?;
    let mut pair = Pair {
        ours,
        theirs,
        our_tenant: suite.tenant().to_string(),
        our_ids: BTreeSet::new(),
    };
    let mut problems = Vec::new();
    let (mut by_name, mut paged) = (0, 0);
    for rpc in Rpc::all()? {
        match pair.walk(&rpc).await {
            Ok(named) => by_name += u32::from(named),
            Err(problem) => problems.push(format!("{}: {problem:#}", rpc.name)),
        }
    }
    for rpc in Rpc::all()? {
        match pair.turn_a_foreign_page(&rpc).await {
            Ok(refused) => paged += u32::from(refused),
            Err(problem) => problems.push(format!("{}: {problem:#}", rpc.name)),
        }
    }
    problems.extend(bystander.look_again().await?);
    let log = suite.log()?;
    ensure!(!log.contains("panicked"), "a handler panicked");
    problems.extend(foreign_rows(&log));
    ensure!(
        problems.is_empty(),
        "{} times a tenant got at what is another's:\n{}",
        problems.len(),
        problems.join("\n")
    );
    // A walk that asks for nothing proves nothing.
    ensure!(by_name >= 25, "only {by_name} RPCs were asked by name");
    ensure!(paged >= 3, "only {paged} page tokens were tried");
    Ok(())
}

impl Pair {
    /// Says whether the RPC was asked with names of the other tenant's.
    async fn walk(&mut self, rpc: &Rpc) -> anyhow::Result<bool> {
        let example = self.ours.example(rpc).await?;
        let bodies = bodies(&example)?;
        let names = Names::in_bodies(&bodies);
        if names.is_empty() {
            self.ask_without_names(&example).await?;
            return Ok(false);
        }
        self.our_ids.extend(names.made_ids());
        let foreign = shown(rpc, self.theirs.call(&example).await)?;
        self.check(&foreign, &bodies)?;

        let strangers = names.strangers();
        let nobodys = bodies.iter().map(|body| strangers.put_into(body)).collect();
        let nobodys = Example::from_json(rpc, nobodys)?;
        let nobody = shown(rpc, self.theirs.call(&nobodys).await)?;
        let nobody = strangers.take_out(&nobody);
        compare(&foreign, &nobody)?;

        match self.ours.caller().call(&example).await {
            Ok(kept) => self.remember(rpc, &kept)?,
            // What only services of the suite may ask, nobody here may.
            Err(status) if status.code() == Code::PermissionDenied => {}
            Err(status) => bail!("what the other tenant tried had an effect: {status:?}"),
        }
        Ok(true)
    }

    /// The same request of both: each is answered from its own.
    async fn ask_without_names(&mut self, example: &Example) -> anyhow::Result<()> {
        let rpc = &example.rpc;
        let answer = self.ours.caller().call(example).await?;
        self.remember(rpc, &answer)?;
        let answer = self.theirs.call(example).await;
        let answer = answer.context("refused for what another tenant has")?;
        self.check(&shown(rpc, Ok(answer))?, &bodies(example)?)
    }

    fn remember(&mut self, rpc: &Rpc, answer: &Answer) -> anyhow::Result<()> {
        let names = Names::in_bodies(&messages(rpc, answer)?);
        self.our_ids.extend(names.made_ids());
        Ok(())
    }

    /// Nothing of the first tenant stands in what the other was told, but what it sent itself.
    fn check(&self, told: &str, sent: &[Value]) -> anyhow::Result<()> {
        let sent = Value::from(sent.to_vec()).to_string();
        let ours = self.our_ids.iter().map(String::as_str);
        for secret in ours.chain([self.our_tenant.as_str()]) {
            if told.contains(secret) && !sent.contains(secret) {
                bail!("the other tenant is told {secret}: {told}");
            }
        }
        Ok(())
    }

    /// A token that goes on in one tenant's list goes on in no other's.
    async fn turn_a_foreign_page(&self, rpc: &Rpc) -> anyhow::Result<bool> {
        let request = rpc.request();
        let has = |field| request.get_field_by_name(field).is_some();
        if !has("page_token") || !has("page_size") {
            return Ok(false);
        }
        let mut example = self.ours.example(rpc).await?;
        if !Names::in_bodies(&bodies(&example)?).is_empty() {
            return Ok(false);
        }
        for message in &mut example.messages {
            message.set_field_by_name("page_size", prost_reflect::Value::I32(1));
        }
        let page = self.ours.caller().call(&example).await?.first(rpc)?;
        let token = page.get_field_by_name("next_page_token");
        let token = token.context("a page names the next one")?.into_owned();
        if token.as_str().is_none_or(str::is_empty) {
            return Ok(false);
        }
        for message in &mut example.messages {
            message.set_field_by_name("page_token", token.clone());
        }
        self.ours.caller().call(&example).await?;
        let refused = match self.theirs.call(&example).await {
            Ok(_) => bail!("a foreign page token was accepted"),
            Err(status) => Refusal::of(&status),
        };
        ensure!(refused.fields() == ["page_token"], "{refused:?}");
        Ok(true)
    }
}

/// Rows that only a later wall kept from being shown.
fn foreign_rows(log: &str) -> impl Iterator<Item = String> {
    let lines = log.lines().filter(|line| line.contains(FOREIGN_ROW));
    lines.map(str::to_owned)
}

fn bodies(example: &Example) -> anyhow::Result<Vec<Value>> {
    let read = |message| Ok(serde_json::to_value(message)?);
    example.messages.iter().map(read).collect()
}

fn messages(rpc: &Rpc, answer: &Answer) -> anyhow::Result<Vec<Value>> {
    let read = |bytes: &bytes::Bytes| {
        let message = prost_reflect::DynamicMessage::decode(rpc.answer(), bytes.clone())?;
        Ok(serde_json::to_value(message)?)
    };
    answer.messages.iter().map(read).collect()
}

/// Everything a caller can tell of an answer, in one order.
fn shown(rpc: &Rpc, answer: Result<Answer, Status>) -> anyhow::Result<String> {
    Ok(match answer {
        Ok(answer) => serde_json::to_string_pretty(&messages(rpc, &answer)?)?,
        Err(status) => {
            let Refusal {
                code,
                reason,
                domain,
                metadata,
                violations,
                message,
                has_retry,
            } = Refusal::of(&status);
            let metadata: BTreeMap<_, _> = metadata.into_iter().collect();
            format!("{code:?} {reason} {domain} {metadata:?} {violations:?} {has_retry} {message}")
        }
    })
}

fn compare(foreign: &str, nobody: &str) -> anyhow::Result<()> {
    ensure!(
        foreign == nobody,
        "another tenant's id is answered otherwise than none:\n  foreign: {foreign}\n  none:    {nobody}"
    );
    Ok(())
}

async fn every_table_is_keyed_and_walled_by_tenant(suite: Suite) -> anyhow::Result<()> {
    tables::check(&suite)
}

/// A harness that cannot fail proves nothing.
#[tokio::test]
async fn a_telling_answer_and_a_leaked_name_are_noticed() {
    let refused = |message: &str| {
        let status = Status::permission_denied(message);
        shown(&Rpc::named(CREATE).expect("known"), Err(status)).expect("shown")
    };
    assert!(compare(&refused("not yours"), &refused("no such customer")).is_err());
    let nowhere = ["http://127.0.0.1:1"; 4].map(str::to_owned);
    let caller = Caller::new(&nowhere, "").expect("lazy");
    let id = "0199f0a0-0000-7000-8000-000000000001";
    let pair = Pair {
        ours: Scene::new(caller.clone(), MARKER),
        theirs: caller,
        our_tenant: "test-1".to_owned(),
        our_ids: BTreeSet::from([id.to_owned()]),
    };
    let name = format!("customers/{id}");
    assert!(pair.check(&name, &[]).is_err());
    assert!(pair.check(&name, &[Value::from(name.as_str())]).is_ok());
    assert!(pair.check("of test-1", &[]).is_err());
    assert!(bystander::differ("{\"memberCount\": 1}", "{\"memberCount\": 2}").is_some());
    assert!(bystander::differ("{}", &format!("{{\"displayName\": \"{MARKER}\"}}")).is_some());
    assert!(bystander::differ("{}", "{}").is_none());
    let line = format!("{{\"message\":\"{FOREIGN_ROW}; refused\"}}");
    assert_eq!(foreign_rows(&line).count(), 1);
}
