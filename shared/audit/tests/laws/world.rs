//! A database with a log, and ways to use and to abuse it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dossier_audit::{Audit, AuditKey, Limits, Options, Report, Seen, Sink, VerifierKey, verify};
use dossier_db::testing::TestDb;
use dossier_db::{Backend, Position, Staged};
use dossier_kernel::{AuditLevel, Call, Ctx, Principal, PrincipalKind, Result, TenantId};
use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sea_orm_migration::MigrationTrait;
use tempfile::TempDir;
use uuid::Uuid;

pub const SERVICE: &str = "profile";

pub struct World {
    pub test: TestDb,
    pub audit: Audit,
    pub key: AuditKey,
    folder: TempDir,
}

impl World {
    pub async fn each() -> Vec<Self> {
        Self::each_with(Limits::default()).await
    }

    pub async fn each_with(limits: Limits) -> Vec<Self> {
        let mut all = Vec::new();
        for test in TestDb::each(migrations, before_commit).await {
            all.push(Self::of(test, limits));
        }
        all
    }

    /// The same log, as another process keeps it.
    pub async fn another(&self) -> Audit {
        let options = Options {
            service: SERVICE,
            key: self.key.clone(),
            sink: None,
            limits: Limits::default(),
        };
        Audit::new(self.test.reopen().await, options)
    }

    fn of(test: TestDb, limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = AuditKey::from_seed(&[7; 32]);
        let options = Options {
            service: SERVICE,
            key: key.clone(),
            sink: Some(folder.path().to_owned()),
            limits,
        };
        let audit = Audit::new(test.db.clone(), options);
        Self {
            test,
            audit,
            key,
            folder,
        }
    }

    pub fn sink_path(&self) -> PathBuf {
        self.folder.path().join(SERVICE)
    }

    pub fn sink(&self) -> Sink {
        Sink::new(self.folder.path(), SERVICE)
    }

    pub fn verifier(&self) -> VerifierKey {
        self.audit.log().verifier()
    }

    pub async fn mutate(&self, ctx: &Ctx, resource: &str) -> Result<()> {
        let resource = resource.to_owned();
        let work = self.test.db.write(ctx, move |tx| {
            Box::pin(async move {
                tx.touch(resource, ["display_name"]);
                Ok(())
            })
        });
        work.await.map(|_| ())
    }

    /// `count` events, integrated and exported.
    pub async fn fill(&self, count: usize) {
        let ctx = writing("shop");
        for n in 0..count {
            self.mutate(&ctx, &format!("customers/{n}"))
                .await
                .expect("writes");
        }
        self.audit.turn().await.expect("turns");
    }

    pub async fn verify(&self) -> Report {
        verify(&self.audit.log(), &self.verifier(), Some(&self.sink()))
            .await
            .expect("verifies")
    }

    /// What somebody with all rights on the database does, triggers or not.
    pub async fn abuse(&self, statements: &[&str]) {
        let off: &[&str] = match self.test.db.backend() {
            Backend::Postgres => &[
                "ALTER TABLE audit_event DISABLE TRIGGER USER",
                "ALTER TABLE audit_tile DISABLE TRIGGER USER",
                "ALTER TABLE audit_head DISABLE TRIGGER USER",
            ],
            Backend::Sqlite => &[
                "DROP TRIGGER IF EXISTS audit_event_kept",
                "DROP TRIGGER IF EXISTS audit_event_placed_once",
                "DROP TRIGGER IF EXISTS audit_tile_kept",
                "DROP TRIGGER IF EXISTS audit_tile_grows",
                "DROP TRIGGER IF EXISTS audit_head_kept",
                "DROP TRIGGER IF EXISTS audit_head_grows",
            ],
        };
        for sql in off.iter().chain(statements) {
            self.execute(sql).await.expect(sql);
        }
    }

    pub async fn execute(&self, sql: &str) -> Result<()> {
        let sql = sql.to_owned();
        let ctx = Ctx::service("laws", TenantId::all());
        let work = self.test.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let done = tx.conn().execute_unprepared(&sql).await;
                done.map(|_| ()).map_err(dossier_db::error)
            })
        });
        work.await.map(|_| ())
    }
}

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration(), dossier_audit::migration()]);
    all
}

pub fn before_commit<'a>(
    txn: &'a DatabaseTransaction,
    backend: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, Result<Vec<Position>>> {
    Box::pin(async move {
        dossier_audit::append(txn, backend, staged).await?;
        dossier_feed::append(txn, backend, staged).await
    })
}

pub fn writing(tenant: &str) -> Ctx {
    calling(tenant, "UpdateCustomer", AuditLevel::Write)
}

pub fn reading(tenant: &str) -> Ctx {
    calling(tenant, "GetCustomer", AuditLevel::Read)
}

fn calling(tenant: &str, method: &str, audit: AuditLevel) -> Ctx {
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "amy".to_owned(),
    };
    let tenant = TenantId::parse(tenant).expect("a tenant");
    let mut ctx = Ctx::new(tenant, principal, Vec::new());
    ctx.purpose = Some("support".to_owned());
    ctx.call = Some(Arc::new(Call {
        method: format!("dossier.profile.v1.CustomerService/{method}").into(),
        permission: "profile.customers.read".into(),
        audit,
    }));
    ctx
}

pub fn direct(id: u128) -> Seen {
    let mut seen = Seen::of("customers");
    seen.resource(Uuid::from_u128(id));
    seen.direct("display_name");
    seen
}

pub fn sensitive(id: u128) -> Seen {
    let mut seen = direct(id);
    seen.sensitive("attributes.blood_type");
    seen
}

/// Waits for what happens in the background, at most ten seconds.
pub async fn eventually<F: Future<Output = bool>>(mut check: impl FnMut() -> F, what: &str) {
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while !check().await {
        assert!(tokio::time::Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
