//! W13: what being asked who you are, whether you may, decryption and the audit log take of W1: the
//! processor time of each part, measured apart, beside that of a whole GetCustomer in the server.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dossier_access::{Access, Facts, Grant, Rules, SigningKey, Verifier, VerifierOptions};
use dossier_audit::Seen;
use dossier_db::BeforeCommit;
use dossier_db::testing::TestDb;
use dossier_kernel::{Clock, Ctx, CustomerId, Principal, PrincipalKind, Role, TenantId};
use dossier_testkit::{Backend, Clients, Suite};
use uuid::Uuid;

use crate::pairs::{Series, verdict};
use crate::{seal, w1};

const EACH: u32 = 50_000;
/// What the suite reads between two turns of its audit log, of which there are two in a second.
const READS_PER_TURN: u32 = 10_000;
const TAX_MAX: f64 = 0.10;
const SERVICE: &str = "dossier.profile.v1.CustomerService";
/// Of Linux: the unit of the times in `/proc/{pid}/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let token = suite.token(&[Role::Agent], suite.tenant())?;
    let clients = Clients::new(&suite.addresses(), &token)?;
    let customers = w1::populate(&suite).await?;
    w1::ask(&clients, &customers).await?;
    let parts = Parts::new().await?;

    println!("W13 processor time of GetCustomer in the server, and of its guards apart");
    let mut taxes = Series::new();
    let process = *suite.process_ids().first().context("a process")?;
    for pair in 1..=pairs {
        let before = processor_time(process)?;
        let load = w1::ask(&clients, &customers).await?;
        let spent = processor_time(process)? - before;
        let call = spent.as_secs_f64() / (load.calls_per_second * w1::HOW_LONG.as_secs_f64());
        let [token, policies, decryption, audit] = parts.measure().await?;
        let guards = (token + policies + decryption + audit).as_secs_f64();
        taxes.push(guards / (call - guards));
        println!(
            "  {pair}: a call {:.1} µs; token {token:?}, policies {policies:?}, decryption \
             {decryption:?}, audit {audit:?}",
            call * 1e6
        );
    }
    println!(
        "  tax {}, bar <= {TAX_MAX}: {}",
        taxes.shown(3),
        verdict(taxes.median() <= TAX_MAX)
    );
    parts.db.discard().await;
    Ok(())
}

const BEFORE_COMMIT: BeforeCommit = |txn, backend, staged| {
    Box::pin(async move {
        dossier_audit::append(txn, backend, staged).await?;
        dossier_feed::append(txn, backend, staged).await
    })
};

/// What guards a read, outside of any server.
struct Parts {
    db: TestDb,
    token: String,
    verifier: Verifier,
    access: Access,
    rules: Rules,
    ctx: Ctx,
    cell: seal::Cell,
    audit: dossier_audit::Audit,
}

impl Parts {
    async fn new() -> anyhow::Result<Self> {
        let signing = SigningKey::ephemeral()?;
        let principal = Principal {
            kind: PrincipalKind::Person,
            id: "reader".to_owned(),
        };
        let tenant = TenantId::embedded_default();
        let roles = vec![Role::Agent];
        let hour = Duration::from_secs(3_600);
        let grant = Grant::new(tenant.clone(), principal.clone(), roles.clone(), hour);
        let token = signing.mint(grant)?;
        let rules = Rules::from_descriptors(dossier_proto::DESCRIPTORS, &[SERVICE])?;
        let rule = rules.get(&path()).context("a rule")?;
        let mut ctx = Ctx::new(tenant, principal, roles);
        ctx.call = Some(Arc::clone(&rule.call));
        let migrations = || {
            let mut all = dossier_db::migrations();
            all.extend([dossier_feed::migration(), dossier_audit::migration()]);
            all
        };
        let db = TestDb::sqlite(migrations, BEFORE_COMMIT).await;
        Ok(Self {
            audit: dossier_audit::testing::idle(db.reopen().await),
            db,
            token,
            verifier: Verifier::new(VerifierOptions::local(vec![signing.public_key()])),
            access: Access::shipped(dossier_proto::DESCRIPTORS)?,
            rules,
            ctx,
            cell: seal::Cell::new().await?,
        })
    }

    /// The time that each part takes of one read.
    async fn measure(&self) -> anyhow::Result<[Duration; 4]> {
        let now = Clock::system().now();
        let token = each(|| {
            black_box(self.verifier.verify(&self.token, now)?);
            Ok(())
        })?;
        let rule = self.rules.get(&path()).context("a rule")?;
        let policies = each(|| {
            self.access.gate(&self.ctx, rule)?;
            black_box(self.access.sight(&self.ctx, Facts::default())?);
            Ok(())
        })?;
        let decryption = each(|| self.cell.open())?;
        let before = own_processor_time()?;
        for _ in 0..EACH / READS_PER_TURN {
            for _ in 0..READS_PER_TURN {
                self.audit.saw(&self.ctx, seen()).await?;
            }
            self.audit.turn().await?;
        }
        let audit = own_processor_time()?.saturating_sub(before) / EACH;
        Ok([token, policies, decryption, audit])
    }
}

fn path() -> String {
    format!("/{SERVICE}/GetCustomer")
}

fn seen() -> Seen {
    let mut seen = Seen::of(CustomerId::COLLECTION);
    for field in ["display_name", "given_name", "family_name"] {
        seen.direct(field);
    }
    seen.resource(Uuid::now_v7());
    seen
}

fn each(work: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let before = own_processor_time()?;
    for _ in 0..EACH {
        work()?;
    }
    Ok(own_processor_time()?.saturating_sub(before) / EACH)
}

/// Of all threads of this process so far (Linux's `/proc/self/task/{thread}/schedstat`, in ns): the log
/// also waits for the disk, which takes no processor.
fn own_processor_time() -> anyhow::Result<Duration> {
    let mut spent = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        // A thread that ends meanwhile has spent next to nothing.
        let Ok(stat) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let own = stat.split_whitespace().next().context("its time")?;
        spent += own.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(spent))
}

/// User and system time of a process so far (proc(5), fields 14 and 15).
fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit(')').next().context("the name's end")?;
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap_or_default())
        .sum();
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}
