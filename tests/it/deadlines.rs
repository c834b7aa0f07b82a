//! Deadlines on changes while the store is held up: the right code, and nothing committed late.
//!
//! What is promised: a change is asked to be committed before its deadline or not at all. So while
//! somebody else holds the store, calls whose deadline lies well before the release must not be
//! there afterwards; those that were acknowledged must be; and once every deadline has passed,
//! nothing more comes. What lies in between may or may not have been made: its caller was told
//! DEADLINE_EXCEEDED, which says so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_kernel::{Ctx, Reason, Role};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_rpc::{Channel, TokenSource};
use dossier_testkit::{Backend, Dice, Plan, Process, Shape, Soak, Suite, build, harness};
use futures::future::join_all;
use interaction::interaction_service_client::InteractionServiceClient;

const CYCLES: u64 = 10;
const CALLS: usize = 48;
/// What a call may take from its caller to the store before it counts as late for certain: the
/// deadline is counted from its arrival.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// How long after the last deadline nothing more may come.
const QUIET: Duration = Duration::from_millis(200);

harness!("deadlines", run, CYCLES);

/// A harness that cannot fail proves nothing: a change made after its deadline is noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_change_is_noticed() -> anyhow::Result<()> {
    let mut rig = Rig::start(Backend::SqliteMemory).await?;
    let call = rig.record("late", Duration::from_secs(30)).await;
    let late = Call {
        outcome: Err(Reason::DeadlineExceeded),
        deadline: call.deadline - Duration::from_secs(60),
        ..call
    };
    let released = Instant::now();
    let noticed = rig.judge(&[late], released).await.err();
    let noticed = noticed.context("not noticed")?;
    ensure!(
        noticed.to_string().contains("after its deadline"),
        "{noticed}"
    );
    Ok(())
}

/// The same with the whole suite, made to look at no deadline.
#[cfg(feature = "failpoints")]
mod a_forgotten_deadline_is_noticed {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite() -> anyhow::Result<()> {
        on(Backend::SqliteMemory).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres() -> anyhow::Result<()> {
        on(Backend::PostgresRedis).await
    }

    async fn on(backend: Backend) -> anyhow::Result<()> {
        if !backend.is_wanted() {
            return Ok(());
        }
        let plan = Plan {
            backend,
            shape: Shape::OneProcess,
            log_level: "info",
        };
        let mut suite = Suite::prepare(plan, None)?;
        let bug = "db::forget_deadline=return".to_owned();
        suite.set_environment(vec![("FAILPOINTS".to_owned(), bug)]);
        suite.start_again().await?;
        let mut rig = Rig::on(suite).await?;
        let mut dice = Dice::new(1);
        for cycle in 0..12 {
            if let Err(noticed) = rig.cycle(cycle, &mut dice).await {
                let words = noticed.to_string();
                let late = words.contains("after its deadline") || words.contains("came after");
                ensure!(late, "{noticed:#}");
                eprintln!("noticed: {noticed:#}");
                return Ok(());
            }
        }
        bail!("not noticed")
    }
}

/// The time that is left goes on to other services: one that is frozen costs its caller's deadline
/// and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_peer_costs_the_deadline_and_no_more() -> anyhow::Result<()> {
    let plan = Plan {
        backend: Backend::SqliteMemory,
        shape: Shape::FourProcesses,
        log_level: "info",
    };
    let suite = Suite::start_as(plan).await?;
    let rig = Rig::on(suite).await?;
    let by_key = |event: &str, key: &str| interaction::RecordInteractionRequest {
        interaction: Some(build::purchase("", "deadlines", event, 1_760_000_000, 100)),
        customer_key: Some(build::key(key)),
        request_id: build::request_id(),
    };
    let long = Duration::from_secs(30);
    let answer = rig.send(by_key("before", "one"), long).await;
    ensure!(answer.is_ok(), "{answer:?}");
    let profile = rig.suite.process_ids()[0];
    signal("STOP", profile)?;
    let begun = Instant::now();
    let frozen = rig
        .send(by_key("frozen", "two"), Duration::from_millis(400))
        .await;
    let took = begun.elapsed();
    signal("CONT", profile)?;
    ensure!(frozen == Err(Reason::DeadlineExceeded), "{frozen:?}");
    ensure!(took < Duration::from_secs(5), "answered after {took:?}");
    let after = rig
        .send(by_key("after", "one"), Duration::from_secs(30))
        .await;
    ensure!(after.is_ok(), "{after:?}");
    Ok(())
}

fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let kill = format!("kill -{name} {process}");
    let status = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let mut rig = Rig::start(soak.backend).await?;
    let (mut answered, mut exceeded, mut made_way) = (0, 0, 0);
    for cycle in 0..soak.cycles {
        for call in rig.cycle(cycle, &mut soak.dice).await? {
            match call.outcome {
                Ok(()) => answered += 1,
                Err(Reason::DeadlineExceeded) => exceeded += 1,
                Err(_) => made_way += 1,
            }
        }
    }
    eprintln!(
        "{} times held up: {answered} calls answered, {exceeded} exceeded, {made_way} made way for \
         others, 0 committed late",
        soak.cycles
    );
    ensure!(
        answered > 0 && exceeded > 0,
        "one kind of outcome is missing"
    );
    let all = answered + exceeded + made_way;
    // Calls make way in groups: a few of these are many of the calls of a short run.
    let share = if soak.cycles < 100 { 4 } else { 20 };
    ensure!(
        made_way * share <= all,
        "more than one in {share} made way: {made_way} of {all}"
    );
    Ok(())
}

/// One call as its caller knows it.
#[derive(Debug)]
struct Call {
    event: String,
    deadline: Instant,
    outcome: Result<(), Reason>,
}

struct Rig {
    suite: Suite,
    customer: String,
    channel: Channel,
}

impl Rig {
    async fn start(backend: Backend) -> anyhow::Result<Self> {
        Self::on(Suite::start(backend).await?).await
    }

    async fn on(suite: Suite) -> anyhow::Result<Self> {
        let request = profile::CreateCustomerRequest {
            customer: Some(build::person("Somebody", "one")),
            ..Default::default()
        };
        let created = suite.clients()?.customers.create_customer(request).await?;
        let customer = created.into_inner().name;
        let token = suite.token(&[Role::Admin], suite.tenant())?;
        let [_, interaction, ..] = suite.addresses();
        let channel = Channel::network(&interaction, TokenSource::fixed(&token)?)?;
        Ok(Self {
            suite,
            customer,
            channel,
        })
    }

    /// Calls of all kinds of deadlines while the store is held for some time.
    async fn cycle(&mut self, cycle: u64, dice: &mut Dice) -> anyhow::Result<Vec<Call>> {
        // A short hold lets some calls through; a long one outlasts deadlines by more than the way.
        let range = match cycle % 2 {
            0 => 100..700,
            _ => 1_500..2_000,
        };
        let held_for = Duration::from_millis(dice.within(range));
        let deadlines: Vec<_> = (0..CALLS)
            .map(|_| Duration::from_millis(dice.within(5..900)))
            .collect();
        // The first call connects.
        self.record(&format!("{cycle}-first"), Duration::from_secs(30))
            .await;
        let hold = Hold::take(&self.suite, held_for).await?;
        let calls = deadlines.iter().enumerate().map(|(number, deadline)| {
            let this = &*self;
            async move { this.record(&format!("{cycle}-{number}"), *deadline).await }
        });
        let (calls, released) = tokio::join!(join_all(calls), hold.released());
        let released = released?;
        for call in &calls {
            use Reason::{DeadlineExceeded, Unavailable};
            let right = matches!(call.outcome, Ok(()) | Err(DeadlineExceeded | Unavailable));
            ensure!(right, "{call:?}");
        }
        self.judge(&calls, released).await?;
        Ok(calls)
    }

    async fn judge(&mut self, calls: &[Call], released: Instant) -> anyhow::Result<()> {
        if let Some(last) = calls.iter().map(|call| call.deadline).max() {
            tokio::time::sleep_until((last + ON_THE_WAY).into()).await;
        }
        let stored = self.stored().await?;
        for call in calls {
            let there = stored.contains_key(&call.event);
            match call.outcome {
                Ok(()) => ensure!(there, "acknowledged and not there: {call:?}"),
                Err(Reason::Unavailable) => {
                    ensure!(
                        !there,
                        "told that nothing was changed, and it was: {call:?}"
                    );
                }
                Err(_) if there && call.deadline + ON_THE_WAY < released => {
                    bail!("committed after its deadline: {call:?}, released {released:?}")
                }
                Err(_) => {}
            }
        }
        // What is looked for is what comes although its time is over.
        tokio::time::sleep(QUIET).await;
        let later = self.stored().await?;
        let late: Vec<_> = later
            .keys()
            .filter(|event| !stored.contains_key(*event))
            .collect();
        ensure!(late.is_empty(), "came after all deadlines: {late:?}");
        Ok(())
    }

