//! A suite of one's own.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use dossier_access::{Grant, SigningKey};
use dossier_kernel::{Principal, PrincipalKind, Role, TenantId};
use tempfile::TempDir;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use uuid::Uuid;

use crate::backend::{Backend, Stores};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::cluster::Cluster;
use crate::port::Port;
use crate::process::{Process, program};

const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];
const START_TIMEOUT: Duration = Duration::from_secs(60);
const TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// What a suite is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub backend: Backend,
    pub shape: Shape,
    /// `trace` shows most of what might leak.
    pub log_level: &'static str,
}

/// How the four services are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `dossier serve`.
    OneProcess,
    /// `dossier-profile` and the other three.
    FourProcesses,
}

/// A running suite with a tenant that nobody else has. Dropping it kills it.
pub struct Suite {
    plan: Plan,
    tenant: TenantId,
    signing: SigningKey,
    processes: Vec<Process>,
    programs: Vec<Program>,
    stores: Option<Stores>,
    environment: Vec<(String, String)>,
    dir: TempDir,
}

struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    port: Port,
}

impl Program {
    fn spawn(&self, environment: &[(String, String)], dir: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(dir);
        Process::spawn(&mut command, &self.log)
    }

    async fn wait_until_serving(&self, process: &mut Process) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !serves(&self.port).await {
            process.check_running()?;
            if begun.elapsed() > START_TIMEOUT {
                bail!(
                    "not serving after {START_TIMEOUT:?}; the log ends:\n{}",
                    process.log_end()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Suite {
    /// All four services in one process.
    pub async fn start(backend: Backend) -> anyhow::Result<Self> {
        Self::start_as(Plan {
            backend,
            shape: Shape::OneProcess,
            log_level: "info",
        })
        .await
    }

    pub async fn start_as(plan: Plan) -> anyhow::Result<Self> {
        let mut suite = Self::prepare(plan, None)?;
        suite.start_again().await?;
        Ok(suite)
    }

    /// Everything but the start: [`Self::start_again`] does that. With a cluster, the suite keeps its
    /// data there and not on the server of the test run.
    pub fn prepare(plan: Plan, cluster: Option<&Cluster>) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("dossier-suite-")
            .tempdir()?;
        let stores = Stores::create(plan.backend, cluster)?;
        let signing = make_keys(dir.path())?;
        let programs = write_programs(plan, dir.path(), stores.as_ref())?;
        if stores.is_some() {
            migrate(&programs[0], dir.path())?;
        }
        let tenant = TenantId::parse(&format!("test-{}", Uuid::new_v4().simple()))?;
        Ok(Self {
            plan,
            tenant,
            signing,
            processes: Vec::new(),
            programs,
            stores,
            environment: Vec::new(),
            dir,
        })
    }

    /// What later starts find in their environment besides what this process has.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Starts what [`Self::kill`] or [`Self::terminate`] ended, on the same data and ports, and
    /// waits until it serves.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.spawn_again()?;
        self.wait_until_serving().await
    }

    /// As [`Self::start_again`], without the wait.
    pub fn spawn_again(&mut self) -> anyhow::Result<()> {
        self.processes.clear();
        for program in &self.programs {
            let process = program.spawn(&self.environment, self.dir.path())?;
            self.processes.push(process);
        }
        Ok(())
    }

    pub async fn wait_until_serving(&mut self) -> anyhow::Result<()> {
        for (process, program) in self.processes.iter_mut().zip(&self.programs) {
            program.wait_until_serving(process).await?;
        }
        Ok(())
    }

    /// kill -9 of every process.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.processes.iter_mut().try_for_each(Process::kill)
    }

    /// SIGTERM to every process; does not wait.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.processes.iter().try_for_each(Process::terminate)
    }

    /// Waits until every process has ended.
    pub async fn wait(&mut self, at_most: Duration) -> anyhow::Result<Vec<ExitStatus>> {
        let mut statuses = Vec::new();
        for process in &mut self.processes {
            statuses.push(process.wait(at_most).await?);
        }
        Ok(statuses)
    }

    pub fn backend(&self) -> Backend {
        self.plan.backend
    }

    /// The tenant of [`Self::clients`].
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// `http://host:port` of profile, interaction, segmentation and feedback.
    pub fn addresses(&self) -> [String; 4] {
        std::array::from_fn(|index| {
            let program = self.programs.get(index).unwrap_or(&self.programs[0]);
            format!("http://{}", program.port.address())
        })
    }

