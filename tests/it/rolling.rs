//! Restarts under load as callers see them who ask again: not at all.
//!
//! On PostgreSQL two replicas behind a balancer are restarted in turns; on SQLite the one process
//! is, and callers wait for it. All of them are our own client between services
//! (`Channel::ask`), and a follower resumes its stream where it was ended.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_kernel::{Ctx, Role};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_rpc::{Channel, TokenSource};
use dossier_testkit::{
    Backend, Plan, Port, Process, Proxy, Shape, Soak, Suite, build, harness, program,
};
use futures::future::join_all;
use interaction::interaction_service_client::InteractionServiceClient;
use interaction::watch_interactions_response::Item;
use tokio::task::JoinHandle;

const CYCLES: u64 = 3;
const CALLERS: usize = 8;
const EXIT_MAX: Duration = Duration::from_secs(25);
const START_MAX: Duration = Duration::from_secs(60);
/// Longer than a process takes to go and come again.
const PATIENCE: Duration = Duration::from_secs(45);
/// Calls between two restarts, so that the budget of retries is earned again.
const CALLS_BETWEEN: usize = 600;

harness!("drain", run, CYCLES);

/// A harness that cannot fail proves nothing: callers who do not ask again notice the restart.
#[tokio::test(flavor = "multi_thread")]
async fn without_retries_a_restart_is_noticed() -> anyhow::Result<()> {
    let mut rig = Rig::start(Backend::SqliteMemory).await?;
    let mut load = Load::start(&rig, Duration::ZERO).await?;
    load.answered(CALLERS * 4).await?;
    rig.restart(0).await?;
    let noticed = load.finish(&rig).await.err().context("not noticed")?;
    ensure!(noticed.to_string().contains("a call failed"), "{noticed:#}");
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let cycles = soak.cycles;
    let mut rig = Rig::start(soak.backend).await?;
    let mut load = Load::start(&rig, PATIENCE).await?;
    let mut longest = Duration::ZERO;
    for cycle in 0..cycles {
        load.answered(CALLS_BETWEEN).await?;
        let exit = rig
            .restart(cycle)
            .await
            .with_context(|| format!("restart {cycle}"))?;
        longest = longest.max(exit);
    }
    load.answered(CALLS_BETWEEN).await?;
    let (calls, ends) = load.finish(&rig).await?;
    eprintln!(
        "{cycles} restarts, {calls} calls: 0 failed, 0 lost, 0 doubled; longest exit {longest:?}; \
         the follower resumed {ends} times"
    );
    Ok(())
}

/// One process on SQLite, or two replicas on PostgreSQL, behind one address.
struct Rig {
    suite: Suite,
    replica: Option<Replica>,
    balancer: Proxy,
    token: String,
}

/// A second process with the suite's own configuration.
struct Replica {
    process: Process,
    port: Port,
}

impl Replica {
    fn spawn(suite: &Suite, port: &Port) -> anyhow::Result<Process> {
        let mut command = Command::new(program("dossier")?);
        let config = suite.dir().join("dossier.toml");
        command.arg("serve").arg("--config").arg(config);
        command.arg("--listen").arg(port.address().to_string());
        command.current_dir(suite.dir());
        Process::spawn(&mut command, &suite.dir().join("replica.log"))
    }

