//! What a service stands on: its database, opened and of the right schema, its feed, its vault.

use std::time::Duration;

use dossier_db::{Db, Options};
use dossier_feed::Feed;
use dossier_kernel::{Error, Reason, Result};
use dossier_vault::{RootKeys, Vault};
use sea_orm_migration::MigrationTrait;

use crate::config::Config;
use crate::recipe::Recipe;

/// Readers of a SQLite file: reads are short, and each connection costs memory.
const SQLITE_READERS: u32 = 4;

pub(crate) struct Ground {
    pub recipe: Recipe,
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
}

impl Ground {
    pub async fn open(config: &Config, recipe: Recipe, roots: RootKeys) -> Result<Self> {
        let db = open(config, recipe).await?;
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
            roots,
            key_life: Duration::from_secs(config.key_life_secs),
        };
        let vault = Vault::open(options, db.clone()).await?;
        Ok(Self {
            recipe,
            db,
            feed,
            vault,
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

async fn open(config: &Config, recipe: Recipe) -> Result<Db> {
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
        },
        dossier_feed::append,
    )
    .await
}

/// The shared tables first: a service's own migrations may refer to them.
fn migrations(recipe: Recipe) -> Vec<Box<dyn MigrationTrait>> {
    let mut all = vec![
        dossier_db::migration(),
        dossier_feed::migration(),
        dossier_vault::migration(),
    ];
    all.extend((recipe.migrations)());
    all
}
