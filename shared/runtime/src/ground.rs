//! What a service stands on: its database, opened and of the right schema, its feed, its vault and
//! its audit log.

use std::time::Duration;

use dossier_audit::{Audit, Limits};
use dossier_db::{BeforeCommit, Db, Options};
use dossier_feed::Feed;
use dossier_kernel::{Error, Reason, Result};
use dossier_vault::Vault;
use sea_orm_migration::MigrationTrait;

use crate::config::Config;
use crate::journal::Journal;
use crate::keys::Keys;
use crate::recipe::Recipe;
use crate::subject::{Outcomes, Told};
use crate::wall;

/// Readers of a SQLite file: reads are short, and each connection costs memory.
const SQLITE_READERS: u32 = 4;

pub(crate) struct Ground {
    pub recipe: Recipe,
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
    pub audit: Audit,
}

impl Ground {
    pub async fn open(config: &Config, recipe: Recipe, keys: &Keys) -> Result<Self> {
        let db = open(config, recipe).await?;
        wall::check(db.wall().await?, config.profile, recipe.name)?;
        if config.migrates_itself() {
            let applied = db.migrate(migrations(recipe)).await?;
            if applied > 0 {
                tracing::info!(service = recipe.name, applied, "database migrated");
            }
        } else {
            db.check_migrated(&migrations(recipe)).await?;
        }
        let feed = Feed::open(db.clone(), dossier_feed::Options::default());
        let options = dossier_vault::Options {
            roots: keys.roots.clone(),
            key_life: Duration::from_secs(config.key_life_secs),
        };
        let vault = Vault::open(options, db.clone()).await?;
        let audit = audit(config, recipe, db.clone(), keys);
        Ok(Self {
            recipe,
            db,
            feed,
            vault,
            audit,
        })
    }
}

/// Brings one service's database to the current schema; says how many migrations were missing.
pub(crate) async fn migrate(config: &Config, recipe: Recipe) -> Result<u32> {
    let db = open(config, recipe).await?;
    let applied = db.migrate(migrations(recipe)).await;
    db.close().await;
    applied
}

/// Begins another history of the service's feed, and has everybody erased again who was erased since
/// the copy was made; says how many customers that are. FAILED_PRECONDITION without a journal, unless
/// it may be missing.
pub(crate) async fn restored(
    config: &Config,
    recipe: Recipe,
    without_journal: bool,
) -> Result<u64> {
    let journal = Journal::at(config.erasure_journal_path());
    let erased = match recipe.replay {
        None => None,
        Some(replay) => match journal.read()? {
            Some(entries) => Some((replay, entries)),
            None if without_journal => None,
            None => return Err(journal.missing()),
        },
    };
    let db = open(config, recipe).await?;
    let renewed = async {
        db.check_migrated(&migrations(recipe)).await?;
        let feed = Feed::open(db.clone(), dossier_feed::Options::default());
        feed.renew_epoch().await?;
        match erased {
            None => Ok(0),
            Some((replay, entries)) => replay(db.clone(), entries).await,
        }
    };
    let renewed = renewed.await;
    db.close().await;
    renewed
}

/// A service's log; nobody keeps it yet.
pub(crate) fn audit(config: &Config, recipe: Recipe, db: Db, keys: &Keys) -> Audit {
    let options = dossier_audit::Options {
        service: recipe.name,
        key: keys.audit.clone(),
        sink: Some(config.audit_sink_path()),
        limits: Limits::default(),
    };
    Audit::new(db, options)
}

pub(crate) async fn open(config: &Config, recipe: Recipe) -> Result<Db> {
    let (url, max_connections) = match &config.database_url {
        Some(url) => (url.clone(), config.database_connections_max),
        None => {
            let file = config.data_dir.join(format!("dossier-{}.db", recipe.name));
            let file = file.to_str().ok_or_else(|| {
                Error::new(Reason::InvalidArgument, "data_dir must be a path in UTF-8.")
            })?;
            (format!("sqlite://{file}"), SQLITE_READERS)
        }
    };
    Db::open(
        Options {
            url,
            schema: recipe.name,
            max_connections,
            outcomes_name_customers: recipe.held.outcomes == Outcomes::NameCustomers,
        },
        BEFORE_COMMIT,
    )
    .await
}

/// Writes what was staged: events of the audit log first, because the feed's part makes others wait
/// until the commit.
const BEFORE_COMMIT: BeforeCommit = |txn, backend, staged| {
    Box::pin(async move {
        dossier_audit::append(txn, backend, staged).await?;
        dossier_feed::append(txn, backend, staged).await
    })
};

/// All of a service. The shared tables first: its own migrations may refer to them.
pub fn migrations(recipe: Recipe) -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([
        dossier_feed::migration(),
        dossier_vault::migration(),
        dossier_audit::migration(),
    ]);
    if let Told::Blanked { .. } = recipe.held.told {
        all.push(dossier_feed::by_subject());
    }
    all.extend((recipe.migrations)());
    all
}
