//! A suite and, on PostgreSQL, a server of its own: both to be killed.

use dossier_testkit::{Backend, Cluster, Dice, Plan, Shape, Suite};

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
            return self.suite.wait_until_serving().await;
        }
        self.suite.start_again().await
    }
}