    /// Everything its processes printed.
    pub fn log(&self) -> anyhow::Result<String> {
        let logs = self
            .programs
            .iter()
            .map(|program| std::fs::read(&program.log));
        let all: Vec<_> = logs.collect::<Result<_, _>>()?;
        Ok(String::from_utf8_lossy(&all.concat()).into_owned())
    }

    /// An error with the end of the log where a process has ended.
    pub fn check_running(&mut self) -> anyhow::Result<()> {
        self.processes
            .iter_mut()
            .try_for_each(Process::check_running)
    }

    /// Process ids, in the order of [`Self::addresses`].
    pub fn process_ids(&self) -> Vec<u32> {
        self.processes.iter().map(Process::id).collect()
    }

    /// Where SQLite files, keys and logs are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends the suite and leaves its directory behind, for a look.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    /// Writes what PostgreSQL and Redis hold into the suite's directory, to be searched there;
    /// SQLite is there already.
    pub fn dump_stores(&self) -> anyhow::Result<()> {
        let Some(stores) = &self.stores else {
            return Ok(());
        };
        std::fs::write(self.dir().join("postgres.sql"), stores.dump()?)?;
        stores.dump_cache(&self.dir().join("redis.rdb"))
    }

    /// Copies the databases of a suite that is stopped, in place of an older copy.
    pub fn back_up(&self) -> anyhow::Result<()> {
        match &self.stores {
            Some(stores) => stores.back_up(),
            None => replace_files(&self.dir().join("data"), &self.dir().join("backup")),
        }
    }

    /// Puts back what [`Self::back_up`] copied and moves the audit sink aside, as an operator does.
    pub fn restore(&self) -> anyhow::Result<()> {
        let data = self.dir().join("data");
        std::fs::rename(data.join("audit"), self.dir().join("audit-aside"))?;
        match &self.stores {
            Some(stores) => stores.restore(),
            None => replace_files(&self.dir().join("backup"), &data),
        }
    }

    /// The URL that the suite finds in its configuration, where it is on PostgreSQL.
    pub fn database_url(&self) -> Option<&str> {
        self.stores
            .as_ref()
            .map(|stores| stores.database_url.as_str())
    }

    /// What a statement answers on the suite's own PostgreSQL database, unaligned.
    pub fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let stores = self
            .stores
            .as_ref()
            .context("the suite is not on PostgreSQL")?;
        stores.ask(statement)
    }

    /// As [`Self::sql`], with every tenant's rows.
    pub fn sql_as_admin(&self, statement: &str) -> anyhow::Result<String> {
        let stores = self
            .stores
            .as_ref()
            .context("the suite is not on PostgreSQL")?;
        crate::backend::ask(&stores.admin_url, statement)
    }

    /// As [`Self::sql_as_admin`], without the wait: for statements that take their time.
    pub fn sql_in_background(&self, statement: &str) -> anyhow::Result<Process> {
        let stores = self
            .stores
            .as_ref()
            .context("the suite is not on PostgreSQL")?;
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--command", statement, &stores.admin_url]);
        Process::spawn(&mut psql, &self.dir().join("psql.log"))
    }

    /// kill -9 of one process, by its place in [`Self::addresses`].
    pub fn kill_one(&mut self, place: usize) -> anyhow::Result<()> {
        self.processes
            .get_mut(place)
            .context("there is no such process")?
            .kill()
    }

    /// Starts what [`Self::kill_one`] ended, and waits until it serves.
    pub async fn start_one_again(&mut self, place: usize) -> anyhow::Result<()> {
        let program = self
            .programs
            .get(place)
            .context("there is no such program")?;
        let process = self
            .processes
            .get_mut(place)
            .context("there is no such process")?;
        *process = program.spawn(&self.environment, self.dir.path())?;
        program.wait_until_serving(process).await
    }

    /// A token of a person with these roles in this tenant, or of a service with a service's.
    pub fn token(&self, roles: &[Role], tenant: &TenantId) -> anyhow::Result<String> {
        let kind = match roles.contains(&Role::Service) {
            true => PrincipalKind::Service,
            false => PrincipalKind::Person,
        };
        let principal = Principal {
            kind,
            id: "tester".to_owned(),
        };
        let grant = Grant::new(tenant.clone(), principal, roles.to_vec(), TOKEN_TTL);
        Ok(self.signing.mint(grant)?)
    }

    /// Clients of an admin of the suite's tenant.
    pub fn clients(&self) -> anyhow::Result<Clients> {
        self.clients_as(&[Role::Admin], &self.tenant)
    }

    pub fn clients_as(&self, roles: &[Role], tenant: &TenantId) -> anyhow::Result<Clients> {
        Clients::new(&self.addresses(), &self.token(roles, tenant)?)
    }

    /// As an admin of the suite's tenant, by the names of RPCs; as a service what only those may ask.
    pub fn caller(&self) -> anyhow::Result<Caller> {
        let token = self.token(&[Role::Service], &self.tenant)?;
        self.caller_as(&[Role::Admin], &self.tenant)?
            .with_service(&self.addresses(), &token)
    }

    pub fn caller_as(&self, roles: &[Role], tenant: &TenantId) -> anyhow::Result<Caller> {
        Caller::new(&self.addresses(), &self.token(roles, tenant)?)
    }

    /// Clients that show no token.
    pub fn strangers(&self) -> anyhow::Result<Clients> {
        Clients::new(&self.addresses(), "")
    }
}

