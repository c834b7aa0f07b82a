//! A suite and, on PostgreSQL, a server of its own: both to be killed.

use std::time::{Duration, Instant};

use anyhow::ensure;
use dossier_proto::feedback::v1::ListCasesRequest;
use dossier_proto::interaction::v1::ListInteractionsRequest;
use dossier_proto::profile::v1::ListCustomersRequest;
use dossier_proto::segmentation::v1::ListSegmentsRequest;
use dossier_testkit::{Backend, Clients, Cluster, Dice, Plan, Shape, Suite};
use tonic::Status;

/// More than a service has connections, which take turns.
const READS_IN_A_ROW: usize = 16;
const WAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Service,
    /// The database server; the service goes on and must find it again.
    Server,
    Both,
}

pub struct Rig {
    // The suite goes first: its database lies on the cluster.
    pub suite: Suite,
    cluster: Option<Cluster>,
    killed: Option<Victim>,
}

impl Rig {
    pub async fn start(backend: Backend) -> anyhow::Result<Self> {
        let cluster = match backend {
            Backend::SqliteMemory => None,
            Backend::PostgresRedis => Some(Cluster::start(&[]).await?),
        };
        let plan = Plan {
            backend,
            shape: Shape::OneProcess,
            log_level: "warn",
        };
        let mut suite = Suite::prepare(plan, cluster.as_ref())?;
        suite.start_again().await?;
        Ok(Self {
            suite,
            cluster,
            killed: None,
        })
    }

    pub fn pick(&self, dice: &mut Dice) -> Victim {
        match self.cluster {
            None => Victim::Service,
            Some(_) => *dice.pick(&[Victim::Service, Victim::Server, Victim::Both]),
        }
    }

    pub fn kill(&mut self, victim: Victim) -> anyhow::Result<()> {
        self.killed = Some(victim);
        if let Some(cluster) = &mut self.cluster
            && victim != Victim::Service
        {
            cluster.kill()?;
        }
        if victim == Victim::Server {
            return Ok(());
        }
        self.suite.kill()
    }

    /// Starts what was killed.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        let killed = self.killed.take();
        if let Some(cluster) = &mut self.cluster
            && killed != Some(Victim::Service)
        {
            cluster.start_again().await?;
        }
        if killed == Some(Victim::Server) {
            return wake(&self.suite.clients()?).await;
        }
        self.suite.start_again().await
    }
}

/// Reads until every service has found the server again. Each connection that died with the old
/// server fails once.
async fn wake(clients: &Clients) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < READS_IN_A_ROW {
        match read_each(clients).await {
            Ok(()) => in_a_row += 1,
            Err(status) => {
                ensure!(
                    begun.elapsed() < WAKE_TIMEOUT,
                    "not found again: {status:?}"
                );
                in_a_row = 0;
            }
        }
    }
    Ok(())
}

async fn read_each(clients: &Clients) -> Result<(), Status> {
    let mut clients = clients.clone();
    let filter = "source = \"nobody\"".to_owned();
    let none = ListInteractionsRequest {
        filter,
        ..Default::default()
    };
    clients.interactions.list_interactions(none).await?;
    clients
        .customers
        .list_customers(ListCustomersRequest::default())
        .await?;
    clients
        .segments
        .list_segments(ListSegmentsRequest::default())
        .await?;
    clients
        .cases
        .list_cases(ListCasesRequest::default())
        .await?;
    Ok(())
}
