//! Two customers become one in four processes, and two again: what each of them did, said and is a
//! member of is the survivor's meanwhile, and finds back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_testkit::{Backend, Caller, Example, Plan, Rpc, Shape, Suite};
use serde_json::{Value, json};
use tonic::Status;

const CREATE: &str = "dossier.profile.v1.CustomerService/CreateCustomer";
const GET: &str = "dossier.profile.v1.CustomerService/GetCustomer";
const PLAN: &str = "dossier.profile.v1.MergeService/PlanMerge";
const MERGE: &str = "dossier.profile.v1.MergeService/MergeCustomers";
const RECORD: &str = "dossier.profile.v1.MergeService/GetMergeRecord";
const UNMERGE: &str = "dossier.profile.v1.MergeService/UnmergeCustomer";
const BUY: &str = "dossier.interaction.v1.InteractionService/RecordInteraction";
const BOUGHT: &str = "dossier.interaction.v1.InteractionService/ListInteractions";
const SUMMARY: &str = "dossier.interaction.v1.InteractionService/GetActivitySummary";
const OPEN: &str = "dossier.feedback.v1.CaseService/OpenCase";
const CASES: &str = "dossier.feedback.v1.CaseService/ListCases";
const CREATE_SEGMENT: &str = "dossier.segmentation.v1.SegmentService/CreateSegment";
const MEMBERS: &str = "dossier.segmentation.v1.SegmentService/ListMembers";
const VERIFY: &str = "dossier.segmentation.v1.ProgressService/VerifyState";

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn two_are_one_everywhere_and_two_again_on_sqlite() -> anyhow::Result<()> {
    two_are_one_everywhere_and_two_again(Backend::SqliteMemory).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_one_everywhere_and_two_again_on_postgres() -> anyhow::Result<()> {
    two_are_one_everywhere_and_two_again(Backend::PostgresRedis).await
}

struct World {
    suite: Suite,
    caller: Caller,
    /// `segments/{segment}` of those who bought twice.
    segment: String,
}

async fn two_are_one_everywhere_and_two_again(backend: Backend) -> anyhow::Result<()> {
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
    let rule = json!({"display_name": "Twice", "rule": "count(purchase) >= 2"});
    let segment = call(&caller, CREATE_SEGMENT, json!({"segment": rule})).await?;
    let world = World {
        suite,
        caller,
        segment: field(&segment, "name"),
    };
    let (ada, lady) = (world.create("ada").await?, world.create("lady").await?);
    world
        .buy(json!({"interaction": {"customer": ada}}), "1")
        .await?;
    world
        .buy(json!({"customer_key": by_id("lady")}), "2")
        .await?;
    let case = json!({"customer": lady, "type": "CASE_TYPE_QUESTION", "subject": "Where?"});
    call(&world.caller, OPEN, json!({"case": case})).await?;
    ensure!(world.holds(&ada).await? == (1, 0) && world.holds(&lady).await? == (1, 1));
    ensure!(world.members().await?.is_empty());

    let spec = json!({"survivor": ada, "others": [lady]});
    let plan = call(&world.caller, PLAN, json!({"merge": spec})).await?;
    let body = json!({"merge": spec, "plan_hash": plan["planHash"]});
    let record = field(&call(&world.caller, MERGE, body).await?, "name");
    let read = call(&world.caller, GET, json!({"name": lady})).await?;
    ensure!(field(&read, "name") == ada, "the old name answers at once");
    world.wait(&record, "MERGE_STATE_MERGED").await?;
    for name in [&ada, &lady] {
        ensure!(world.holds(name).await? == (2, 1), "{name}");
    }
    world.wait_for_members(&[&ada]).await?;
    ensure!(world.differences().await? == 0);

    // By the other's identifier and by the survivor's name.
    world
        .buy(json!({"customer_key": by_id("lady")}), "3")
        .await?;
    world
        .buy(json!({"interaction": {"customer": ada}}), "4")
        .await?;
    ensure!(world.holds(&ada).await? == (4, 1));
    ensure!(world.differences().await? == 0);

    call(&world.caller, UNMERGE, json!({"name": record})).await?;
    world.wait(&record, "MERGE_STATE_UNMERGED").await?;
    ensure!(
        world.holds(&ada).await? == (2, 0),
        "{:?}",
        world.holds(&ada).await?
    );
    ensure!(
        world.holds(&lady).await? == (2, 1),
        "{:?}",
        world.holds(&lady).await?
    );
    let read = call(&world.caller, GET, json!({"name": lady})).await?;
    ensure!(field(&read, "name") == lady);
    world.wait_for_members(&[&ada, &lady]).await?;
    ensure!(world.differences().await? == 0);
    Ok(())
}

impl World {
    async fn create(&self, id: &str) -> anyhow::Result<String> {
        let person = json!({
            "type": "CUSTOMER_TYPE_PERSON",
            "display_name": id,
            "external_ids": [{"namespace": "crm", "value": id}],
        });
        let made = call(&self.caller, CREATE, json!({"customer": person})).await?;
        Ok(field(&made, "name"))
    }

    /// Records a purchase, and waits until segmentation knows.
    async fn buy(&self, mut body: Value, event: &str) -> anyhow::Result<()> {
        let purchase = json!({
            "source": "shop",
            "event_id": event,
            "occur_time": "2026-01-02T03:04:05Z",
            "purchase": {"amount": {"currency_code": "USD", "units": 29}, "quantity": 1},
        });
        for (name, value) in purchase.as_object().context("fields")? {
            body["interaction"][name] = value.clone();
        }
        let rpc = Rpc::named(BUY)?;
        let record = Example::from_json(&rpc, vec![body])?;
        let recorded = self.caller.call(&record).await?;
        let clients = self.suite.clients()?;
        clients.settle("interaction", recorded.cursor()).await?;
        Ok(())
    }

    /// Interactions and cases of somebody.
    async fn holds(&self, customer: &str) -> anyhow::Result<(usize, usize)> {
        let listed = call(&self.caller, BOUGHT, json!({"customer": customer})).await?;
        let bought = listed["interactions"].as_array().map_or(0, Vec::len);
        let summary = call(&self.caller, SUMMARY, json!({"customer": customer})).await?;
        let count = summary["interactionCount"].as_str().unwrap_or("0");
        ensure!(count == bought.to_string(), "{summary}");
        let filter = format!(
            "customer = \"{}\"",
            customer.trim_start_matches("customers/")
        );
        let listed = call(&self.caller, CASES, json!({"filter": filter})).await?;
        let cases = listed["cases"].as_array().map_or(0, Vec::len);
        Ok((bought, cases))
    }

    async fn members(&self) -> anyhow::Result<Vec<String>> {
        let listed = call(&self.caller, MEMBERS, json!({"segment": self.segment})).await?;
        let members = listed["memberships"].as_array();
        let members = members.into_iter().flatten();
        let mut members: Vec<String> = members.map(|one| field(one, "customer")).collect();
        members.sort_unstable();
        Ok(members)
    }

    async fn wait_for_members(&self, wanted: &[&str]) -> anyhow::Result<()> {
        let mut wanted: Vec<&str> = wanted.to_vec();
        wanted.sort_unstable();
        let begun = Instant::now();
        loop {
            let members = self.members().await?;
            if members == wanted {
                return Ok(());
            }
            ensure!(begun.elapsed() < TIMEOUT, "members are {members:?}");
            // What profile tells of a file may come after what it tells of a merge.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn wait(&self, record: &str, state: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let found = call(&self.caller, RECORD, json!({"name": record})).await?;
            if found["state"] == state {
                return Ok(());
            }
            ensure!(begun.elapsed() < TIMEOUT, "still {found}");
            // Nothing tells when it is done: a job tells the services every second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How often what segmentation keeps differs from what the feeds tell.
    async fn differences(&self) -> anyhow::Result<usize> {
        let verified = call(&self.caller, VERIFY, json!({})).await?;
        Ok(verified["differences"].as_array().map_or(0, Vec::len))
    }
}

fn by_id(value: &str) -> Value {
    json!({"external_id": {"namespace": "crm", "value": value}})
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