    async fn start(suite: &Suite) -> anyhow::Result<Self> {
        let port = Port::hold()?;
        let mut replica = Self {
            process: Self::spawn(suite, &port)?,
            port,
        };
        replica.wait().await?;
        Ok(replica)
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(self.port.address())
            .await
            .is_err()
        {
            self.process.check_running()?;
            ensure!(begun.elapsed() < START_MAX, "{}", self.process.log_end());
            // Another process tells nothing but whether it can be reached.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn restart(&mut self, suite: &Suite) -> anyhow::Result<Duration> {
        let asked = Instant::now();
        self.process.terminate()?;
        let status = self.process.wait(EXIT_MAX).await?;
        let exit = asked.elapsed();
        ensure!(status.success(), "{status}");
        self.process = Self::spawn(suite, &self.port)?;
        self.wait().await?;
        Ok(exit)
    }
}

impl Rig {
    async fn start(backend: Backend) -> anyhow::Result<Self> {
        let plan = Plan {
            backend,
            shape: Shape::OneProcess,
            log_level: "info",
        };
        let suite = Suite::start_as(plan).await?;
        let [first, ..] = suite.addresses();
        let mut targets = vec![first.trim_start_matches("http://").to_owned()];
        let mut replica = None;
        if backend == Backend::PostgresRedis {
            let second = Replica::start(&suite).await?;
            targets.push(second.port.address().to_string());
            replica = Some(second);
        }
        let token = suite.token(&[Role::Admin], suite.tenant())?;
        let balancer = Proxy::start(targets).await?;
        Ok(Self {
            suite,
            replica,
            balancer,
            token,
        })
    }

    /// Restarts one of the processes; answers how long it took to go.
    async fn restart(&mut self, cycle: u64) -> anyhow::Result<Duration> {
        if let Some(replica) = &mut self.replica
            && cycle % 2 == 1
        {
            return replica.restart(&self.suite).await;
        }
        let asked = Instant::now();
        self.suite.terminate()?;
        let statuses = self.suite.wait(EXIT_MAX).await?;
        let exit = asked.elapsed();
        ensure!(
            statuses.iter().all(std::process::ExitStatus::success),
            "{statuses:?}"
        );
        self.suite.start_again().await?;
        Ok(exit)
    }

    /// A connection of its own through the balancer.
    fn channel(&self, patience: Duration) -> anyhow::Result<Channel> {
        let uri = format!("http://{}", self.balancer.address());
        let tokens = TokenSource::fixed(&self.token)?;
        Ok(Channel::network(&uri, tokens)?.with_patience(patience))
    }

    fn ctx(&self) -> Ctx {
        Ctx::service("rolling", self.suite.tenant().clone()).with_timeout(PATIENCE)
    }
}

/// Callers that record one interaction after the other, and a follower of all of them.
struct Load {
    customer: String,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<anyhow::Result<BTreeSet<String>>>>,
    follower: JoinHandle<anyhow::Result<(BTreeSet<String>, usize)>>,
}

const LAST: &str = "last";

impl Load {
    async fn start(rig: &Rig, patience: Duration) -> anyhow::Result<Self> {
        let request = profile::CreateCustomerRequest {
            customer: Some(build::person("Somebody", "one")),
            ..Default::default()
        };
        let mut clients = rig.suite.clients()?;
        let created = clients.customers.create_customer(request).await?;
        let customer = created.into_inner().name;
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut callers = Vec::new();
        for caller in 0..CALLERS {
            let channel = rig.channel(patience)?;
            let work = record(
                channel,
                rig.ctx(),
                customer.clone(),
                caller,
                Arc::clone(&stop),
                Arc::clone(&count),
            );
            callers.push(tokio::spawn(work));
        }
        let follower = tokio::spawn(follow(rig.channel(patience)?, rig.ctx()));
        Ok(Self {
            customer,
            stop,
            count,
            callers,
            follower,
        })
    }