    async fn record(&self, event: &str, timeout: Duration) -> Call {
        let request = interaction::RecordInteractionRequest {
            interaction: Some(build::purchase(
                &self.customer,
                "deadlines",
                event,
                1_760_000_000,
                100,
            )),
            customer_key: None,
            request_id: build::request_id(),
        };
        let deadline = Instant::now() + timeout;
        Call {
            event: event.to_owned(),
            deadline,
            outcome: self.send(request, timeout).await,
        }
    }

    /// Once; it is not asked again.
    async fn send(
        &self,
        request: interaction::RecordInteractionRequest,
        timeout: Duration,
    ) -> Result<(), Reason> {
        let ctx = Ctx::service("deadlines", self.suite.tenant().clone()).with_timeout(timeout);
        let answer = InteractionServiceClient::new(self.channel.with(&ctx))
            .record_interaction(request)
            .await;
        answer
            .map(|_| ())
            .map_err(|status| dossier_rpc::error_from_status(status).reason())
    }

    /// Every event of this harness, as the store has it.
    async fn stored(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut clients = self.suite.clients()?;
        let mut request = interaction::ListInteractionsRequest {
            page_size: 1_000,
            filter: "source = \"deadlines\"".to_owned(),
            ..Default::default()
        };
        let mut stored = BTreeMap::new();
        loop {
            let page = clients
                .interactions
                .list_interactions(request.clone())
                .await?;
            let page = page.into_inner();
            let found = page.interactions.into_iter();
            stored.extend(found.map(|one| (one.event_id, one.name)));
            if page.next_page_token.is_empty() {
                return Ok(stored);
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// Somebody who keeps the store from being written.
enum Hold {
    Sqlite(tokio::task::JoinHandle<anyhow::Result<Instant>>),
    Postgres(Box<Process>, Instant),
}

impl Hold {
    /// Returns once nobody else can write.
    async fn take(suite: &Suite, held_for: Duration) -> anyhow::Result<Self> {
        if suite.backend() == Backend::PostgresRedis {
            return Self::take_postgres(suite, held_for).await;
        }
        let file = suite.dir().join("data/dossier-interaction.db");
        let (taken, wait) = tokio::sync::oneshot::channel();
        let holding = tokio::task::spawn_blocking(move || {
            let database = rusqlite::Connection::open(file)?;
            database.busy_timeout(Duration::from_secs(5))?;
            database.execute_batch("BEGIN IMMEDIATE")?;
            // The one who waits is gone only when the test is.
            let _ = taken.send(());
            // The time for which the store is held up is what this is about.
            std::thread::sleep(held_for);
            let released = Instant::now();
            database.execute_batch("ROLLBACK")?;
            Ok(released)
        });
        wait.await?;
        Ok(Self::Sqlite(holding))
    }

    async fn take_postgres(suite: &Suite, held_for: Duration) -> anyhow::Result<Self> {
        const HELD: &str = "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'ExclusiveLock' \
                            AND relation = 'dossier_interaction.interaction'::regclass";
        let lock = format!(
            "BEGIN; LOCK TABLE dossier_interaction.interaction IN EXCLUSIVE MODE; \
             SELECT pg_sleep({}); COMMIT",
            held_for.as_secs_f64()
        );
        let begun = Instant::now();
        let holding = suite.sql_in_background(&lock)?;
        // When it was certainly not taken yet.
        let mut before = begun;
        loop {
            let asked = Instant::now();
            if suite.sql_as_admin(HELD)? == "1" {
                return Ok(Self::Postgres(Box::new(holding), before + held_for));
            }
            before = asked;
            ensure!(
                begun.elapsed() < Duration::from_secs(10),
                "the lock is not taken"
            );
        }
    }

    /// When it was released, or a little before.
    async fn released(self) -> anyhow::Result<Instant> {
        match self {
            Self::Sqlite(holding) => holding.await?,
            Self::Postgres(mut holding, released) => {
                let status = holding.wait(Duration::from_secs(20)).await?;
                ensure!(status.success(), "{}", holding.log_end());
                Ok(released)
            }
        }
    }
}