/// Copies the files of one folder, other than folders in it, in place of those of another.
fn replace_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    let files = |dir: &Path| -> anyhow::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(dir)?;
        let paths: Vec<_> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        Ok(paths.into_iter().filter(|path| path.is_file()).collect())
    };
    std::fs::create_dir_all(to)?;
    for file in files(to)? {
        std::fs::remove_file(file)?;
    }
    for file in files(from)? {
        let name = file.file_name().context("a file has a name")?;
        std::fs::copy(&file, to.join(name))?;
    }
    Ok(())
}

/// The root key and the signing key, where the configuration points.
fn make_keys(dir: &Path) -> anyhow::Result<SigningKey> {
    let keys = dir.join("keys");
    std::fs::create_dir(&keys)?;
    let (a, b) = (Uuid::new_v4(), Uuid::new_v4());
    let root =
        base64::engine::general_purpose::STANDARD.encode([a.into_bytes(), b.into_bytes()].concat());
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(keys.join("root.key"))?;
    std::io::Write::write_all(&mut file, root.as_bytes())?;
    Ok(SigningKey::generate(&keys.join("signing.pem"))?)
}

fn write_programs(plan: Plan, dir: &Path, stores: Option<&Stores>) -> anyhow::Result<Vec<Program>> {
    let ports: Vec<_> = SERVICES
        .iter()
        .map(|_| Port::hold())
        .collect::<Result<_, _>>()?;
    let mut shared = format!(
        "log_level = {:?}\nlog_format = \"json\"\nanonymous_loopback = false\n\
         erasure_settle_secs = 1\n\
         data_dir = {:?}\nroot_key_file = {:?}\nsigning_key_file = {:?}\n",
        plan.log_level,
        dir.join("data"),
        dir.join("keys/root.key"),
        dir.join("keys/signing.pem"),
    );
    if let Some(stores) = stores {
        shared += &format!(
            "database_url = {:?}\nredis_url = {:?}\nauto_migrate = false\n",
            stores.database_url, stores.redis_url
        );
    }
    let mut peers = "[peers]\n".to_owned();
    for (name, port) in SERVICES.iter().zip(&ports) {
        peers += &format!("{name} = \"http://{}\"\n", port.address());
    }
    let write = |name: &str, port: Port, serve: &[&str]| -> anyhow::Result<Program> {
        let config = dir.join(format!("{name}.toml"));
        std::fs::write(
            &config,
            format!("listen = \"{}\"\n{shared}{peers}", port.address()),
        )?;
        let mut arguments: Vec<String> = serve.iter().map(|word| (*word).to_owned()).collect();
        arguments.extend(["--config".to_owned(), config.to_string_lossy().into_owned()]);
        Ok(Program {
            path: program(name)?,
            arguments,
            log: dir.join(format!("{name}.log")),
            port,
        })
    };
    match plan.shape {
        Shape::OneProcess => {
            let port = ports.into_iter().next().context("there are services")?;
            Ok(vec![write("dossier", port, &["serve"])?])
        }
        Shape::FourProcesses => SERVICES
            .iter()
            .zip(ports)
            .map(|(name, port)| write(&format!("dossier-{name}"), port, &[]))
            .collect(),
    }
}

/// As an operator does before the first start on PostgreSQL.
fn migrate(serving: &Program, dir: &Path) -> anyhow::Result<()> {
    let config = serving
        .arguments
        .last()
        .context("the configuration is the last argument")?;
    let output = Command::new(program("dossier")?)
        .args(["migrate", "--config", config])
        .current_dir(dir)
        .output()?;
    if !output.status.success() {
        bail!(
            "`dossier migrate` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

async fn serves(port: &Port) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{}", port.address())) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