    /// Waits for so many further calls.
    async fn answered(&mut self, calls: usize) -> anyhow::Result<()> {
        let (begun, wanted) = (Instant::now(), self.count.load(Ordering::Relaxed) + calls);
        while self.count.load(Ordering::Relaxed) < wanted {
            if self.callers.iter().any(JoinHandle::is_finished) {
                // Says why.
                return Ok(());
            }
            ensure!(
                begun.elapsed() < START_MAX,
                "calls are not answered any more"
            );
            // Looks now and then, so that the callers have the cores.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// How many calls there were and how often the follower resumed, where nothing was lost.
    async fn finish(self, rig: &Rig) -> anyhow::Result<(usize, usize)> {
        self.stop.store(true, Ordering::SeqCst);
        let mut acknowledged = BTreeSet::new();
        for caller in join_all(self.callers).await {
            acknowledged.extend(caller??);
        }
        let calls = acknowledged.len();
        record_one(&rig.channel(PATIENCE)?, &rig.ctx(), &self.customer, LAST).await?;
        let (seen, resumed) = self.follower.await??;
        let missed: Vec<_> = acknowledged.difference(&seen).collect();
        ensure!(
            missed.is_empty(),
            "acknowledged and never watched: {missed:?}"
        );
        Ok((calls, resumed))
    }
}

/// Records until told to stop, and answers the ids of the events.
async fn record(
    channel: Channel,
    ctx: Ctx,
    customer: String,
    caller: usize,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) -> anyhow::Result<BTreeSet<String>> {
    let mut recorded = BTreeSet::new();
    while !stop.load(Ordering::SeqCst) {
        let event = format!("{caller}-{}", recorded.len());
        // Each call has its own time.
        let ctx = Ctx {
            deadline: None,
            ..ctx.clone()
        }
        .with_timeout(PATIENCE);
        record_one(&channel, &ctx, &customer, &event)
            .await
            .with_context(|| format!("a call failed: {event}"))?;
        recorded.insert(event);
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(recorded)
}

async fn record_one(
    channel: &Channel,
    ctx: &Ctx,
    customer: &str,
    event: &str,
) -> dossier_kernel::Result<()> {
    let request = interaction::RecordInteractionRequest {
        interaction: Some(build::purchase(
            customer,
            "rolling",
            event,
            1_760_000_000,
            100,
        )),
        customer_key: None,
        request_id: build::request_id(),
    };
    let ask = channel.ask(ctx, |peer| {
        let request = request.clone();
        async move {
            InteractionServiceClient::new(peer)
                .record_interaction(request)
                .await
        }
    });
    ask.await.map(|_| ())
}

/// Follows the feed over every end of its stream, until the last event; answers what it saw and how
/// often it resumed. An event that comes twice is an error.
async fn follow(channel: Channel, ctx: Ctx) -> anyhow::Result<(BTreeSet<String>, usize)> {
    let (mut seen, mut cursor, mut resumed) = (BTreeSet::new(), String::new(), 0);
    let ctx = Ctx {
        deadline: None,
        ..ctx
    };
    let mut failed_since: Option<Instant> = None;
    loop {
        let request = interaction::WatchInteractionsRequest {
            include_snapshot: cursor.is_empty(),
            cursor: cursor.clone(),
        };
        let watch = InteractionServiceClient::new(channel.with(&ctx))
            .watch_interactions(request)
            .await;
        let mut stream = match watch {
            Ok(stream) => stream.into_inner(),
            Err(status) => {
                // Nobody is there while the only process restarts.
                let since = *failed_since.get_or_insert_with(Instant::now);
                ensure!(since.elapsed() < PATIENCE, "{status}");
                // As a follower does that knows that its server restarts.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        failed_since = None;
        loop {
            let message = stream
                .message()
                .await?
                .context("the stream ended without an end to resume from")?;
            if !message.cursor.is_empty() {
                cursor.clone_from(&message.cursor);
            }
            match message.item.context("an item")? {
                Item::Change(change) => {
                    let event = change.interaction.context("the interaction")?.event_id;
                    ensure!(seen.insert(event.clone()), "{event} was watched twice");
                    if event == LAST {
                        return Ok((seen, resumed));
                    }
                }
                Item::Heartbeat(_) => {}
                Item::End(end) => {
                    if end.cause != "drain" {
                        bail!("ended for {}", end.cause);
                    }
                    resumed += 1;
                    break;
                }
            }
        }
    }
}
